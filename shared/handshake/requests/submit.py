"""Submit an action: read what decides it, decide, and record decision, evidence and event in one write."""

from collections.abc import Sequence
from typing import Final, NamedTuple, assert_never

from handshake.agents.standing import AgentState
from handshake.core.errors import HandshakeError, Refuse, StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.metrics.shadow_report import Shadowed
from handshake.policy.rule_keys import ESCALATIONS_PER_WINDOW
from handshake.requests.record import DEFAULT_EXECUTE_WITHIN_MS, RequestRecord
from handshake.requests.recording import record_decision
from handshake.requests.submission import Submission
from handshake.requests.submission_rules import Create, Repeat, Seen, decide_submission
from handshake.requests.table import read_for_submission
from handshake.requests.transaction import RequestTransaction, origin

# Each lost race shows what the winner wrote, as many escalations as policy allows fill a window, and a budget is full
# once: so with these more tries than that, the last cannot lose to the same rivals again. However many, none begins
# after the time for calls to the store.
_MORE_TRIES: Final = 2


class Submitted(NamedTuple):
    """The record that a requestId holds, and whether it was ``repeated``: decided by an earlier submission.

    ``shadows`` are what shadows of policies say of what was decided just now; no answer tells of them.
    """

    record: RequestRecord
    repeated: bool
    shadows: tuple[Shadowed, ...] = ()


def submit(
    context: Context,
    submission: Submission,
    *,
    escalation_ttl_ms: int,
    execute_within_ms: int = DEFAULT_EXECUTE_WITHIN_MS,
    unknown_agents: AgentState = AgentState.ACTIVE,
    bound: bool = False,
) -> Submitted:
    """Decide ``submission`` and store it, or give back what its requestId already holds.

    ``escalation_ttl_ms`` is how long an escalation waits for a person, ``execute_within_ms`` how long after it is
    allowed an effect may begin, and ``unknown_agents`` the state of an agent that has neither a record nor a policy of
    its own. Of a ``bound`` request no effect goes ahead without a grant (ActionBinding=required).

    Raises HandshakeError security_decision_context_mismatch when the requestId belongs to other facts,
    StoreUnavailableError when the store does not answer.
    """
    seen = read_for_submission(context, submission)
    for _ in range(seen.policy.limits[ESCALATIONS_PER_WINDOW] + len(seen.policy.budgets) + _MORE_TRIES):
        decided = decide_submission(
            submission,
            seen,
            context.now_ms(),
            escalation_ttl_ms=escalation_ttl_ms,
            execute_within_ms=execute_within_ms,
            unknown_agents=unknown_agents,
            synthetic=context.synthetic,
            bound=bound,
        )
        match decided:
            case Repeat(record):
                return Submitted(record.as_of(context.now_ms()), repeated=True)
            case Refuse(refusal):
                raise HandshakeError.of(refusal)
            case Create(record, shadows):
                won = _create(context, record, seen, shadows)
                if isinstance(won, RequestRecord):
                    return Submitted(won, repeated=False, shadows=shadows)
                seen = won
            case _:
                assert_never(decided)
    raise StoreUnavailableError


def _create(context: Context, record: RequestRecord, seen: Seen, shadows: Sequence[Shadowed]) -> RequestRecord | Seen:
    """Store ``record``; where others were first, what to decide by now."""
    recorded = record_decision(
        record, seen.policy, seen.agent, origin(context), tools_version=seen.setting.tools_version, shadows=shadows
    )
    tx = RequestTransaction(context)
    create, spend, escalation = tx.create_request(recorded), None, None
    if record.outcome == "escalate":
        escalation = tx.add_escalation(record.submission, seen=seen.escalations, now_ms=record.decided_at_ms)
    elif record.spend:
        spend = tx.add_spend(record.submission.agent, record.spend_day, record.spend)
    reserved = {held.counter: tx.reserve(held) for held in record.reservations if held.held}
    if tx.commit():
        return recorded.record
    if create.lost and create.found:
        return seen._replace(stored=create.found)
    full = {counter: step.found for counter, step in reserved.items() if step.lost}
    return seen._replace(
        escalations=escalation.found if escalation and escalation.lost else seen.escalations,
        spent=spend.found if spend and spend.lost else seen.spent,
        taken={**seen.taken, **full},
    )
