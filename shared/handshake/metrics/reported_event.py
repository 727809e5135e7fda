"""The body of ``POST /metrics/project``: an event that a caller reports (contract.md section 5)."""

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from handshake.core import shapes
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import number
from handshake.core.reasons import Reason, describe
from handshake.core.shapes import EventTier, Outcome, Schema, Tier
from handshake.core.text import id_fault
from handshake.core.tiers import RISK_TIERS
from handshake.metrics.events import MetricsEvent
from handshake.metrics.rollup import COST_SCALE

# Not a decision's reason, so not in the registry.
INVALID_METRICS_EVENT: Final = Reason("invalid_metrics_event", "metrics", 400, "blocked", "retry_after_remediation")
YEAR_2020_MS: Final = 1_577_836_800_000
MAX_AHEAD_MS: Final = 5 * 60 * 1000
# In billionths, 10^19 of these still add up within DynamoDB's 38 digits.
MAX_COST: Final = Decimal(10) ** 9
_COST_STEP: Final = Decimal(1) / COST_SCALE


def _id(value: str) -> str:
    if fault := id_fault(value):
        raise ValueError(fault)
    return value


def _finite(value: Any) -> Decimal:
    result = number(value)
    if result is None:
        raise ValueError("not a finite number")
    return result


def _whole_ms(value: Any) -> int:
    return math.floor(_finite(value))


def _known_time(value: int, info: ValidationInfo) -> int:
    now_ms: int = info.context  # type: ignore[assignment]  # parse_reported_event gives it
    if not YEAR_2020_MS <= value <= now_ms + MAX_AHEAD_MS:
        raise ValueError("before 2020, or more than five minutes ahead")
    return value


def _cost(value: Any) -> Decimal:
    amount = _finite(value)
    if not 0 <= amount <= MAX_COST:
        raise ValueError("out of range")
    return amount.quantize(_COST_STEP, ROUND_HALF_EVEN)


def _tier_name(value: Any) -> Any:
    tier = number(value)
    return RISK_TIERS[int(tier)] if tier is not None and tier in range(5) else value


Id = Annotated[shapes.NewId, AfterValidator(_id)]
TimeMs = Annotated[
    int,
    BeforeValidator(_whole_ms),
    AfterValidator(_known_time),
    Schema(like=float, minimum=0),
]
Cost = Annotated[Decimal, BeforeValidator(_cost), Schema(like=float, minimum=0, maximum=int(MAX_COST))]


class ReportedEvent(BaseModel):
    """One decision that was made elsewhere. An optional field that is null counts as left out."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel, defer_build=True)

    event_id: Annotated[Id, "The first event of an id stays as it is."]
    request_id: Id
    timestamp_ms: Annotated[TimeMs, "Like every time here from 2020 on, and at most five minutes ahead."]
    decision: Outcome
    reason_code: Id
    reason_family: Annotated[Id, "The registry's word goes over it."]
    risk_tier: Annotated[EventTier, BeforeValidator(_tier_name), Schema(like=EventTier | Tier)]
    is_terminal: bool = True
    has_valid_lineage: bool = True
    incident_detected_ts_ms: TimeMs | None = None
    terminal_decision_ts_ms: Annotated[TimeMs | None, "Not before ``incidentDetectedTsMs``."] = None
    human_minutes: Cost = Decimal(0)
    compute_cost_units: Cost = Decimal(0)
    escalation_overhead_units: Cost = Decimal(0)

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        began, ended = self.incident_detected_ts_ms, self.terminal_decision_ts_ms
        if began is not None and ended is not None and ended < began:
            raise ValueError("the terminal decision comes before the incident")
        return self

    def event(self) -> MetricsEvent:
        """Make the event to append. The registry's word on the family goes over the caller's."""
        return MetricsEvent(
            event_id=self.event_id,
            request_id=self.request_id,
            timestamp_ms=self.timestamp_ms,
            decision=self.decision,
            reason_code=self.reason_code,
            reason_family=describe(self.reason_code).family,
            risk_tier=self.risk_tier,
            is_terminal=self.is_terminal,
            has_valid_lineage=self.has_valid_lineage,
            incident_detected_ms=self.incident_detected_ts_ms,
            terminal_decision_ms=self.terminal_decision_ts_ms,
            human_minutes=self.human_minutes,
            compute_cost_units=self.compute_cost_units,
            escalation_overhead_units=self.escalation_overhead_units,
            reported=True,
        )


def parse_reported_event(body: Any, *, now_ms: int) -> MetricsEvent:
    """Check ``body`` at ``now_ms`` (epoch ms); a field that is null counts as absent.

    Raises HandshakeError invalid_metrics_event, naming the fields that are missing or wrong.
    """
    if not isinstance(body, dict):
        raise _refusal("The event must be an object.")
    try:
        given = {name: value for name, value in body.items() if value is not None}
        return ReportedEvent.model_validate(given, context=now_ms).event()
    except ValidationError as fault:
        wrong = {str(error["loc"][0]) for error in fault.errors() if error["loc"]}
        raise _refusal(
            f"The event is incomplete or wrong at: {', '.join(sorted(wrong))}."
            if wrong
            else "terminalDecisionTsMs is before incidentDetectedTsMs."
        ) from None


def _refusal(message: str) -> HandshakeError:
    return HandshakeError(INVALID_METRICS_EVENT, message)
