"""Allow, deny or escalate: what stored policy says of a submitted action (contract.md sections 3 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any, Final

from handshake.core.jsonio import number, plain
from handshake.core.reasons import ReasonCode
from handshake.core.tiers import DENIAL_TIER, Outcome
from handshake.policy.rules import (
    MAX_AMOUNT,
    MINUTES_PER_DAY,
    EffectivePolicy,
    PolicyInForce,
    effective,
    limits_in_context,
)
from handshake.requests.submission import Submission

ESCALATIONS_PER_WINDOW: Final = 5
ESCALATION_WINDOW_MS: Final = 10 * 60 * 1000
# What a day's spend is counted in: fine enough for any currency, and within DynamoDB's 38 digits.
_SPEND_UNIT: Final = Decimal("1e-9")


@dataclass(frozen=True)
class Trigger:
    """Which rule escalated an action: the policy key, its limit, and the value that crossed it."""

    rule: str
    limit: Any
    value: Any


@dataclass(frozen=True)
class Decision:
    """What was decided. ``spend`` is what an allowed payment spends, and an escalated one once approved."""

    outcome: Outcome
    reason: ReasonCode
    tier: int
    trigger: Trigger | None = None
    spend: "Spend | None" = None


@dataclass(frozen=True)
class Spend:
    """An amount, and the daily limit that the agent's spend of that day must stay within with it."""

    amount: Decimal
    daily_limit: Decimal


def utc_day(timestamp_ms: int) -> str:
    """The UTC day (YYYY-MM-DD) of a time: the day a payment counts towards."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).date().isoformat()


def decide(submission: Submission, *, policy: PolicyInForce, spent: Decimal) -> Decision:
    """Judge ``submission`` by ``policy``; ``spent`` is what its agent has spent that UTC day."""
    if submission.action_type == "data_access":
        return _decide_data_access(submission)
    if submission.action_type == "payment":
        return _decide_payment(submission, policy, spent)
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1)


def throttle_escalation(decision: Decision, recent_ms: Sequence[int], *, now_ms: int) -> Decision:
    """Deny an escalation when its principal and agent already made five within ten minutes.

    ``recent_ms`` are the times (epoch ms) of their earlier escalations, in any order.
    """
    if decision.outcome != "escalate" or len(within_window(recent_ms, now_ms=now_ms)) < ESCALATIONS_PER_WINDOW:
        return decision
    return _deny(ReasonCode.SECURITY_ESCALATION_FLOOD_THROTTLED)


def within_window(times_ms: Sequence[int], *, now_ms: int) -> list[int]:
    """The escalation times that still count at ``now_ms``, oldest first."""
    return sorted(time for time in times_ms if time > now_ms - ESCALATION_WINDOW_MS)


def _deny(reason: ReasonCode) -> Decision:
    return Decision("deny", reason, DENIAL_TIER)


def _decide_data_access(submission: Submission) -> Decision:
    sensitivity = submission.facts.get("sensitivity", "")
    # A sensitivity that is not even text cannot be trusted to be low, so a person looks at it.
    if sensitivity == "ambiguous" or not isinstance(sensitivity, str):
        return Decision(
            "escalate",
            ReasonCode.HITL_SENSITIVE_AMBIGUOUS_ESCALATED,
            3,
            trigger=Trigger("sensitivity", None, "ambiguous"),
        )
    authorized = submission.facts.get("authorizedSensitiveScope") is True
    if sensitivity in ("high", "confidential") and not authorized:
        return _deny(ReasonCode.POLICY_SENSITIVE_SCOPE_DENIED)
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1)


def _decide_payment(submission: Submission, policy: PolicyInForce, spent: Decimal) -> Decision:
    amount = number(submission.facts.get("amount"))
    category = submission.facts["category"]
    caller_limits = limits_in_context(submission.facts)
    if amount is None or amount < 0 or caller_limits is None or not isinstance(category, str):
        return _deny(ReasonCode.POLICY_INVALID_REQUEST)
    rules: EffectivePolicy = effective(policy.global_limits, policy.agent_limits, caller_limits)
    if amount > MAX_AMOUNT:
        return _deny(ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED)
    # Rounded against the spender on both sides, so no sum of fractions slips past the limit.
    spend = Spend(amount.quantize(_SPEND_UNIT, ROUND_UP), rules.daily_spend_limit.quantize(_SPEND_UNIT, ROUND_DOWN))
    if spent + spend.amount > spend.daily_limit:
        return _deny(ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED)
    if category not in rules.categories:
        return _deny(ReasonCode.POLICY_CATEGORY_NOT_ALLOWED)
    minute = submission.timestamp_ms // 60_000 % MINUTES_PER_DAY
    if not all(window.holds(minute) for window in rules.hours):
        return _deny(ReasonCode.POLICY_OUTSIDE_ALLOWED_HOURS)
    if amount > rules.max_transaction:
        return Decision(
            "escalate",
            ReasonCode.HITL_BOUNDARY_ESCALATED,
            4 if amount > 2 * rules.max_transaction else 3,
            trigger=Trigger("max_transaction", plain(rules.max_transaction), plain(amount)),
            spend=spend,
        )
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=spend)
