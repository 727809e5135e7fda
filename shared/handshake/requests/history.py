"""The index of history: what was closed, and what escalated before, newest first."""

from typing import Any, Final, NamedTuple

from handshake.core.agents import Agent
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key
from handshake.requests.history_query import HistoryQuery
from handshake.requests.listed_items import (
    HISTORY,
    agent_lane,
    listed_key,
    operation_lane,
    principal_lane,
    tenant_lane,
)
from handshake.requests.table import state_key
from handshake.trust.identity import Envelope

SHOWN: Final = 10
"""Escalations that a room shows of its agent, and of its operation."""
# Of one page, while few of a lane are what is asked for. What lies beyond takes another page, by its cursor.
_QUERIES: Final = 4
# Entries of the index that one query looks at to filter them: some 300 KB, a third of what DynamoDB reads at once.
_EXAMINED: Final = 1000


class Found(NamedTuple):
    """An entry of the index: a closed request, when that was, and the sort key of the evidence of its end."""

    request_id: str
    at_ms: int
    closing: str

    @property
    def keys(self) -> tuple[Key, Key]:
        """Give the keys of the request and of that evidence."""
        key = state_key(self.request_id)
        return key, {**key, "sk": self.closing}


def closed(
    dynamo: Dynamo, table: str, asked: HistoryQuery, envelope: Envelope
) -> tuple[list[Found], tuple[str, int] | None]:
    """Give one page of what ``asked`` names, newest first, and what the next one begins after; None for the last.

    At most four queries, whatever is stored: so a page may hold less than there is room for, and have a next one.
    """
    lane, sort_key = tenant_lane(asked.tenant_id) if asked.tenant_id else principal_lane(asked.principal_id)
    where, values = _filter(asked, envelope)
    options: dict[str, Any] = {"FilterExpression": " AND ".join(where)} if where else {}
    items: list[Item] = []
    start: Item | None = None
    if asked.after:
        request_id, at_ms = asked.after
        start = {**listed_key(request_id, sort_key), "history_lane": lane, "history_at": at_ms}
    for _ in range(_QUERIES):
        page = dynamo.query(
            table,
            "history_lane = :lane AND history_at BETWEEN :from AND :last",
            {":lane": lane, ":from": asked.from_ms, ":last": asked.to_ms - 1, **values},
            start=start,
            IndexName=HISTORY,
            ScanIndexForward=False,
            Limit=_EXAMINED if where else asked.limit,
            **options,
        )
        items += page.items
        start = page.next_key
        if start is None or len(items) >= asked.limit:
            break
    found = [Found(_request_id(item), int(item["history_at"]), item["closing"]) for item in items[: asked.limit]]
    if len(items) > asked.limit or (start and len(items) == asked.limit):
        return found, (found[-1].request_id, found[-1].at_ms)
    return found, (_request_id(start), int(start["history_at"])) if start else None


def _filter(asked: HistoryQuery, envelope: Envelope) -> tuple[list[str], dict[str, Any]]:
    """Give the conditions on an entry, and their values: of one's own, also that its tenant allows it (9.17)."""
    where, values = [], dict[str, Any]()
    if asked.outcome is not None:
        where.append("ended_as = :outcome")
        values[":outcome"] = asked.outcome
    if asked.actor is not None:
        where.append("ended_by = :actor")
        values[":actor"] = asked.actor
    if asked.tenant_id is None and envelope.tenant_id:
        where.append("(attribute_not_exists(tenant_id) OR tenant_id = :tenant)")
        values[":tenant"] = envelope.tenant_id
    elif asked.tenant_id is None and envelope.tenant_bound:
        where.append("attribute_not_exists(tenant_id)")
    return where, values


def of_agent(dynamo: Dynamo, table: str, agent: Agent, *, besides: str) -> list[Key]:
    """Give the keys of the last escalations of ``agent``, newest first, ``besides`` that of a request."""
    values = {":lane": agent_lane(agent)}
    options: dict[str, Any] = {"IndexName": HISTORY, "ScanIndexForward": False, "Limit": SHOWN + 1}
    page = dynamo.query(table, "history_lane = :lane", values, **options)
    return [state_key(other) for other in map(_request_id, page.items) if other != besides][:SHOWN]


def of_operation(dynamo: Dynamo, table: str, tenant_id: str | None, operation: str, *, before_ms: int) -> list[Key]:
    """Give the keys of the last escalations of an operation that were submitted ``before_ms``, newest first."""
    values = {":lane": operation_lane(tenant_id, operation), ":before": before_ms}
    options: dict[str, Any] = {"IndexName": HISTORY, "ScanIndexForward": False, "Limit": SHOWN}
    page = dynamo.query(table, "history_lane = :lane AND history_at < :before", values, **options)
    return [state_key(_request_id(item)) for item in page.items]


def _request_id(item: Item) -> str:
    return str(item["pk"]).removeprefix(state_key("")["pk"])
