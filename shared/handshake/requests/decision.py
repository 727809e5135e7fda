"""Allow, deny or escalate: what stored policy says of a submitted action (contract.md sections 3 and 9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple, assert_never

from handshake.agents.standing import AgentState
from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.text import folded
from handshake.core.tiers import DENIAL_TIER, ESCALATION_TIER, Outcome
from handshake.policy.budgets import NONE_KNOWN, Call, Reservation, Taken, judge_budgets
from handshake.policy.rule_keys import ESCALATIONS_PER_WINDOW, MINUTES_PER_DAY, Payment, Spend, Trigger, judge
from handshake.policy.rules import PolicyInForce
from handshake.policy.setting import BARE, Setting
from handshake.policy.verdict import Judgement, Named, join
from handshake.requests.submission import Submission

ESCALATION_WINDOW_MS: Final = 10 * 60 * 1000
# Of data (contract.md section 9.25). Everything else that a caller may name, beside nothing, is ambiguous.
NOT_SENSITIVE: Final = ("low", "medium", "public", "internal")
SENSITIVE: Final = ("high", "confidential", "secret", "restricted", "pii")
# Of what is escalated for nothing but the state of its agent (contract.md section 12).


class Escalations(NamedTuple):
    """The recent escalations of a principal and agent (epoch ms), and the version that a change must still find."""

    times_ms: tuple[int, ...] = ()
    version: int = 0


@dataclass(frozen=True)
class Decision:
    """The decision on an action. ``spend`` is what an allowed payment spends, and an escalated one once approved.

    ``reservations`` are its shares of budgets; ``policies``, ``message`` and ``notify`` are as a Judgement has them.
    """

    outcome: Outcome
    reason: ReasonCode
    tier: int
    trigger: Trigger | None = None
    spend: Spend | None = None
    reservations: tuple[Reservation, ...] = ()
    policies: tuple[Named, ...] = ()
    message: str | None = None
    notify: tuple[str, ...] = ()

    def joined(self, *, before: Iterable[Judgement] = (), after: Iterable[Judgement] = ()) -> "Decision":
        """Join to it what others say, who give the code before it or after it. What is denied takes nothing."""
        own = Judgement(
            self.outcome, self.reason, self.tier, self.policies, self.message, self.notify, trigger=self.trigger
        )
        judged = join([*before, own, *after])
        is_denied = judged.outcome == "deny"
        return Decision(
            judged.outcome,
            judged.reason,
            judged.tier,
            trigger=judged.trigger,
            spend=None if is_denied else self.spend,
            reservations=() if is_denied else self.reservations,
            policies=judged.policies,
            message=judged.message,
            notify=judged.notify,
        )


def utc_day(timestamp_ms: int) -> str:
    """Give the UTC day (YYYY-MM-DD) of a time."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).date().isoformat()


def spend_day(timestamp_ms: int, server_ms: int) -> str:
    """Give the UTC day that a payment counts towards: its timestamp's, or the server's if that is earlier.

    ``server_ms`` is when it was submitted, so its approval counts towards the same day (contract.md section 9.24).
    """
    return utc_day(min(timestamp_ms, server_ms))


def decide(
    submission: Submission,
    *,
    policy: PolicyInForce,
    spent: Decimal,
    setting: Setting = BARE,
    taken: Taken = NONE_KNOWN,
    now_ms: int | None = None,
    own: Sequence[Reservation] = (),
) -> Decision:
    """Judge ``submission`` by ``policy`` in a ``setting``; ``spent`` is what its agent has spent that UTC day.

    ``taken`` is what is known of the counters of budgets, ``own`` what this very request took of them, and ``now_ms``
    the server's time (epoch ms) where that matters: a budget counts by it where the caller's lies ahead of it.
    """
    decision = _decide_by_rules(submission, policy, spent, believes_agents=setting.believes_agents)
    if setting.tools or setting.tools_unfit or policy.judging:
        from handshake.requests.cedar_call import judge as judge_cedar  # noqa: PLC0415 - it brings what only Cedar needs

        decision = decision.joined(after=judge_cedar(submission, policy, setting))
    if decision.outcome == "deny" or not policy.budgets:
        return decision
    judged = judge_budgets(policy.budgets, call_of(submission, now_ms=now_ms), taken, own=own)
    if judged is None:
        return _deny(ReasonCode.POLICY_INVALID_REQUEST)
    return replace(decision, reservations=judged.reservations).joined(after=[judged.judgement])


def call_of(submission: Submission, *, now_ms: int | None = None) -> Call:
    """Give ``submission`` as budgets see it, at ``now_ms`` (epoch ms) where its timestamp lies ahead of that."""
    at_ms, action = submission.timestamp_ms, submission.action
    arguments = (action.arguments if action else None) or {}
    return Call(
        agent=submission.agent,
        principal_id=submission.principal_id,
        at_ms=at_ms if now_ms is None else min(at_ms, now_ms),
        shard_by=submission.request_id,
        tool=action.tool if action else None,
        amount=submission.facts.get("amount"),
        currency=arguments.get("currency"),
        arguments=arguments,
    )


