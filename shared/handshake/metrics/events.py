"""The metrics event: one fact that roll-ups are folded from (contract.md section 5)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from handshake.core.reasons import describe
from handshake.core.tiers import DENIAL_TIER, RISK_TIERS, EventTier, Outcome

EVENT_SCHEMA_VERSION: Final = "v1"


@dataclass(frozen=True)
class MetricsEvent:
    """One decision or security denial. Times are epoch ms; costs are in the contract's plain units.

    ``reason_family`` is the registry's family, or ``unknown``: never a caller's own word, so the set of
    families stays bounded. A ``reported`` one is a caller's word, and none of the service's own. ``agent`` is the
    pseudonym of the agent whose submission was decided, None of every other event.
    """

    event_id: str
    request_id: str
    timestamp_ms: int
    decision: Outcome
    reason_code: str
    reason_family: str
    risk_tier: EventTier
    is_terminal: bool = True
    has_valid_lineage: bool = True
    incident_detected_ms: int | None = None
    terminal_decision_ms: int | None = None
    human_minutes: Decimal = Decimal(0)
    compute_cost_units: Decimal = Decimal(0)
    escalation_overhead_units: Decimal = Decimal(0)
    reported: bool = False
    agent: str | None = None


def denial_event(
    reason_code: str, *, event_id: str, request_id: str, now_ms: int, tier: int = DENIAL_TIER
) -> MetricsEvent:
    """Give the event of a refusal. One outside a decision counts as tier 4 (contract.md section 5)."""
    return MetricsEvent(
        event_id=event_id,
        request_id=request_id,
        timestamp_ms=now_ms,
        decision="deny",
        reason_code=reason_code,
        reason_family=describe(reason_code).family,
        risk_tier=RISK_TIERS[tier],
    )
