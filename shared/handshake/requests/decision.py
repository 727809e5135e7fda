"""Allow, deny or escalate: what stored policy says of a submitted action (contract.md sections 3 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.tiers import DENIAL_TIER, Outcome
from handshake.policy.rule_keys import DAILY_SPEND_LIMIT, MAX_AMOUNT, MINUTES_PER_DAY, Payment, Spend, Trigger
from handshake.policy.rules import PolicyInForce, effective, limits_in_context
from handshake.requests.submission import Submission

ESCALATIONS_PER_WINDOW: Final = 5
ESCALATION_WINDOW_MS: Final = 10 * 60 * 1000


@dataclass(frozen=True)
class Escalations:
    """The recent escalations of a principal and agent (epoch ms), and the version that a change must still find."""

    times_ms: tuple[int, ...] = ()
    version: int = 0


@dataclass(frozen=True)
class Decision:
    """What was decided. ``spend`` is what an allowed payment spends, and an escalated one once approved."""

    outcome: Outcome
    reason: ReasonCode
    tier: int
    trigger: Trigger | None = None
    spend: Spend | None = None


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
    if amount > MAX_AMOUNT:
        return _deny(ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED)
    limits = effective(policy.global_limits, policy.agent_limits, caller_limits)
    payment = Payment(amount, category, submission.timestamp_ms // 60_000 % MINUTES_PER_DAY, spent)
    crossed = limits.judge(payment)
    if crossed and crossed.outcome == "deny":
        return _deny(crossed.reason)
    spend = Spend.of(amount, limits[DAILY_SPEND_LIMIT])
    if crossed:
        return Decision(crossed.outcome, crossed.reason, crossed.tier, crossed.trigger, spend)
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=spend)
