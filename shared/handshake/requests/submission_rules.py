"""Decides what becomes of a submission: stored by its decision, answered by what its requestId holds, or refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from handshake.agents.standing import AgentStanding, AgentState
from handshake.core.errors import Refuse, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.metrics.shadow_report import Shadowed
from handshake.policy.budgets import NONE_KNOWN, Taken
from handshake.policy.rule_keys import ESCALATION_TTL_SECONDS
from handshake.policy.rules import PolicyInForce
from handshake.policy.setting import BARE, Setting
from handshake.requests.decision import Decision, Escalations, decide_in_window
from handshake.requests.record import RequestRecord
from handshake.requests.shadow import judge_shadows
from handshake.requests.submission import Submission


class Seen(NamedTuple):
    """Everything stored that a submission's decision depends on.

    ``stored`` is what the requestId holds, ``agent`` what operators have said of the agent, ``spent`` its spend of the
    day, ``taken`` what is known of the counters of budgets (nothing, until a write was lost to one), and ``setting``
    what policies judge in.
    """

    stored: RequestRecord | None
    policy: PolicyInForce
    agent: AgentStanding
    spent: Decimal
    escalations: Escalations
    taken: Taken = NONE_KNOWN
    setting: Setting = BARE


@dataclass(frozen=True)
class Create:
    """Store ``record``, and take its share of a limit with it. ``shadows`` are what shadows of policies say of it."""

    record: RequestRecord
    shadows: tuple[Shadowed, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """Answer by ``record``, which an earlier submission of the same facts left."""

    record: RequestRecord


def decide_submission(
    submission: Submission,
    seen: Seen,
    now_ms: int,
    *,
    escalation_ttl_ms: int,
    execute_within_ms: int,
    unknown_agents: AgentState,
    synthetic: bool,
    bound: bool = False,
) -> Create | Repeat | Refuse:
    """Decide what becomes of ``submission`` at ``now_ms`` (epoch ms), by what was ``seen`` of the store.

    ``escalation_ttl_ms`` is how long an escalation waits for a person where policy does not say, ``execute_within_ms``
    how long after it is allowed an effect may begin, and ``unknown_agents`` the state of an agent that has neither a
    record nor a policy of its own. A ``synthetic`` submission is the release gate's;
    of a ``bound`` one, no effect goes ahead without a grant.
    """
    if seen.stored is not None:
        if seen.stored.submission.facts_digest in {spelling.facts_digest for spelling in submission.spellings}:
            return Repeat(seen.stored)
        return Refuse(
            refusal_of(
                ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
                "This requestId was already submitted with other facts.",
                request_id=submission.request_id,
            )
        )
    state = seen.agent.state_among(now_ms, has_policy=seen.policy.names_agent, unknown=unknown_agents)

    def decide(policy: PolicyInForce) -> Decision:
        return decide_in_window(
            submission,
            policy=policy,
            agent=state,
            spent=seen.spent,
            escalations=seen.escalations,
            taken=seen.taken,
            setting=seen.setting,
            now_ms=now_ms,
        )

    decision = decide(seen.policy)
    ttl_s = seen.policy.limits.get(ESCALATION_TTL_SECONDS)
    record = RequestRecord.decided(
        submission,
        decision,
        now_ms=now_ms,
        escalation_ttl_ms=escalation_ttl_ms if ttl_s is None else ttl_s * 1000,
        execute_within_ms=execute_within_ms,
    )
    shadows = judge_shadows(seen.policy, decide) if seen.policy.shadows else ()
    notify = record.notify if record.expires_at_ms is None else (*record.notify, *_marked(submission, seen, record))
    return Create(replace(record, synthetic=synthetic, bound=bound, notify=notify), shadows)


def _marked(submission: Submission, seen: Seen, record: RequestRecord) -> Iterator[str]:
    """Give the paths of arguments that the tool's schema marks for messages, and policy does not name already."""
    name, tools = submission.action and submission.action.tool, seen.setting.tools
    tool = tools.by_name.get(name) if name and tools else None
    if tool and tool.action_type == submission.action_type:
        yield from (path for path in tool.notify if path not in record.notify)
