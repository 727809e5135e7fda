"""The decision action: its body, and what becomes of it.

Rules from contract.md sections 2 and 3: envelope, body, request and authority, then replay, then the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final, assert_never

from handshake.core.errors import Conflict, HandshakeError, Refusal, Refuse, Replay, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.core.text import has_lone_surrogates, id_faults
from handshake.requests.access import may_resolve
from handshake.requests.record import RequestRecord, State
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import ActionOutcome

MAX_REASON_LENGTH: Final = 500
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 256
MEMBERS: Final = frozenset({"requestId", "hitlRequestId", "action", "reason"})


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
ACTION_WORDS: Final[Mapping[str, Action]] = {word: action for action, row in ACTIONS.items() for word in row.words}


@dataclass(frozen=True)
class DecisionAction:
    """A well-formed decision action. ``reason`` is the person's own words, kept in evidence."""

    request_id: str
    hitl_request_id: str | None
    action: Action
    reason: str | None


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


def parse_action(body: Any) -> DecisionAction:
    """Check the body of a decision action.

    Raises HandshakeError: trust_context_missing_binding without a requestId,
    trust_context_invalid_request_shape for anything else that is wrong.
    """
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.", None)
    request_id = body.get("requestId")
    absent, wrong = id_faults(body, ("requestId",), stored=True)
    if absent:
        raise HandshakeError(
            ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "requestId is required.", fields=refused_fields(None), denies=True
        )
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
    return DecisionAction(request_id, hitl_request_id, ACTION_WORDS[action], reason or None)


def parse_idempotency_key(header: str | None) -> str | None:
    """The ``x-idempotency-key`` header, or None when it is not sent.

    Raises HandshakeError trust_context_invalid_request_shape unless it has 1 to 256 characters.
    """
    if header is None:
        return None
    is_text = header.isascii() or not has_lone_surrogates(header)
    if is_text and 1 <= len(header) <= MAX_IDEMPOTENCY_KEY_LENGTH:
        return header
    raise _bad_shape(f"x-idempotency-key must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters.", None)


def decide_action(
    action: DecisionAction,
    request: RequestRecord | None,
    envelope: Envelope,
    guard: Mapping[str, Any] | None,
    now_ms: int,
) -> ActionDecision:
    """Decide what becomes of ``action`` on ``request``, as stored, at ``now_ms`` (epoch ms).

    ``guard`` is the outcome of an earlier use of the action's idempotency key, None where it was not used. Whoever has
    no authority over the request learns no more than that.
    """
    hitl_request_id = request and request.hitl_request_id
    if request is None or hitl_request_id is None:
        return Refuse(_not_found(action.request_id))
    submission = request.submission
    authority = may_resolve(envelope, principal_id=submission.principal_id, tenant_id=submission.tenant_id)
    if ACTIONS[action.action].humans_only and envelope.subject_type != "human":
        code, message = ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH, f"Only a human may {action.action}."
        return Refuse(_refused(code, message, request, tell=authority))
    if not authority:
        message = "This principal may not resolve the request."
        return Refuse(_refused(ReasonCode.HITL_APPROVAL_UNAUTHORIZED, message, request, tell=False))
    if guard is not None:
        return Replay(_replayed(request, guard))
    if action.hitl_request_id not in (None, hitl_request_id):
        message = "hitlRequestId is not this request's escalation."
        return Conflict(_refused(ReasonCode.HITL_REQUEST_MISMATCH, message, request))
    if request.state is not State.PENDING:
        message = f"The request is {request.state.value} and stays so."
        return Conflict(_refused(ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE, message, request))
    if is_overdue(request, now_ms=now_ms):
        closed = expired(request, now_ms=now_ms)
        return Expire(request, closed, actor_of(action, envelope), _timed_out(closed))
    match action.action:
        case Action.APPROVE:
            closed = request.resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=now_ms)
        case Action.REJECT:
            closed = request.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=now_ms)
        case _:
            assert_never(action.action)
    return Close(request, closed, actor_of(action, envelope), outcome_fields(closed))


def is_overdue(record: RequestRecord, *, now_ms: int) -> bool:
    """Say whether an escalation is still pending although its deadline has come."""
    return record.state is State.PENDING and record.expires_at_ms is not None and now_ms >= record.expires_at_ms


def expired(record: RequestRecord, *, now_ms: int) -> RequestRecord:
    """The record once its deadline has closed it."""
    return record.resolved(State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, now_ms=now_ms)


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


def over_daily_limit(record: RequestRecord) -> Refusal:
    """The refusal of an approval whose amount no longer fits what the agent may spend that day."""
    return _refused(
        ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED,
        "Approving would take the agent over its daily spend limit; the request stays pending.",
        record,
    )


def _timed_out(record: RequestRecord) -> Refusal:
    """The refusal of an action that came after the deadline, on the record it expired."""
    return _refused(ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, "The deadline has passed; submit a new request.", record)


def outcome_fields(record: RequestRecord) -> "ActionOutcome":
    """The fields that tell those who may know it how ``record`` stands."""
    return {"requestId": record.submission.request_id, "decision": record.outcome, "artifact": record.artifact()}


def refused_fields(request_id: str | None) -> "ActionOutcome":
    """The body fields of a refused action when nothing of the request may be told."""
    return {"requestId": request_id, "decision": "deny", "artifact": None}


REFUSED: Final = refused_fields(None)
"""The body fields of an action that was refused before its request was known."""


def _not_found(request_id: str) -> Refusal:
    return refusal_of(
        ReasonCode.HITL_REQUEST_NOT_FOUND,
        "No escalated request has this requestId.",
        request_id=request_id,
        fields=refused_fields(request_id),
        denies=True,
    )


def _replayed(record: RequestRecord, outcome: Mapping[str, Any]) -> Refusal:
    return refusal_of(
        ReasonCode.SECURITY_REPLAY_DETECTED,
        "This idempotency key was already used; the fields of this answer are the stored outcome.",
        request_id=record.request_id,
        fields=outcome,
    )


def _refused(reason: ReasonCode, message: str, record: RequestRecord, *, tell: bool = True) -> Refusal:
    """A refused action on ``record``; ``tell`` False keeps its decision and artifact from the caller."""
    fields = outcome_fields(record) if tell else refused_fields(record.request_id)
    return refusal_of(reason, message, request_id=record.request_id, fields=fields)


def _bad_shape(message: str, request_id: str | None) -> HandshakeError:
    return HandshakeError(
        ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
        message,
        request_id=request_id,
        fields=refused_fields(request_id),
        denies=True,
    )
