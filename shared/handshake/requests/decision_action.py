"""The decision action: its body, and what becomes of it.

Rules from contract.md sections 2 and 3: envelope, body, request and authority, then replay, then the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final, assert_never

from handshake.core.errors import Conflict, HandshakeError, Refusal, Refuse, Replay, refusal_of
from handshake.core.reasons import Reason, ReasonCode, describe
from handshake.core.text import has_lone_surrogates, id_faults
from handshake.core.tiers import DENIAL_TIER
from handshake.requests.access import ensure_may_read, may_resolve
from handshake.requests.record import RequestRecord, State
from handshake.requests.submission import refused_hash
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import Artifact, RefusedAction, StoredOutcome

MAX_REASON_LENGTH: Final = 500
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 256
MEMBERS: Final = frozenset({"requestId", "hitlRequestId", "action", "reason"})
REFUSED: "Final[RefusedAction]" = {"requestId": None, "decision": "deny", "artifact": None}
"""The body fields of an action that was refused before its request was known."""
_NOT_FOUND: Final = ReasonCode.HITL_REQUEST_NOT_FOUND
_NO_ESCALATION: Final = "No escalated request has this requestId."


class Action(StrEnum):
    """The actions on an escalation. A new one needs a row in ACTIONS and a case in decide_action."""

    APPROVE = auto()
    REJECT = auto()


@dataclass(frozen=True, kw_only=True)
class ActionRow:
    """One row of the registry of actions: the ``words`` a body may use, and whether only a human may take it."""

    words: tuple[str, ...]
    humans_only: bool


ACTIONS: Final[Mapping[Action, ActionRow]] = {
    Action.APPROVE: ActionRow(words=("approve",), humans_only=True),
    Action.REJECT: ActionRow(words=("reject", "deny"), humans_only=False),
}
ACTION_WORDS: Final[Mapping[str, Action]] = {
    spelled: action for action, row in ACTIONS.items() for word in row.words for spelled in (word, word.upper())
}
"""Maps the words that a body may use, in lower or upper case, to their actions."""


@dataclass(frozen=True)
class DecisionAction:
    """A well-formed decision action. ``reason`` is the person's own words, kept in evidence.

    With an ``idempotency_key`` it happens once, however often it is sent.
    """

    request_id: str
    hitl_request_id: str | None
    action: Action
    reason: str | None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Close:
    """Close the escalation that was ``seen`` as ``closed``; evidence names the ``actor``.

    ``outcome`` is what whoever comes back with the same key is told.
    """

    seen: RequestRecord
    closed: RequestRecord
    actor: Mapping[str, Any]
    outcome: Mapping[str, Any]


@dataclass(frozen=True)
class Expire:
    """Close the escalation as expired, and refuse the action: it came after the deadline."""

    seen: RequestRecord
    closed: RequestRecord
    actor: Mapping[str, Any]
    refusal: Refusal


ActionDecision = Close | Expire | Refuse | Conflict | Replay


def parse_action(body: Any, idempotency_key: str | None = None) -> DecisionAction:
    """Check the body of a decision action, then its ``x-idempotency-key`` header, None where it is not sent.

    Raises HandshakeError: trust_context_missing_binding without a requestId,
    trust_context_invalid_request_shape for anything else that is wrong.
    """
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.", None)
    request_id = body.get("requestId")
    absent, wrong = id_faults(body, ("requestId",), stored=True)
    if absent:
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "requestId is required.")
    if wrong or not isinstance(request_id, str):
        raise _bad_shape(f"requestId {wrong.get('requestId')}.", None)
    if not body.keys() <= MEMBERS:
        # A person's word that is not read is not kept. What it is called is the caller's text, so it is not repeated.
        raise _bad_shape(f"An action has no other members than {', '.join(sorted(MEMBERS))}.", request_id)
    action = body.get("action")
    if not isinstance(action, str) or action not in ACTION_WORDS:
        raise _bad_shape("action must be approve, reject or deny.", request_id)
    hitl_request_id, reason = body.get("hitlRequestId"), body.get("reason")
    if not (hitl_request_id is None or isinstance(hitl_request_id, str)):
        raise _bad_shape("hitlRequestId must be a string.", request_id)
    if not (reason is None or (isinstance(reason, str) and len(reason) <= MAX_REASON_LENGTH)):
        raise _bad_shape(f"reason must be a string of at most {MAX_REASON_LENGTH} characters.", request_id)
    if not (idempotency_key is None or _is_idempotency_key(idempotency_key)):
        raise _bad_shape(f"x-idempotency-key must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters.", None)
    return DecisionAction(request_id, hitl_request_id, ACTION_WORDS[action], reason or None, idempotency_key)


def _is_idempotency_key(text: str) -> bool:
    is_storable = text.isascii() or not has_lone_surrogates(text)
    return is_storable and 1 <= len(text) <= MAX_IDEMPOTENCY_KEY_LENGTH


def decide_action(
    action: DecisionAction,
    request: RequestRecord | None,
    envelope: Envelope,
    guard: Mapping[str, Any] | None,
    now_ms: int,
) -> ActionDecision:
    """Decide what becomes of ``action`` on ``request``, as stored, at ``now_ms`` (epoch ms).

    ``guard`` is the outcome of an earlier use of the action's idempotency key, None where it was not used. Whoever may
    neither resolve nor read the request learns nothing of it.
    """
    if request is None:
        return Refuse(_not_found(action.request_id, now_ms))
    hitl_request_id, authority = request.hitl_request_id, _may_resolve(envelope, request)

    def refused(code: ReasonCode, message: str) -> Refusal:
        knows = authority or _may_read(envelope, request)
        stored = _stored(request.as_of(now_ms)) if knows else None
        return _refused(code, message, request=request, now_ms=now_ms, stored=stored)

    if hitl_request_id is None:
        return Refuse(replace(refused(_NOT_FOUND, _NO_ESCALATION), denies=True))
    if ACTIONS[action.action].humans_only and envelope.subject_type != "human":
        message = f"Only a human may {action.action}."
        return Refuse(refused(ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH, message))
    if not authority:
        message = "This principal may not resolve the request."
        return Refuse(refused(ReasonCode.HITL_APPROVAL_UNAUTHORIZED, message))
    if guard is not None:
        message = "This idempotency key was already used; `stored`, where it is there, is what came of it."
        # A use that an earlier release kept may be another tenant's: it counts, and nothing of it is told.
        code, stored = ReasonCode.SECURITY_REPLAY_DETECTED, _stored_outcome(guard) if guard else None
        return Replay(_refused(code, message, request=request, now_ms=now_ms, stored=stored))
    if action.hitl_request_id not in (None, hitl_request_id):
        message = "hitlRequestId is not this request's escalation."
        return Conflict(refused(ReasonCode.HITL_REQUEST_MISMATCH, message))
    if request.state is not State.PENDING:
        message = f"The request is {request.state.value} and stays so."
        return Conflict(refused(ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE, message))
    if request.is_overdue(now_ms):
        closed = request.expired(now_ms)
        message = "The deadline has passed; submit a new request."
        code, stored = ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, _stored(closed)
        late = _refused(code, message, request=request, now_ms=now_ms, stored=stored)
        return Expire(request, closed, actor_of(action, envelope), late)
    match action.action:
        case Action.APPROVE:
            closed = request.resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=now_ms)
        case Action.REJECT:
            closed = request.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=now_ms)
        case _:
            assert_never(action.action)
    return Close(request, closed, actor_of(action, envelope), outcome_fields(closed))


def actor_of(action: DecisionAction, envelope: Envelope) -> dict[str, Any]:
    """Name who took ``action``, as evidence names them, with their own words."""
    actor = {
        "actor": envelope.principal_id,
        "subjectType": envelope.subject_type,
        "tenantId": envelope.tenant_id or None,
        "action": action.action.value,
        "reason": action.reason,
    }
    return {name: value for name, value in actor.items() if value is not None}


def over_daily_limit(record: RequestRecord, *, now_ms: int) -> Refusal:
    """Give the refusal of an approval whose amount no longer fits what the agent may spend that day."""
    message = "Approving would take the agent over its daily spend limit; the request stays pending."
    code = ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED
    return _refused(code, message, request=record, now_ms=now_ms, stored=_stored(record))


def agent_stopped(record: RequestRecord, *, now_ms: int) -> Refusal:
    """Give the refusal of an approval of what an agent asked for that operators have stopped since."""
    message = "Operators have stopped the agent; the request stays pending, and can be rejected."
    code = ReasonCode.SECURITY_AGENT_STOPPED
    return _refused(code, message, request=record, now_ms=now_ms, stored=_stored(record))


def outcome_fields(record: RequestRecord) -> dict[str, Any]:
    """Give the outcome of the action that closed ``record``, for whoever comes back with its key."""
    return {
        "requestId": record.submission.request_id,
        "state": record.state.value,
        "decision": record.outcome,
        "artifact": record.artifact(),
    }


def unread_action(refusal: Refusal, *, now_ms: int) -> Refusal:
    """Give the refusal of a body that is no action, with the fields of every refused action."""
    fields = _refused_fields(refusal.reason, refusal.request_id, now_ms=now_ms)
    return replace(refusal, fields=fields, denies=True)


def _may_resolve(envelope: Envelope, request: RequestRecord) -> bool:
    submission = request.submission
    return may_resolve(envelope, principal_id=submission.principal_id, tenant_id=submission.tenant_id)


def _may_read(envelope: Envelope, request: RequestRecord) -> bool:
    submission = request.submission
    ids = {"request_id": request.request_id, "principal_id": submission.principal_id}
    try:
        ensure_may_read(envelope, **ids, tenant_id=submission.tenant_id)
    except HandshakeError:
        return False
    return True


def _stored(record: RequestRecord) -> "StoredOutcome":
    return {"state": record.state, "artifact": record.artifact()}


def _stored_outcome(guard: Mapping[str, Any]) -> "StoredOutcome":
    # An earlier release kept no state: what an action allowed was approved.
    state = guard.get("state") or (State.APPROVED if guard["decision"] == "allow" else State.REJECTED)
    return {"state": State(state), "artifact": guard["artifact"]}


def _not_found(request_id: str, now_ms: int) -> Refusal:
    return unread_action(refusal_of(_NOT_FOUND, _NO_ESCALATION, request_id=request_id), now_ms=now_ms)


def _refused(
    reason: ReasonCode, message: str, *, request: RequestRecord, now_ms: int, stored: "StoredOutcome | None"
) -> Refusal:
    """Give a refused action on ``request``; without ``stored`` nothing of the request is told."""
    known_hash = request.submission.decision_context_hash if stored else None
    fields = _refused_fields(describe(reason), request.request_id, now_ms=now_ms, decision_context_hash=known_hash)
    if stored:
        fields["stored"] = stored
    return refusal_of(reason, message, request_id=request.request_id, fields=fields)


def _refused_fields(
    reason: Reason, request_id: str | None, *, now_ms: int, decision_context_hash: str | None = None
) -> "RefusedAction":
    if request_id is None:
        return {**REFUSED}
    artifact: Artifact = {
        "requestId": request_id,
        "decision": "deny",
        "reasonCode": ReasonCode(reason.code),
        "tier": DENIAL_TIER,
        "timestamp": now_ms,
        "decisionContextHash": decision_context_hash or refused_hash(request_id),
        "responseClass": reason.response_class,
    }
    return {"requestId": request_id, "decision": "deny", "artifact": artifact}


def _bad_shape(message: str, request_id: str | None) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message, request_id=request_id)
