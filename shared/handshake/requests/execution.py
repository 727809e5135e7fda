"""authorize-execution: the gate before a privileged effect (contract.md section 3)."""

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from handshake.agents.standing import AgentState
from handshake.core.errors import HandshakeError, Refusal, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.requests.record import RequestRecord
from handshake.requests.submission import Submission, parse_recorded

if TYPE_CHECKING:
    from handshake.requests.answers import RefusedExecution

NOT_ALLOWED: "Final[RefusedExecution]" = {"allowed": False}


def parse_presented(body: Any) -> Submission:
    """Give the request in ``body``, once the artifact beside it is seen to allow that very request.

    Raises HandshakeError: trust_context_invalid_request_shape or trust_context_missing_binding for a
    malformed request, security_handshake_required_bypass_denied or security_side_channel_denied for what it declares,
    security_missing_decision_artifact, security_non_allow_artifact or security_decision_context_mismatch.
    """
    if not isinstance(body, dict):
        raise HandshakeError.of(
            _refused(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, "The body must be a JSON object.")
        )
    artifact = body.get("artifact")
    if not isinstance(artifact, dict):
        raise HandshakeError.of(
            _refused(ReasonCode.SECURITY_MISSING_DECISION_ARTIFACT, "The decision artifact is required.")
        )
    if artifact.get("decision") != "allow":
        raise HandshakeError.of(
            _refused(ReasonCode.SECURITY_NON_ALLOW_ARTIFACT, "The decision artifact does not allow.")
        )
    try:
        submission = parse_recorded(body.get("request"))
    except HandshakeError as fault:
        refusal = replace(fault.refusal, fields=NOT_ALLOWED, denies=False)
        raise HandshakeError.of(refusal) from None
    shown = artifact.get("decisionContextHash")
    for spelling in submission.spellings:
        if artifact.get("requestId") in (None, submission.request_id) and _equal(shown, spelling.decision_context_hash):
            return spelling
    raise HandshakeError.of(_mismatch(submission.request_id))


def decide_execution(
    presented: Submission,
    record: RequestRecord | None,
    agent: AgentState,
    *,
    paused: Refusal | None,
    now_ms: int,
) -> Refusal | None:
    """Decide whether the effect may go ahead at ``now_ms``, by what is stored: None where it may, else the refusal.

    ``agent`` is the state of the agent that was presented, and ``paused`` the refusal of everything privileged, where
    operators have paused it. Otherwise: security_artifact_request_not_found, security_decision_context_mismatch (an
    artifact that agrees with itself but not with the decision), security_artifact_state_not_authorized, of what was
    revoked or lapsed security_grant_expired, of what was claimed security_grant_consumed, of what was submitted where
    each effect takes a grant security_grant_required, or security_agent_stopped.
    """
    request_id = presented.request_id
    if paused is not None:
        return replace(paused, fields=NOT_ALLOWED, request_id=request_id)
    if record is None:
        return _refused(ReasonCode.SECURITY_ARTIFACT_REQUEST_NOT_FOUND, "No request has this requestId.", request_id)
    decided = record.submission
    # The hash has the minute, the digest has the tenant and the action's; both have the facts.
    same_minute = _equal(decided.decision_context_hash, presented.decision_context_hash)
    if not (same_minute and _equal(decided.facts_digest, presented.facts_digest)):
        return _mismatch(request_id)
    if not record.state.authorizes:
        message = f"The request is {record.as_of(now_ms).state.value}."
        return _refused(ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED, message, request_id)
    if record.revoked_at_ms is not None:
        return _refused(ReasonCode.SECURITY_GRANT_EXPIRED, "What the request authorized was taken back.", request_id)
    if record.lapsed_at_ms is not None:
        return _refused(ReasonCode.SECURITY_GRANT_EXPIRED, "Nobody claimed the request in time.", request_id)
    if record.claim is not None:
        return _refused(ReasonCode.SECURITY_GRANT_CONSUMED, "The request's one grant was claimed.", request_id)
    if record.bound:
        # Nobody could tell afterwards that it was executed, and it would give back what it had spent.
        return grant_required(request_id)
    if agent is AgentState.STOPPED:
        return _refused(ReasonCode.SECURITY_AGENT_STOPPED, "Operators have stopped the agent.", request_id)
    return None


def grant_required(request_id: str) -> Refusal:
    """Give the refusal of every execution where each needs a grant of its own (ActionBinding=required)."""
    return _refused(ReasonCode.SECURITY_GRANT_REQUIRED, "Claim the request's grant, and execute by that.", request_id)


def _equal(claimed: Any, actual: str) -> bool:
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode(), actual.encode())


def _mismatch(request_id: str) -> Refusal:
    return _refused(
        ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
        "The artifact was not decided for this request.",
        request_id,
    )


def _refused(reason: ReasonCode, message: str, request_id: str | None = None) -> Refusal:
    return refusal_of(reason, message, request_id=request_id, fields=NOT_ALLOWED)
