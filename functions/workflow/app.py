"""Agents' side of the workflow: submit an action, follow it, and authorize its execution (contract.md section 3)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.core.reasons import ReasonCode
from handshake.requests.authorize_execution import authorize_execution
from handshake.requests.execution import NOT_ALLOWED, parse_presented
from handshake.requests.read import read_evidence, read_request
from handshake.requests.submission import REFUSED, parse_submission
from handshake.requests.submit import submit

if TYPE_CHECKING:
    from handshake.requests.answers import Decided, EvidenceEvent, ExecutionAuthorized, RequestStatus


def submit_request(call: Call) -> "Decided":
    """Submit an action for a decision."""
    body = call.json_body(REFUSED, denies=True)
    submission = parse_submission(body, now_ms=call.context.now_ms())
    call.acts_for(submission.principal_id, submission.tenant_id)
    call.about(submission.request_id)
    record, repeated = submit(call.context, submission, escalation_ttl_ms=call.runtime.escalation_ttl_ms)
    call.decided(record.reason, record.outcome, repeated=repeated)
    return record.result_view()


def get_request(call: Call) -> "RequestStatus":
    """Read where a request stands."""
    return read_request(call.context, call.path("requestId"), call.envelope()).status_view()


def get_evidence(call: Call) -> "list[EvidenceEvent]":
    """Read what happened to a request, oldest first."""
    _, events = read_evidence(call.context, call.path("requestId"), call.envelope())
    return [event.view() for event in events]


def authorize(call: Call) -> "ExecutionAuthorized":
    """Say that a privileged effect may go ahead, or refuse it."""
    presented = parse_presented(call.json_body(NOT_ALLOWED))
    call.acts_for(presented.principal_id, presented.tenant_id)
    call.about(presented.request_id)
    authorize_execution(call.context, presented)
    call.decided(ReasonCode.SECURITY_ARTIFACT_AUTHORIZED)
    return {
        "status": "ok",
        "allowed": True,
        "reasonCode": ReasonCode.SECURITY_ARTIFACT_AUTHORIZED,
        "responseClass": "ok",
    }


handler = HttpHandler(
    Route("POST", "/workflow/requests", submit_request),
    Route("GET", "/workflow/requests/{requestId}", get_request),
    Route("GET", "/workflow/evidence/{requestId}", get_evidence),
    Route("POST", "/workflow/authorize-execution", authorize),
)
