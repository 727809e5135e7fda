"""Answers what people and callers read of requests, at whichever door they ask (contract.md sections 3 and 13)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call
from handshake.core.paging import parse_page
from handshake.requests.evidence import views
from handshake.requests.history_query import parse_history_query
from handshake.requests.read import read_evidence, read_queue, read_request
from handshake.requests.read_history import read_history
from handshake.requests.read_room import read_room

if TYPE_CHECKING:
    from handshake.requests.answers import EvidenceEvent, History, Queue, RequestStatus, Room


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
