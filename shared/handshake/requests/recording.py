"""Evidence and metrics events, as every use case leaves them."""

from collections.abc import Sequence
from dataclasses import replace

from handshake.core.reasons import describe
from handshake.core.tiers import risk_tier
from handshake.metrics.events import MetricsEvent
from handshake.requests.evidence import Entry, EvidenceEvent, link
from handshake.requests.record import RequestRecord


def chained(
    record: RequestRecord, entries: Sequence[Entry], *, now_ms: int
) -> tuple[RequestRecord, list[EvidenceEvent]]:
    """``record`` with its chain extended by ``entries``, and the events to write with it."""
    events = link(record.chain, record.request_id, entries, now_ms=now_ms)
    return replace(record, chain=record.chain.extended_by(events)), events


def decision_event(record: RequestRecord, *, event_id: str, now_ms: int) -> MetricsEvent:
    """The event of the decision that ``record`` now holds.

    A closed escalation says when its incident was detected and when it ended, which is what AIRT measures.
    """
    closed_escalation = record.hitl_request_id is not None and record.state.terminal
    return MetricsEvent(
        event_id=event_id,
        request_id=record.request_id,
        timestamp_ms=now_ms,
        decision=record.outcome,
        reason_code=record.reason.value,
        reason_family=describe(record.reason).family,
        risk_tier=risk_tier(record.tier),
        is_terminal=record.state.terminal,
        incident_detected_ms=record.created_at_ms if closed_escalation else None,
        terminal_decision_ms=record.decided_at_ms if closed_escalation else None,
    )
