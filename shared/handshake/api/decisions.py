"""Answers what people, and requesters, do to a request, at whichever door they come in (contract.md 3, 11 and 13)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call
from handshake.core.errors import HandshakeError, Refusal
from handshake.requests.act import act
from handshake.requests.action_bodies import parse_action, parse_extension, parse_revocation
from handshake.requests.decision_action import unread_action

if TYPE_CHECKING:
    from handshake.requests.answers import ActionDone, Extended, Revoked


def act_on_request(call: Call) -> "ActionDone | Refusal":
    """Approve or reject an escalated request, or withdraw one's own."""
    envelope = call.envelope()
    try:
        action = parse_action(call.json_body(), call.headers.get("x-idempotency-key"))
    except HandshakeError as fault:
        raise HandshakeError.of(unread_action(fault.refusal, now_ms=call.context.now_ms())) from None
    call.about(action.request_id)
    record = act(
        call.context,
        action,
        envelope,
        execute_within_ms=call.runtime.execute_within_ms,
        needs_sign_in=call.runtime.needs_sign_in,
    )
    if isinstance(record, Refusal):
        return record
    call.decided(record.reason, record.outcome)
    call.record.waited_ms = record.decided_at_ms - record.created_at_ms
    return record.action_view()


def extend_deadline(call: Call) -> "Extended | Refusal":
    """Give an escalated request more time."""
    envelope = call.envelope()
    action = parse_extension(call.json_body(), call.headers.get("x-idempotency-key"))
    call.about(action.request_id)
    record = act(call.context, action, envelope, needs_sign_in=call.runtime.needs_sign_in)
    if isinstance(record, Refusal):
        return record
    call.record.extended = True
    return record.extended_view()


def revoke_request(call: Call) -> "Revoked | Refusal":
    """Take back what a request authorizes, before it is claimed."""
    envelope = call.envelope()
    action = parse_revocation(call.json_body())
    call.about(action.request_id)
    record = act(call.context, action, envelope)
    return record if isinstance(record, Refusal) else record.revoked_view()
