"""Verify evidence: every request's events against its record."""

from collections.abc import Iterator
from dataclasses import dataclass

from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.dynamo.context import Context
from handshake.requests import table as requests
from handshake.requests.evidence import broken_link


@dataclass(frozen=True)
class Finding:
    """The state of one request's evidence; ``broken`` names its first broken link, None when all of it holds."""

    request_id: str
    events: int
    broken: str | None


def verify(context: Context, request_id: str) -> Finding:
    """Verify the evidence of one request. An unknown request has none, which is a finding too."""
    context = context.within(RETRY_BUDGET_S)
    items = requests.read_partition(context.dynamo, context.tables.workflow, request_id)
    record, events = requests.split_partition(items)
    if record is None:
        return Finding(request_id, len(events), "there is no such request")
    broken = broken_link(record.chain, events)
    if broken is None and not any(event.detail.get("state") == record.state for event in events):
        broken = f"no event says how the request came to be {record.state.value}"
    return Finding(request_id, len(events), broken)


def verify_all(context: Context) -> Iterator[Finding]:
    """Verify every request there is, reading the whole table."""
    for request_id in requests.request_ids(context.dynamo, context.tables.workflow):
        yield verify(context, request_id)