def _decide_by_rules(
    submission: Submission, policy: PolicyInForce, spent: Decimal, *, believes_agents: bool
) -> Decision:
    if submission.action_type == "data_access":
        return _decide_data_access(submission, believes_agents=believes_agents)
    if submission.action_type == "payment":
        return _decide_payment(submission, policy, spent)
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1)


def restrict(decision: Decision, agent: AgentState) -> Decision:
    """Make the stricter of ``decision``, which policy made, and what the state of its agent demands.

    Where both demand the same, the code is the agent's and the tier the higher; what policy saw crossed stays named.
    """
    match agent:
        case AgentState.ACTIVE:
            return decision
        case AgentState.STOPPED:
            return _deny(ReasonCode.SECURITY_AGENT_STOPPED)
        case AgentState.ESCALATE_ALL:
            # What policy saw crossed stays named.
            trigger = decision.trigger or Trigger("agent_state", None, agent.value)
            reason = ReasonCode.HITL_AGENT_RESTRICTED_ESCALATED
            return decision.joined(before=[Judgement("escalate", reason, ESCALATION_TIER, trigger=trigger)])
        case _:
            assert_never(agent)


def decide_in_window(
    submission: Submission,
    *,
    policy: PolicyInForce,
    agent: AgentState,
    spent: Decimal,
    escalations: Escalations,
    now_ms: int,
    setting: Setting = BARE,
    taken: Taken = NONE_KNOWN,
) -> Decision:
    """Judge ``submission`` by policy and the state of its ``agent``, and hold both to the escalation window."""
    decision = restrict(
        decide(submission, policy=policy, spent=spent, setting=setting, taken=taken, now_ms=now_ms), agent
    )
    if decision.outcome != "escalate":
        return decision
    most = policy.limits[ESCALATIONS_PER_WINDOW]
    return throttle_escalation(decision, escalations.times_ms, most=most, now_ms=now_ms)


def throttle_escalation(decision: Decision, recent_ms: Sequence[int], *, most: int, now_ms: int) -> Decision:
    """Deny an escalation when its principal and agent already made ``most`` within ten minutes.

    ``recent_ms`` are the times (epoch ms) of their earlier escalations, in any order.
    """
    if decision.outcome != "escalate" or len(within_window(recent_ms, now_ms=now_ms)) < most:
        return decision
    return _deny(ReasonCode.SECURITY_ESCALATION_FLOOD_THROTTLED)


def within_window(times_ms: Sequence[int], *, now_ms: int) -> list[int]:
    """Give the escalation times that still count at ``now_ms``, oldest first."""
    return sorted(time for time in times_ms if time > now_ms - ESCALATION_WINDOW_MS)


def _deny(reason: ReasonCode) -> Decision:
    return Decision("deny", reason, DENIAL_TIER)


def _decide_data_access(submission: Submission, *, believes_agents: bool) -> Decision:
    sensitivity = submission.facts.get("sensitivity")
    # What is not known not to be sensitive cannot be trusted to be harmless, so a person looks at it.
    if isinstance(sensitivity, str):
        sensitivity = folded(sensitivity)
    if sensitivity is not None and sensitivity not in (*NOT_SENSITIVE, *SENSITIVE):
        return Decision(
            "escalate",
            ReasonCode.HITL_SENSITIVE_AMBIGUOUS_ESCALATED,
            3,
            trigger=Trigger("sensitivity", None, "ambiguous"),
        )
    authorized = believes_agents and submission.facts.get("authorizedSensitiveScope") is True
    if sensitivity in SENSITIVE and not authorized:
        return _deny(ReasonCode.POLICY_SENSITIVE_SCOPE_DENIED)
    return Decision("allow", ReasonCode.POLICY_ALLOW, 1)


def _decide_payment(submission: Submission, policy: PolicyInForce, spent: Decimal) -> Decision:
    amount = number(submission.facts.get("amount"))
    category = submission.facts["category"]
    if amount is None or amount < 0 or not isinstance(category, str):
        return _deny(ReasonCode.POLICY_INVALID_REQUEST)
    payment = Payment(amount, folded(category), submission.timestamp_ms // 60_000 % MINUTES_PER_DAY, spent)
    judged = judge(payment, policy.limits, submission.facts)
    if judged is None:
        return _deny(ReasonCode.POLICY_INVALID_REQUEST)
    verdict, spend = judged
    if verdict is None:
        return Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=spend)
    if verdict.outcome == "deny":
        return _deny(verdict.reason)
    return Decision(verdict.outcome, verdict.reason, verdict.tier, verdict.trigger, spend)
