"""Resolve an escalation: approve or reject it, or expire it when the action comes too late.

Whatever an action changes, it changes in one transaction with its guard, its evidence and its metrics event.
"""

from collections.abc import Mapping
from typing import Any, Final

from handshake.core.errors import HandshakeError, ReplayGuardUnavailableError, StoreUnavailableError
from handshake.core.reasons import ReasonCode
from handshake.dynamo import runtime_kv as flags
from handshake.dynamo.client import ConditionFailedError, Item, Key, Write
from handshake.dynamo.context import Context
from handshake.metrics.event_table import counted
from handshake.metrics.events import denial_event
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, claim, guard_key, stored_outcome
from handshake.requests import table as requests
from handshake.requests.decision_action import (
    DecisionAction,
    ensure_authority,
    ensure_open,
    is_overdue,
    outcome_fields,
    over_daily_limit,
    replayed,
    timed_out,
)
from handshake.requests.evidence import MAX_REFUSALS, Entry, refusal
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import chained, decision_event
from handshake.trust.identity import Envelope

# A lost race leaves the request terminal, so the second look refuses; the third is for a deadline that
# passes between the two.
_TRIES: Final = 3


def resolve(
    context: Context, action: DecisionAction, envelope: Envelope, *, idempotency_key: str | None
) -> RequestRecord:
    """Carry out ``action`` for the principal of ``envelope``, once per ``idempotency_key`` when one is given.

    Raises HandshakeError with the code of the check that failed (see domain.resolution), each refusal on a
    known request left in evidence. When the store cannot be consulted: ReplayGuardUnavailableError if there
    is a key to guard, StoreUnavailableError if there is none.
    """
    guard = guard_key("decision_action", envelope.principal_id, idempotency_key) if idempotency_key else None
    try:
        return _resolve(context, action, envelope, guard)
    except StoreUnavailableError as unavailable:
        if guard:
            raise ReplayGuardUnavailableError from unavailable
        raise


def expire(context: Context, record: RequestRecord, *, found_by: str) -> RequestRecord:
    """Close an overdue escalation; ``found_by`` tells evidence what found the deadline passed.

    Raises ConditionFailedError when somebody else closed it first, StoreUnavailableError.
    """
    closed, writes = _closing(
        context.serving(context.correlation_id, synthetic=record.synthetic),
        record,
        State.EXPIRED,
        ReasonCode.HITL_TIMEOUT_FAIL_CLOSED,
        {"actor": found_by, "action": "expire"},
        now_ms=context.now_ms(),
    )
    context.dynamo.write(*writes)
    return closed


def _resolve(context: Context, action: DecisionAction, envelope: Envelope, guard: Key | None) -> RequestRecord:
    record, guard_item = _read(context, action, guard)
    try:
        pending = ensure_authority(action, record, envelope)
        _ensure_unused(pending, guard_item, now_ms=context.now_ms())
        try:
            return _carry_out(context, action, envelope, pending, guard)
        except HandshakeError as conflict:
            # A batch reads its items one after another, so the key may have been used before the state was read.
            if guard and conflict.reason.status == 409 and not conflict.recorded:
                [guard_item] = context.dynamo.batch_get([(context.tables.replay_guards, guard)])
                _ensure_unused(pending, guard_item, now_ms=context.now_ms())
            raise
    except StoreUnavailableError:
        raise
    except HandshakeError as refused:
        if record and not refused.recorded:
            _put_in_evidence(context, action, envelope, record, refused)
        raise


def _read(context: Context, action: DecisionAction, guard: Key | None) -> tuple[RequestRecord | None, Item | None]:
    tables = context.tables
    keys = [(tables.workflow, requests.state_key(action.request_id)), (tables.runtime_kv, flags.PAUSE_KEY)]
    if guard:
        keys.append((tables.replay_guards, guard))
    state, pause, *guard_items = context.dynamo.batch_get(keys)
    flags.ensure_not_paused(pause)
    return requests.record_from(state), next(iter(guard_items), None)


def _ensure_unused(record: RequestRecord, guard_item: Item | None, *, now_ms: int) -> None:
    outcome = stored_outcome(guard_item, now_ms=now_ms)
    if outcome is not None:
        raise replayed(record, outcome)


