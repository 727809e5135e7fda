"""Act on a request: approve, reject, withdraw or extend what waits, expire it where that comes too late, or revoke.

Whatever an action changes, it changes in one transaction with its guard, its evidence and its metrics event.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from handshake.agents.standing import AgentRecord
from handshake.core.errors import (
    Conflict,
    HandshakeError,
    Refusal,
    Refuse,
    Replay,
    ReplayGuardUnavailableError,
    StoreUnavailableError,
)
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.dynamo.transaction import Step
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, action_guards, read_outcomes
from handshake.requests.decision_action import (
    ACTIONS,
    ActionDecision,
    AlreadyDone,
    Close,
    DecisionAction,
    Expire,
    Extend,
    Revoke,
    actor_of,
    agent_stopped,
    decide_action,
    over_daily_limit,
)
from handshake.requests.evidence import MAX_REFUSALS, MAX_REFUSALS_OF_PRINCIPAL
from handshake.requests.record import DEFAULT_EXECUTE_WITHIN_MS, RequestRecord
from handshake.requests.recording import record_close, record_extension, record_refusal, record_revocation
from handshake.requests.table import read_for_action
from handshake.requests.transaction import RequestTransaction, origin
from handshake.trust.identity import Envelope

# A lost race shows what the winner wrote. One more look refuses what was closed; the others are for whoever appends
# to a pending request's evidence, and for a deadline that passes between two looks.
_TRIES: Final = 5


def act(
    context: Context,
    action: DecisionAction,
    envelope: Envelope,
    *,
    execute_within_ms: int = DEFAULT_EXECUTE_WITHIN_MS,
    needs_sign_in: bool = False,
) -> RequestRecord | Refusal:
    """Carry out ``action`` for the principal of ``envelope``, once per idempotency key when it has one.

    ``execute_within_ms`` is how long after an approval the effect may begin, ``needs_sign_in`` whether that takes a
    person who signed in: but from the release gate, whose requests are its own tenant's and authorize nothing.

    Returns the record as the action left it, or the refusal that was left in evidence. Raises HandshakeError
    hitl_request_not_found, which leaves none, or adapter_privileged_mutations_paused. When the store cannot be
    consulted: ReplayGuardUnavailableError if there is a key to guard, StoreUnavailableError if there is none.
    """
    key = action.idempotency_key
    guards = action_guards(envelope.tenant_id, envelope.principal_id, key) if key else ()
    try:
        return _act(
            context,
            action,
            envelope,
            guards,
            execute_within_ms=execute_within_ms,
            needs_sign_in=needs_sign_in and not context.synthetic,
        )
    except StoreUnavailableError as unavailable:
        if guards:
            raise ReplayGuardUnavailableError from unavailable
        raise


def _use(outcomes: Sequence[Mapping[str, Any] | None], action: DecisionAction) -> Mapping[str, Any] | None:
    """Give how an earlier use of the key ended, None where it was not used; ``outcomes`` are those of action_guards.

    What an earlier release kept may be the use of another tenant's principal of the same name: the key counts as used,
    and its outcome is shown only to an action on the same request.
    """
    current, earlier = outcomes or (None, None)
    if current is None and earlier is not None and earlier["requestId"] != action.request_id:
        return {}
    return current or earlier


def _act(
    context: Context,
    action: DecisionAction,
    envelope: Envelope,
    guards: Sequence[Key],
    *,
    execute_within_ms: int,
    needs_sign_in: bool,
) -> RequestRecord | Refusal:
    def decide(request: RequestRecord | None, used: Mapping[str, Any] | None) -> ActionDecision:
        return decide_action(
            action,
            request,
            envelope,
            used,
            context.now_ms(),
            execute_within_ms=execute_within_ms,
            needs_sign_in=needs_sign_in,
        )

    pauses = ACTIONS[action.action].closes
    request, outcomes, kept = read_for_action(context, action.request_id, envelope, guards, pauses=pauses)
    used = _use(outcomes, action)
    for _ in range(_TRIES):
        decided = decide(request, used)
        if isinstance(decided, Conflict) and guards:
            # A batch reads its items one after another, so the key may have been used before the state was read.
            used = _use(read_outcomes(context, guards), action)
            decided = decide(request, used)
        tx = RequestTransaction(context)
        match decided:
            case Refuse(refusal) | Conflict(refusal) | Replay(refusal):
                return _refuse(context, action, envelope, request, refusal, kept=kept)
            case AlreadyDone(record):
                return record
            case Close(seen, closed, actor) | Expire(seen, closed, actor):
                recorded = record_close(seen, closed, actor, origin(context))
                change = tx.close_request(recorded, seen=seen)
            case Extend(seen, extended, actor):
                recorded = record_extension(seen, extended, actor, origin(context), now_ms=decided.now_ms)
                change = tx.extend_request(recorded, seen=seen)
            case Revoke(seen, revoked, actor):
                recorded = record_revocation(revoked, actor, origin(context), now_ms=decided.now_ms)
                change = tx.revoke_request(recorded, seen=seen)
            case _:
                assert_never(decided)
        key = spend = None
        running: list[Step[AgentRecord | None]] = []
        if guards and isinstance(decided, Close | Extend):
            now, outcome = recorded.now_ms, decided.outcome
            outlives = now + IDEMPOTENCY_KEY_LIFETIME_MS
            key = tx.claim_key(guards[0], now_ms=now, expires_at_ms=outlives, outcome=outcome)
        if isinstance(decided, Close) and decided.closed.outcome == "allow":
            # Who is stopped is read with nothing: the write itself fails, so no approval that begins later slips past.
            running = tx.ensure_not_stopped(seen.submission.agent, now_ms=recorded.now_ms)
            spend = tx.add_spend(seen.submission.agent, seen.spend_day, seen.spend) if seen.spend else None
        if tx.commit():
            return decided.refusal if isinstance(decided, Expire) else recorded.record
        if key and key.lost:
            used = key.found
        elif any(agent.lost for agent in running) and not change.lost:
            refusal = agent_stopped(seen, now_ms=recorded.now_ms)
            return _refuse(context, action, envelope, seen, refusal, kept=kept)
        elif spend and spend.lost and not change.lost:
            refusal = over_daily_limit(seen, now_ms=recorded.now_ms)
            return _refuse(context, action, envelope, seen, refusal, kept=kept)
        # What was seen does not vanish: a store that has lost it is in trouble, and is not believed.
        request = change.found or request if change.lost else request
    raise StoreUnavailableError


def _refuse(
    context: Context,
    action: DecisionAction,
    envelope: Envelope,
    request: RequestRecord | None,
    refusal: Refusal,
    *,
    kept: int,
) -> Refusal:
    """Leave the refusal in evidence, which keeps ``kept`` of this principal's; where there is no room, count it."""
    if request is None:
        raise HandshakeError.of(refusal)
    actor, code = actor_of(action, envelope), refusal.reason.code
    now, event_id = context.now_ms(), context.new_id()
    refused = record_refusal(request, code, actor, origin(context), now_ms=now, event_id=event_id)
    tx = RequestTransaction(context)
    if kept < MAX_REFUSALS_OF_PRINCIPAL and request.chain.refusals < MAX_REFUSALS:
        tx.append_refusal(refused)
        if tx.commit():
            return refusal
        tx = RequestTransaction(context)  # others were refused meanwhile, and the room is taken
    tx.count_refusal(refused)
    if not tx.commit():
        raise StoreUnavailableError
    return refusal
