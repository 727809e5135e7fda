"""The workflow but for its decision action: submit, authorize an execution, and every read (contract.md section 3)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.api.reads import get_evidence, get_request, get_room, list_decisions, list_rooms
from handshake.core.reasons import ReasonCode
from handshake.requests.authorize_execution import authorize_execution
from handshake.requests.execution import NOT_ALLOWED, parse_presented
from handshake.requests.submission import REFUSED, ensure_submitted_by, parse_submission
from handshake.requests.submit import submit

if TYPE_CHECKING:
    from handshake.requests.answers import Decided, ExecutionAuthorized


def submit_request(call: Call) -> "Decided":
    """Submit an action for a decision."""
    submitter = call.submitter()
    body = call.json_body(REFUSED, denies=True)
    now_ms, needs_action = call.context.now_ms(), call.runtime.binds_actions
    submission = parse_submission(body, now_ms=now_ms, needs_action=needs_action)
    if submitter:
        ensure_submitted_by(submitter, submission)
    call.acts_for(submission.principal_id, submission.tenant_id, request_id=submission.request_id)
    record, repeated, shadows = submit(
        call.context,
        submission,
        escalation_ttl_ms=call.runtime.escalation_ttl_ms,
        execute_within_ms=call.runtime.execute_within_ms,
        unknown_agents=call.runtime.unknown_agents,
        bound=needs_action,
    )
    call.decided(record.reason, record.outcome, repeated=repeated)
    call.shadowed(len(shadows), sum(shadow.outcome != record.outcome for shadow in shadows))
    return record.result_view(call.context.now_ms())


def authorize(call: Call) -> "ExecutionAuthorized":
    """Say that a privileged effect may go ahead, or refuse it."""
    envelope = call.submitter()
    presented = parse_presented(call.json_body(NOT_ALLOWED))
    call.acts_for(presented.principal_id, presented.tenant_id, request_id=presented.request_id)
    authorize_execution(
        call.context,
        presented,
        envelope,
        needs_grant=call.runtime.binds_actions,
        unknown_agents=call.runtime.unknown_agents,
    )
    call.decided(ReasonCode.SECURITY_ARTIFACT_AUTHORIZED)
    return {
        "status": "ok",
        "allowed": True,
        "reasonCode": ReasonCode.SECURITY_ARTIFACT_AUTHORIZED,
        "responseClass": "ok",
    }


handler = HttpHandler(
    Route("POST", "/workflow/requests", submit_request, REFUSED),
    Route("GET", "/workflow/requests/{requestId}", get_request),
    Route("GET", "/workflow/evidence/{requestId}", get_evidence),
    Route("GET", "/workflow/decision-room", list_rooms),
    Route("GET", "/workflow/decision-room/{requestId}", get_room),
    Route("GET", "/workflow/decisions", list_decisions),
    Route("POST", "/workflow/authorize-execution", authorize, NOT_ALLOWED),
)