def _carry_out(
    context: Context, action: DecisionAction, envelope: Envelope, record: RequestRecord, guard: Key | None
) -> RequestRecord:
    actor = _actor(action, envelope)
    for _ in range(_TRIES):
        ensure_open(action, record)
        now = context.now_ms()
        overdue = is_overdue(record, now_ms=now)
        state, reason = (
            (State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED) if overdue else (action.state, action.reason_code)
        )
        closed, writes = _closing(context, record, state, reason, actor, now_ms=now)
        use_key = add_spend = None
        if guard and not overdue:
            use_key = _use_key(context, guard, closed, now_ms=now)
        if record.spend and state.authorizes:
            add_spend = requests.add_spend(context.tables.workflow, record.submission, record.spend)
        try:
            context.dynamo.write(*writes, *(write for write in (use_key, add_spend) if write))
        except ConditionFailedError as lost:
            if use_key and lost.failed(use_key):
                _ensure_unused(record, lost.stored(use_key), now_ms=now)
            if not lost.failed(writes[0]) and add_spend and lost.failed(add_spend):
                raise over_daily_limit(record) from None
            record = requests.record_from(lost.stored(writes[0])) or record
            continue
        if overdue:
            raise _recorded(timed_out(closed))
        return closed
    raise StoreUnavailableError


def _closing(
    context: Context,
    record: RequestRecord,
    state: State,
    reason: ReasonCode,
    actor: Mapping[str, Any],
    *,
    now_ms: int,
) -> tuple[RequestRecord, list[Write]]:
    """The closed record, and the writes that close it (that of its state first)."""
    closed = record.resolved(state, reason, now_ms=now_ms)
    lineage = {
        "decisionContextHash": record.submission.decision_context_hash,
        "from": record.state.value,
        "to": state.value,
    }
    audit = {
        **actor,
        "decision": closed.outcome,
        "tier": closed.tier,
        "state": state.value,
        "correlationId": context.correlation_id,
    }
    entries = [Entry(reason, "lineage", lineage), Entry(reason, "audit", audit)]
    closed, evidence = chained(closed, entries, now_ms=now_ms)
    event = decision_event(closed, event_id=context.new_id(), now_ms=now_ms)
    return closed, [
        requests.close(context.tables.workflow, closed, now_ms=now_ms),
        requests.append_evidence(context.tables.workflow, evidence),
        counted(context, event),
    ]


def _use_key(context: Context, guard: Key, closed: RequestRecord, *, now_ms: int) -> Write:
    return claim(
        context.tables.replay_guards,
        guard,
        now_ms=now_ms,
        expires_at_ms=now_ms + IDEMPOTENCY_KEY_LIFETIME_MS,
        outcome=outcome_fields(closed),
    )


def _put_in_evidence(
    context: Context,
    action: DecisionAction,
    envelope: Envelope,
    record: RequestRecord,
    refused: HandshakeError,
) -> None:
    now, code = context.now_ms(), refused.reason.code
    entry = Entry(code, "audit", {**_actor(action, envelope), "refused": True, "correlationId": context.correlation_id})
    event_id = context.new_id()
    denial = denial_event(code, event_id=event_id, request_id=record.request_id, now_ms=now)
    event = refusal(record.chain, record.request_id, entry, event_id=event_id, now_ms=now)
    if record.chain.refusals < MAX_REFUSALS:
        left = requests.append_refusal(context.tables.workflow, event)
    else:
        left = [requests.count_refusal(context.tables.workflow, record.request_id)]
    context.dynamo.write(*left, counted(context, denial))
    _recorded(refused)


def _recorded(refused: HandshakeError) -> HandshakeError:
    refused.recorded = True
    return refused


def _actor(action: DecisionAction, envelope: Envelope) -> dict[str, Any]:
    actor = {
        "actor": envelope.principal_id,
        "subjectType": envelope.subject_type,
        "tenantId": envelope.tenant_id or None,
        "action": action.action,
        "reason": action.reason,
    }
    return {name: value for name, value in actor.items() if value is not None}
