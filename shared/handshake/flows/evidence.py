"""Evidence, as every use case leaves it and as callers read it."""

from collections.abc import Sequence
from dataclasses import replace

from handshake.domain.evidence import Entry, EvidenceEvent, link
from handshake.domain.record import RequestRecord


def chained(
    record: RequestRecord, entries: Sequence[Entry], *, now_ms: int
) -> tuple[RequestRecord, list[EvidenceEvent]]:
    """``record`` with its chain extended by ``entries``, and the events to write with it."""
    events = link(record.chain, record.request_id, entries, now_ms=now_ms)
    return replace(record, chain=record.chain.extended_by(events)), events
