"""Decides what people, and requesters, do to a request: the actions there are, and what becomes of each.

Rules from contract.md sections 2, 3, 11 and 13: envelope, body, request and authority, then replay, then the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, assert_never

from handshake.core.errors import Conflict, Refusal, Refuse, Replay, refusal_of
from handshake.core.reasons import Reason, ReasonCode, describe
from handshake.core.tiers import DENIAL_TIER
from handshake.requests.access import is_requester, may_read, may_resolve, other_tenant
from handshake.requests.ending import WITHDRAWN
from handshake.requests.record import DEFAULT_EXECUTE_WITHIN_MS, RequestRecord, State
from handshake.requests.submission import refused_hash
from handshake.trust.identity import Assured, Envelope, assured_members

if TYPE_CHECKING:
    from handshake.requests.answers import Artifact, RefusedAction, StoredOutcome

REFUSED: "Final[RefusedAction]" = {"requestId": None, "decision": "deny", "artifact": None}
"""The body fields of an action that was refused before its request was known."""
_NOT_FOUND: Final = ReasonCode.HITL_REQUEST_NOT_FOUND
_NO_ESCALATION: Final = "No escalated request has this requestId."
_NO_REQUEST: Final = "No request has this requestId."


class _Ending(NamedTuple):
    """Says what an action makes of an escalation, and what evidence ``says`` of it beside who did it."""

    state: State
    reason: ReasonCode
    says: Mapping[str, str] = MappingProxyType({})


_APPROVAL: Final = _Ending(State.APPROVED, ReasonCode.HITL_APPROVED)
_REJECTION: Final = _Ending(State.REJECTED, ReasonCode.HITL_REJECTED)
_WITHDRAWAL: Final = _Ending(State.REJECTED, ReasonCode.HITL_REJECTED, {"outcome": WITHDRAWN})


class Action(StrEnum):
    """The actions on a request. A new one needs a row in ACTIONS and a case in decide_action."""

    APPROVE = auto()
    REJECT = auto()
    WITHDRAW = auto()
    EXTEND = auto()
    REVOKE = auto()


@dataclass(frozen=True, kw_only=True)
class ActionRow:
    """One row of the registry of actions.

    ``words`` are what the body of a decision action may say: none for an action with a route of its own. Only a human
    may take one of ``humans_only``, and only the requester, rather than who resolves, one ``by_requester``. One that
    ``widens`` what may happen takes a person who signed in, where that is asked (HumanAssurance=oidc). One that
    ``closes`` an escalation is refused while privileged mutations are paused, with an artifact of the refusal; the
    others go on, and refuse plainly.
    """

    words: tuple[str, ...] = ()
    humans_only: bool = False
    by_requester: bool = False
    widens: bool = False
    closes: bool = True


ACTIONS: Final[Mapping[Action, ActionRow]] = {
    Action.APPROVE: ActionRow(words=("approve",), humans_only=True, widens=True),
    Action.REJECT: ActionRow(words=("reject", "deny")),
    Action.WITHDRAW: ActionRow(words=("withdraw",), by_requester=True),
    Action.EXTEND: ActionRow(humans_only=True, widens=True, closes=False),
    Action.REVOKE: ActionRow(humans_only=True, closes=False),
}
ACTION_WORDS: Final[Mapping[str, Action]] = {
    spelled: action for action, row in ACTIONS.items() for word in row.words for spelled in (word, word.upper())
}
"""Maps the words that a body may use, in lower or upper case, to their actions."""


@dataclass(frozen=True)
class DecisionAction:
    """A well-formed action on a request. ``reason`` is the person's own words, kept in evidence.

    With an ``idempotency_key`` it happens once, however often it is sent. ``seconds`` is what an extension adds.
    """

    request_id: str
    hitl_request_id: str | None
    action: Action
    reason: str | None
    idempotency_key: str | None = None
    seconds: int = 0


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


@dataclass(frozen=True)
class Extend:
    """Move the deadline of the escalation that was ``seen``, at ``now_ms``, as ``extended`` has it."""

    seen: RequestRecord
    extended: RequestRecord
    actor: Mapping[str, Any]
    outcome: Mapping[str, Any]
    now_ms: int


@dataclass(frozen=True)
class Revoke:
    """Take back what the request that was ``seen`` authorizes, as ``revoked`` has it."""

    seen: RequestRecord
    revoked: RequestRecord
    actor: Mapping[str, Any]
    now_ms: int


@dataclass(frozen=True)
class AlreadyDone:
    """Answer by ``record``: what the action is to bring about, an earlier one did."""

    record: RequestRecord


ActionDecision = Close | Expire | Extend | Revoke | AlreadyDone | Refuse | Conflict | Replay


def decide_action(
    action: DecisionAction,
    request: RequestRecord | None,
    envelope: Envelope,
    guard: Mapping[str, Any] | None,
    now_ms: int,
    *,
    execute_within_ms: int = DEFAULT_EXECUTE_WITHIN_MS,
    needs_sign_in: bool = False,
) -> ActionDecision:
    """Decide what becomes of ``action`` on ``request``, as stored, at ``now_ms`` (epoch ms).

    ``guard`` is the outcome of an earlier use of the action's idempotency key, None where it was not used,
    ``execute_within_ms`` how long after an approval the effect may begin, and ``needs_sign_in`` the template's
    HumanAssurance=oidc. Whoever may neither resolve nor read the
    request learns nothing of it.
    """
    row = ACTIONS[action.action]
    if request is None:
        return Refuse(_not_found(action, now_ms))
    hitl_request_id, authority = request.hitl_request_id, _has_authority(action, envelope, request)
    stands = _stored(request.as_of(now_ms)) if authority or may_read(envelope, request.submission) else None

    def refused(code: ReasonCode, message: str, stored: "StoredOutcome | None" = stands) -> Refusal:
        if not row.closes:
            return refusal_of(code, message, request_id=request.request_id)
        return _refused(code, message, request=request, now_ms=now_ms, stored=stored)

    if hitl_request_id is None and action.action is not Action.REVOKE:
        return Refuse(replace(refused(_NOT_FOUND, _NO_ESCALATION), denies=row.closes))
    if row.humans_only and envelope.subject_type != "human":
        message = f"Only a human may {action.action}."
        return Refuse(refused(ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH, message))
    if not authority:
        message = f"This principal may not {'withdraw' if row.by_requester else 'resolve'} the request."
        return Refuse(refused(ReasonCode.HITL_APPROVAL_UNAUTHORIZED, message))
    if needs_sign_in and row.widens and envelope.sign_in is None:
        message = f"To {action.action} takes a person who signed in; an issuer's envelope may read and reject."
        return Refuse(refused(ReasonCode.SECURITY_IDENTITY_ASSURANCE_INSUFFICIENT, message))
    if guard is not None:
        message = "This idempotency key was already used; `stored`, where it is there, is what came of it."
        # A use that an earlier release kept may be another tenant's: it counts, and nothing of it is told.
        code, stored = ReasonCode.SECURITY_REPLAY_DETECTED, _stored_outcome(guard) if guard else None
        return Replay(refused(code, message, stored))
    if action.hitl_request_id not in (None, hitl_request_id):
        message = "hitlRequestId is not this request's escalation."
        return Conflict(refused(ReasonCode.HITL_REQUEST_MISMATCH, message))
    actor = actor_of(action, envelope)
    match action.action:
        case Action.APPROVE:
            end = _APPROVAL
        case Action.REJECT:
            end = _REJECTION
        case Action.WITHDRAW:
            end = _WITHDRAWAL
        case Action.EXTEND:
            return _extend(action, request, actor, refused=refused, now_ms=now_ms)
        case Action.REVOKE:
            return _revoke(request, actor, refused=refused, now_ms=now_ms)
        case _:
            assert_never(action.action)
    return _close(
        request, end, actor, envelope.assured, refused=refused, now_ms=now_ms, execute_within_ms=execute_within_ms
    )


class _Refused(Protocol):
    """Gives the refusal of an action; ``stored`` is what it tells of the request, where not how that stands."""

    def __call__(self, code: ReasonCode, message: str, stored: "StoredOutcome | None" = ...) -> Refusal: ...


def _close(
    request: RequestRecord,
    end: _Ending,
    actor: Mapping[str, Any],
    assured: Assured,
    *,
    refused: _Refused,
    now_ms: int,
    execute_within_ms: int,
) -> Close | Expire | Conflict:
    """Decide whether an escalation ends as ``end`` says, by the state that it is in; ``assured`` is who ends it."""
    if request.state is not State.PENDING:
        message = f"The request is {request.state.value} and stays so."
        return Conflict(refused(ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE, message))
    if request.is_overdue(now_ms):
        closed = request.expired(now_ms)
        message = "The deadline has passed; submit a new request."
        code, stored = ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, _stored(closed)
        return Expire(request, closed, actor, refused(code, message, stored))
    closed = replace(request.resolved(end.state, end.reason, now_ms=now_ms), assured=assured)
    if closed.state.authorizes:
        closed = replace(closed, approved_by=actor["actor"], execute_by_ms=now_ms + execute_within_ms)
    return Close(request, closed, {**actor, **end.says}, outcome_fields(closed))


def _extend(
    action: DecisionAction, request: RequestRecord, actor: Mapping[str, Any], *, refused: _Refused, now_ms: int
) -> Extend | Conflict:
    """Decide on a later deadline of an escalation, by the state and the deadline that it has."""
    extended = request.extended(action.seconds, now_ms=now_ms)
    if extended is None:
        message = "Only what is pending is extended: three times, and no further than 7 days after its first deadline."
        return Conflict(refused(ReasonCode.HITL_DEADLINE_NOT_EXTENDABLE, message))
    return Extend(request, extended, actor, outcome_fields(extended), now_ms)


def _revoke(
    request: RequestRecord, actor: Mapping[str, Any], *, refused: _Refused, now_ms: int
) -> Revoke | AlreadyDone | Conflict:
    """Decide whether what a request authorizes is taken back."""
    if not request.state.authorizes:
        message = f"The request is {request.as_of(now_ms).state.value}: there is nothing to take back."
        return Conflict(refused(ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED, message))
    if request.revoked_at_ms is not None:
        return AlreadyDone(request)
    if request.claim is not None:
        message = "The request's grant was claimed: what it allows may have happened."
        return Conflict(refused(ReasonCode.SECURITY_GRANT_CONSUMED, message))
    return Revoke(request, request.revoked(now_ms=now_ms), actor, now_ms)


def actor_of(action: DecisionAction, envelope: Envelope) -> dict[str, Any]:
    """Name who took ``action``, as evidence names them, with their own words."""
    actor = {
        "actor": envelope.principal_id,
        "subjectType": envelope.subject_type,
        "tenantId": envelope.tenant_id or None,
        "action": action.action.value,
        "reason": action.reason,
        **assured_members(envelope.assured),
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
    """Give the outcome of the action that left ``record``, for whoever comes back with its key."""
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


def _has_authority(action: DecisionAction, envelope: Envelope, request: RequestRecord) -> bool:
    submission = request.submission
    if ACTIONS[action.action].by_requester:
        ids = {"principal_id": submission.principal_id, "agent_id": submission.agent_id}
        return is_requester(envelope, **ids, tenant_id=submission.tenant_id)
    # What holds budgets keeps them from others while it waits: for longer only where somebody else says so.
    is_holder = envelope.principal_id == submission.principal_id and any(held.held for held in request.reservations)
    if action.action is Action.EXTEND and is_holder:
        return False
    if action.action is Action.REVOKE and envelope.principal_id == request.approved_by:
        return not other_tenant(envelope, submission.tenant_id)
    return may_resolve(envelope, principal_id=submission.principal_id, tenant_id=submission.tenant_id)


def _stored(record: RequestRecord) -> "StoredOutcome":
    return {"state": record.state, "artifact": record.artifact()}


def _stored_outcome(guard: Mapping[str, Any]) -> "StoredOutcome":
    # An earlier release kept no state: what an action allowed was approved.
    state = guard.get("state") or (State.APPROVED if guard["decision"] == "allow" else State.REJECTED)
    return {"state": State(state), "artifact": guard["artifact"]}


def _not_found(action: DecisionAction, now_ms: int) -> Refusal:
    message = _NO_REQUEST if action.action is Action.REVOKE else _NO_ESCALATION
    refusal = refusal_of(_NOT_FOUND, message, request_id=action.request_id)
    return unread_action(refusal, now_ms=now_ms) if ACTIONS[action.action].closes else refusal


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
