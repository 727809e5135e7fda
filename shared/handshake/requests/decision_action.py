"""The decision action: what a person, or a service on a person's behalf, may do to an escalation.

Rules from contract.md sections 2 and 3: envelope, body, request and authority, then replay, then the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import has_lone_surrogates, is_absent, is_id
from handshake.requests.access import may_resolve
from handshake.requests.record import RequestRecord, State
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import ActionOutcome

MAX_REASON_LENGTH: Final = 500
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 256

ACTIONS: Final[dict[str, Literal["approve", "reject"]]] = {
    "approve": "approve",
    "reject": "reject",
    "deny": "reject",
}


@dataclass(frozen=True)
class DecisionAction:
    """A well-formed decision action. ``reason`` is the person's own words, kept in evidence."""

    request_id: str
    hitl_request_id: str | None
    action: Literal["approve", "reject"]
    reason: str | None

    @property
    def state(self) -> State:
        """The state the request is in once the action succeeds."""
        return State.APPROVED if self.action == "approve" else State.REJECTED

    @property
    def reason_code(self) -> ReasonCode:
        return ReasonCode.HITL_APPROVED if self.action == "approve" else ReasonCode.HITL_REJECTED


def parse_action(body: Any) -> DecisionAction:
    """Check the body of a decision action.

    Raises HandshakeError: trust_context_missing_binding without a requestId,
    trust_context_invalid_request_shape for anything else that is wrong.
    """
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.", None)
    request_id = body.get("requestId")
    if is_absent(request_id):
        raise HandshakeError(
            ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "requestId is required.", fields=refused_fields(None)
        )
    if not is_id(request_id):
        raise _bad_shape("requestId must be 1 to 256 characters without control characters.", None)
    action = body.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        raise _bad_shape("action must be approve, reject or deny.", request_id)
    hitl_request_id, reason = body.get("hitlRequestId"), body.get("reason")
    if not (hitl_request_id is None or isinstance(hitl_request_id, str)):
        raise _bad_shape("hitlRequestId must be a string.", request_id)
    if not (reason is None or (isinstance(reason, str) and len(reason) <= MAX_REASON_LENGTH)):
        raise _bad_shape(f"reason must be a string of at most {MAX_REASON_LENGTH} characters.", request_id)
    return DecisionAction(request_id, hitl_request_id, ACTIONS[action], reason or None)


def parse_idempotency_key(header: str | None) -> str | None:
    """The ``x-idempotency-key`` header, or None when it is not sent.

    Raises HandshakeError trust_context_invalid_request_shape unless it has 1 to 256 characters.
    """
    if header is None or (1 <= len(header) <= MAX_IDEMPOTENCY_KEY_LENGTH and not has_lone_surrogates(header)):
        return header
    raise _bad_shape(f"x-idempotency-key must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters.", None)


def ensure_authority(action: DecisionAction, record: RequestRecord | None, envelope: Envelope) -> RequestRecord:
    """The escalated request, if there is one and ``envelope`` may act on it.

    Raises HandshakeError: hitl_request_not_found, security_identity_subject_mismatch (an approval by
    anyone not human) or hitl_approval_unauthorized. Whoever has no authority learns no more than that.
    """
    if record is None or record.hitl_request_id is None:
        raise HandshakeError(
            ReasonCode.HITL_REQUEST_NOT_FOUND,
            "No escalated request has this requestId.",
            request_id=action.request_id,
            fields=refused_fields(action.request_id),
        )
    submission = record.submission
    authority = may_resolve(envelope, principal_id=submission.principal_id, tenant_id=submission.tenant_id)
    if action.action == "approve" and envelope.subject_type != "human":
        raise refused(
            ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
            "Only a human may approve.",
            record,
            tell=authority,
        )
    if not authority:
        raise refused(
            ReasonCode.HITL_APPROVAL_UNAUTHORIZED,
            "This principal may not resolve the request.",
            record,
            tell=False,
        )
    return record


def ensure_open(action: DecisionAction, record: RequestRecord) -> None:
    """Hold the action against the request's state; its deadline is is_overdue's.

    Raises HandshakeError hitl_request_mismatch or hitl_terminal_state_immutable.
    """
    if action.hitl_request_id not in (None, record.hitl_request_id):
        raise refused(ReasonCode.HITL_REQUEST_MISMATCH, "hitlRequestId is not this request's escalation.", record)
    if record.state.terminal:
        raise refused(
            ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE,
            f"The request is {record.state.value} and stays so.",
            record,
        )


def is_overdue(record: RequestRecord, *, now_ms: int) -> bool:
    """Whether an escalation is still pending although its deadline has come."""
    return record.state is State.PENDING and record.expires_at_ms is not None and now_ms >= record.expires_at_ms


def over_daily_limit(record: RequestRecord) -> HandshakeError:
    """The refusal of an approval whose amount no longer fits what the agent may spend that day."""
    return refused(
        ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED,
        "Approving would take the agent over its daily spend limit; the request stays pending.",
        record,
    )


def timed_out(record: RequestRecord) -> HandshakeError:
    """The refusal of an action that came after the deadline, on the record it expired."""
    return refused(ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, "The deadline has passed; submit a new request.", record)


def replayed(record: RequestRecord, outcome: Mapping[str, Any]) -> HandshakeError:
    """The refusal of a reused idempotency key; its own principal is told how the keyed action ended."""
    return HandshakeError(
        ReasonCode.SECURITY_REPLAY_DETECTED,
        "This idempotency key was already used; the fields of this answer are the stored outcome.",
        request_id=record.request_id,
        fields=outcome,
    )


def outcome_fields(record: RequestRecord) -> "ActionOutcome":
    """What an action on ``record`` tells those who may know how it ended."""
    return {"requestId": record.request_id, "decision": record.outcome, "artifact": record.artifact()}


def refused(reason: ReasonCode, message: str, record: RequestRecord, *, tell: bool = True) -> HandshakeError:
    """A refused action on ``record``; ``tell`` False keeps its decision and artifact from the caller."""
    fields = outcome_fields(record) if tell else refused_fields(record.request_id)
    return HandshakeError(reason, message, request_id=record.request_id, fields=fields)


def refused_fields(request_id: str | None) -> "ActionOutcome":
    """The body fields of a refused action when nothing of the request may be told."""
    return {"requestId": request_id, "decision": "deny", "artifact": None}


def _bad_shape(message: str, request_id: str | None) -> HandshakeError:
    return HandshakeError(
        ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
        message,
        request_id=request_id,
        fields=refused_fields(request_id),
    )
