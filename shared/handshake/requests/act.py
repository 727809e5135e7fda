"""Act on an escalation: approve or reject it, or expire it when the action comes too late.

Whatever an action changes, it changes in one transaction with its guard, its evidence and its metrics event.
"""

from typing import Final, assert_never

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
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, guard_key, read_outcome
from handshake.requests.decision_action import Close, DecisionAction, Expire, actor_of, decide_action, over_daily_limit
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_close, record_refusal
from handshake.requests.table import read_for_action
from handshake.requests.transaction import RequestTransaction
from handshake.trust.identity import Envelope

# A lost race shows what the winner wrote. One more look refuses what was closed; the others are for whoever appends
# to a pending request's evidence, and for a deadline that passes between two looks.
_TRIES: Final = 5


def act(
    context: Context, action: DecisionAction, envelope: Envelope, *, idempotency_key: str | None
) -> RequestRecord | Refusal:
    """Carry out ``action`` for the principal of ``envelope``, once per ``idempotency_key`` when one is given.

    Returns the closed record, or the refusal that was left in evidence. Raises HandshakeError hitl_request_not_found,
    which leaves none, or adapter_privileged_mutations_paused. When the store cannot be consulted:
    ReplayGuardUnavailableError if there is a key to guard, StoreUnavailableError if there is none.
    """
    guard = guard_key("decision_action", envelope.principal_id, idempotency_key) if idempotency_key else None
    try:
        return _act(context, action, envelope, guard)
    except StoreUnavailableError as unavailable:
        if guard:
            raise ReplayGuardUnavailableError from unavailable
        raise


def _act(context: Context, action: DecisionAction, envelope: Envelope, guard: Key | None) -> RequestRecord | Refusal:
    request, used = read_for_action(context, action.request_id, guard)
    for _ in range(_TRIES):
        decided = decide_action(action, request, envelope, used, context.now_ms())
        if isinstance(decided, Conflict) and guard:
            # A batch reads its items one after another, so the key may have been used before the state was read.
            used = read_outcome(context, guard)
            decided = decide_action(action, request, envelope, used, context.now_ms())
        match decided:
            case Refuse(refusal) | Conflict(refusal) | Replay(refusal):
                return _refuse(context, action, envelope, request, refusal)
            case Close(seen, closed, actor) | Expire(seen, closed, actor):
                ids = {"event_id": context.new_id(), "correlation_id": context.correlation_id}
                recorded = record_close(seen, closed, actor, **ids)
            case _:
                assert_never(decided)
        now = closed.decided_at_ms
        tx = RequestTransaction(context)
        close, key, spend = tx.close_request(recorded, seen=seen), None, None
        if guard and isinstance(decided, Close):
            outlives = now + IDEMPOTENCY_KEY_LIFETIME_MS
            key = tx.claim_key(guard, now_ms=now, expires_at_ms=outlives, outcome=decided.outcome)
        if seen.spend and closed.outcome == "allow":
            spend = tx.add_spend(seen.submission.agent, seen.spend_day, seen.spend)
        if tx.commit():
            return decided.refusal if isinstance(decided, Expire) else recorded.record
        if key and key.lost:
            used = key.found
        elif spend and spend.lost and not close.lost:
            return _refuse(context, action, envelope, seen, over_daily_limit(seen, now_ms=now))
        # What was seen does not vanish: a store that has lost it is in trouble, and is not believed.
        request = close.found or request if close.lost else request
    raise StoreUnavailableError


def _refuse(
    context: Context, action: DecisionAction, envelope: Envelope, request: RequestRecord | None, refusal: Refusal
) -> Refusal:
    if request is None:
        raise HandshakeError.of(refusal)
    ids = {"event_id": context.new_id(), "correlation_id": context.correlation_id}
    actor, code = actor_of(action, envelope), refusal.reason.code
    tx = RequestTransaction(context)
    tx.append_refusal(record_refusal(request, code, actor, now_ms=context.now_ms(), **ids))
    if not tx.commit():
        raise StoreUnavailableError
    return refusal
