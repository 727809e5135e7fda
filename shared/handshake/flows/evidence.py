"""Evidence and metrics events, as every use case leaves them."""

from collections.abc import Sequence
from dataclasses import replace

from handshake.domain.events import MetricsEvent
from handshake.domain.evidence import Entry, EvidenceEvent, link
from handshake.domain.record import RequestRecord
from handshake.flows.context import Context
from handshake.store.dynamo import Put
from handshake.store.events import append_event


def chained(
    record: RequestRecord, entries: Sequence[Entry], *, now_ms: int
) -> tuple[RequestRecord, list[EvidenceEvent]]:
    """``record`` with its chain extended by ``entries``, and the events to write with it."""
    events = link(record.chain, record.request_id, entries, now_ms=now_ms)
    return replace(record, chain=record.chain.extended_by(events)), events


def counted(context: Context, event: MetricsEvent) -> Put:
    """The write that has ``event`` counted, once; one of a synthetic call is kept where nothing counts it."""
    return append_event(
        context.tables.metrics,
        event,
        correlation_id=context.correlation_id,
        now_ms=context.now_ms(),
        synthetic=context.synthetic,
    )
