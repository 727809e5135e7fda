"""People's side of the workflow: the queue, one room, and the action that closes it (contract.md section 3)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.core.errors import HandshakeError, Refusal
from handshake.core.paging import parse_page
from handshake.requests.act import act
from handshake.requests.decision_action import parse_action, parse_idempotency_key, unread_action
from handshake.requests.read import read_queue, read_request

if TYPE_CHECKING:
    from handshake.requests.answers import ActionDone, Queue, Room


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
    return read_request(call.context, call.path("requestId"), call.envelope()).room_view()


def act_on_request(call: Call) -> "ActionDone | Refusal":
    """Approve or reject an escalated request."""
    envelope = call.envelope()
    try:
        action = parse_action(call.json_body())
        key = parse_idempotency_key(call.headers.get("x-idempotency-key"))
    except HandshakeError as fault:
        raise HandshakeError.of(unread_action(fault.refusal, now_ms=call.context.now_ms())) from None
    call.about(action.request_id)
    record = act(call.context, action, envelope, idempotency_key=key)
    if isinstance(record, Refusal):
        return record
    call.decided(record.reason, record.outcome)
    return record.action_view()


handler = HttpHandler(
    Route("GET", "/workflow/decision-room", list_rooms),
    Route("GET", "/workflow/decision-room/{requestId}", get_room),
    Route("POST", "/workflow/decision-room/action", act_on_request),
)
