"""Joins what each part of policy says of a call into the one answer (contract.md section 15).

The strictest wins, so nothing that is added ever widens. Among equals the first gives the code: agent state, rules,
Cedar (global, tenant, agent), budgets. Of all equals the highest tier counts, and each is named.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal, NamedTuple, assert_never

from handshake.core.reasons import ReasonCode
from handshake.core.tiers import DENIAL_TIER, ESCALATION_TIER, STRICTNESS, Outcome
from handshake.policy.rule_keys import Trigger

Unmatched = Literal["allow", "escalate", "deny"]
"""What becomes of a call that no policy of a scope's Cedar matches."""


class Named(NamedTuple):
    """What decided: a policy by its ``@id``, or a budget by its id, of a ``version`` of a scope."""

    scope: str
    version: str
    policy: str


@dataclass(frozen=True)
class Judgement:
    """What a part of policy says of a call, or all of them together.

    ``policies`` name what decided; ``message`` is for whoever reads the decision, ``notify`` the paths of arguments
    that messages may show.
    """

    outcome: Outcome
    reason: ReasonCode
    tier: int
    policies: tuple[Named, ...] = ()
    message: str | None = None
    notify: tuple[str, ...] = ()
    trigger: Trigger | None = None


ALLOWED: Final = Judgement("allow", ReasonCode.POLICY_ALLOW, 1)


def unmatched(outcome: Unmatched, scope: str, version: str) -> Judgement:
    """Judge a call that no policy of a scope's Cedar matches, if it has any, by that scope's ``unmatched``."""
    named = (Named(scope, version, "unmatched"),)
    match outcome:
        case "allow":
            return ALLOWED
        case "escalate":
            return Judgement("escalate", ReasonCode.HITL_POLICY_ESCALATED, ESCALATION_TIER, named)
        case "deny":
            return Judgement("deny", ReasonCode.POLICY_UNMATCHED_DENIED, DENIAL_TIER, named)
        case _:
            assert_never(outcome)


def join(judgements: Iterable[Judgement]) -> Judgement:
    """Make one of ``judgements``, which come in the order in which they give the code; of none, allow."""
    return reduce(_joined, judgements, ALLOWED)


def _joined(first: Judgement, second: Judgement) -> Judgement:
    strictness = STRICTNESS[first.outcome], STRICTNESS[second.outcome]
    if strictness[0] > strictness[1]:
        return first
    if strictness[0] < strictness[1]:
        return second
    return Judgement(
        first.outcome,
        first.reason,
        max(first.tier, second.tier),
        first.policies + second.policies,
        first.message or second.message,
        first.notify + second.notify,
        first.trigger or second.trigger,
    )
