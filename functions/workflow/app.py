"""The workflow but for its decision action: submit, authorize an execution, and every read (contract.md section 3)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.core.paging import parse_page
from handshake.core.reasons import ReasonCode
from handshake.requests.authorize_execution import authorize_execution
from handshake.requests.evidence import views
from handshake.requests.execution import NOT_ALLOWED, parse_presented
from handshake.requests.history_query import parse_history_query
from handshake.requests.read import read_evidence, read_queue, read_request
from handshake.requests.read_history import read_history
from handshake.requests.read_room import read_room
from handshake.requests.submission import REFUSED, ensure_submitted_by, parse_submission
from handshake.requests.submit import submit

if TYPE_CHECKING:
    from handshake.requests.answers import (
        Decided,
        EvidenceEvent,
        ExecutionAuthorized,
        History,
        Queue,
        RequestStatus,
        Room,
    )


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


def get_request(call: Call) -> "RequestStatus":
    """Read where a request stands."""
    record = read_request(call.context, call.path("requestId"), call.envelope())
    return record.status_view(call.context.now_ms())


def get_evidence(call: Call) -> "list[EvidenceEvent]":
    """Read what happened to a request, oldest first."""
    record, events = read_evidence(call.context, call.path("requestId"), call.envelope())
    context_hash = record.submission.decision_context_hash
    return views(events, decision_context_hash=context_hash, hitl_request_id=record.hitl_request_id)


def list_rooms(call: Call) -> "Queue":
    """List the requests that wait for the caller, or for the caller's tenant."""
    envelope = call.envelope()
    page = parse_page(call.query("limit"), call.query("cursor"), parts=(str, int))
    records, cursor = read_queue(call.context, envelope, page)
    answer: Queue = {"requests": [record.room_view() for record in records]}
    if cursor:
        answer["nextCursor"] = cursor
    return answer


def get_room(call: Call) -> "Room":
    """Read what a person sees before deciding."""
    return read_room(call.context, call.path("requestId"), call.envelope()).view()


def list_decisions(call: Call) -> "History":
    """List closed escalations of the caller, or of the caller's tenant, newest first."""
    envelope = call.envelope()
    asked = parse_history_query(
        envelope,
        outcome=call.query("outcome"),
        actor=call.query("actor"),
        since=call.query("from"),
        until=call.query("to"),
        limit=call.query("limit"),
        cursor=call.query("cursor"),
    )
    closed, cursor = read_history(call.context, asked, envelope)
    answer: History = {"decisions": [decision.view() for decision in closed]}
    if cursor:
        answer["nextCursor"] = cursor
    return answer


def authorize(call: Call) -> "ExecutionAuthorized":
    """Say that a privileged effect may go ahead, or refuse it."""
    envelope = call.submitter()
    presented = parse_presented(call.json_body(NOT_ALLOWED))
    call.acts_for(presented.principal_id, presented.tenant_id, request_id=presented.request_id)
    authorize_execution(call.context, presented, envelope, needs_grant=call.runtime.binds_actions)
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
