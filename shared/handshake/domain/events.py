"""The metrics event: one fact that roll-ups are folded from (contract.md section 5)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from handshake.domain.decision import Outcome, RiskTier, risk_tier
from handshake.domain.reasons import describe
from handshake.domain.record import RequestRecord
from handshake.domain.submission import DENIAL_TIER

EVENT_SCHEMA_VERSION: Final = "v1"


@dataclass(frozen=True)
class MetricsEvent:
    """One decision or security denial. Times are epoch ms; costs are in the contract's plain units.

    ``reason_family`` is the registry's family, or ``unknown``: never a caller's own word, so the set of
    families stays bounded.
    """

    event_id: str
    request_id: str
    timestamp_ms: int
    decision: Outcome
    reason_code: str
    reason_family: str
    risk_tier: RiskTier
    is_terminal: bool = True
    has_valid_lineage: bool = True
    incident_detected_ms: int | None = None
    terminal_decision_ms: int | None = None
    human_minutes: Decimal = Decimal(0)
    compute_cost_units: Decimal = Decimal(0)
    escalation_overhead_units: Decimal = Decimal(0)


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


def denial_event(
    reason_code: str, *, event_id: str, request_id: str, now_ms: int, tier: int = DENIAL_TIER
) -> MetricsEvent:
    """The event of a refusal. One outside a decision counts as tier 4 (contract.md section 5)."""
    return MetricsEvent(
        event_id=event_id,
        request_id=request_id,
        timestamp_ms=now_ms,
        decision="deny",
        reason_code=reason_code,
        reason_family=describe(reason_code).family,
        risk_tier=risk_tier(tier),
    )
