"""The decision action, which closes what waits for a person (contract.md section 3).

It is alone here, so that nothing which needs less than it does can take the concurrency that is reserved for it.
"""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.core.errors import HandshakeError, Refusal
from handshake.requests.act import act
from handshake.requests.decision_action import REFUSED, parse_action, unread_action

if TYPE_CHECKING:
    from handshake.requests.answers import ActionDone


def act_on_request(call: Call) -> "ActionDone | Refusal":
    """Approve or reject an escalated request."""
    envelope = call.envelope()
    try:
        action = parse_action(call.json_body(), call.headers.get("x-idempotency-key"))
    except HandshakeError as fault:
        raise HandshakeError.of(unread_action(fault.refusal, now_ms=call.context.now_ms())) from None
    call.about(action.request_id)
    record = act(call.context, action, envelope, execute_within_ms=call.runtime.execute_within_ms)
    if isinstance(record, Refusal):
        return record
    call.decided(record.reason, record.outcome)
    call.record.waited_ms = record.decided_at_ms - record.created_at_ms
    return record.action_view()


handler = HttpHandler(Route("POST", "/workflow/decision-room/action", act_on_request, REFUSED))
