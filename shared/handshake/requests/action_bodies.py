"""The bodies of the actions on a request: what they may say, and what is made of them.

Rules from contract.md sections 2, 3, 11 and 13.
"""

from typing import Any, Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.text import has_lone_surrogates, id_faults
from handshake.requests.decision_action import ACTION_WORDS, Action, DecisionAction
from handshake.requests.record import MAX_EXTENSION_S, MIN_EXTENSION_S

MAX_REASON_LENGTH: Final = 500
MAX_IDEMPOTENCY_KEY_LENGTH: Final = 256
MEMBERS: Final = frozenset({"requestId", "hitlRequestId", "action", "reason"})
EXTENSION_MEMBERS: Final = frozenset({"requestId", "seconds", "reason"})
REVOCATION_MEMBERS: Final = frozenset({"requestId", "reason"})


def parse_action(body: Any, idempotency_key: str | None = None) -> DecisionAction:
    """Check the body of a decision action, then its ``x-idempotency-key`` header, None where it is not sent.

    Raises HandshakeError: trust_context_missing_binding without a requestId,
    trust_context_invalid_request_shape for anything else that is wrong.
    """
    request_id = _request_id(body, MEMBERS)
    action = body.get("action")
    if not isinstance(action, str) or action not in ACTION_WORDS:
        raise _bad_shape("action must be approve, reject, deny or withdraw.", request_id)
    hitl_request_id, reason = body.get("hitlRequestId"), _reason(body, request_id)
    if not (hitl_request_id is None or isinstance(hitl_request_id, str)):
        raise _bad_shape("hitlRequestId must be a string.", request_id)
    key = checked_key(idempotency_key)
    return DecisionAction(request_id, hitl_request_id, ACTION_WORDS[action], reason, key)


def parse_extension(body: Any, idempotency_key: str | None = None) -> DecisionAction:
    """Check the body of an extension, then its ``x-idempotency-key`` header. Raises as parse_action."""
    request_id = _request_id(body, EXTENSION_MEMBERS)
    seconds = number(body.get("seconds"))
    if seconds is None or seconds != int(seconds) or not MIN_EXTENSION_S <= seconds <= MAX_EXTENSION_S:
        message = f"seconds must be a whole number from {MIN_EXTENSION_S} to {MAX_EXTENSION_S}."
        raise _bad_shape(message, request_id)
    reason, key = _reason(body, request_id), checked_key(idempotency_key)
    return DecisionAction(request_id, None, Action.EXTEND, reason, key, int(seconds))


def parse_revocation(body: Any) -> DecisionAction:
    """Check the body of a revocation, which needs a reason. Raises as parse_action."""
    request_id = _request_id(body, REVOCATION_MEMBERS)
    reason = _reason(body, request_id)
    if reason is None or not reason.strip():
        raise _bad_shape("reason is required: it says why the authority is taken back.", request_id)
    return DecisionAction(request_id, None, Action.REVOKE, reason)


def _request_id(body: Any, members: frozenset[str]) -> str:
    """Give the requestId of a body that is an object of ``members`` only."""
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.", None)
    request_id = body.get("requestId")
    absent, wrong = id_faults(body, ("requestId",), stored=True)
    if absent:
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "requestId is required.")
    if wrong or not isinstance(request_id, str):
        raise _bad_shape(f"requestId {wrong.get('requestId')}.", None)
    if not body.keys() <= members:
        # A person's word that is not read is not kept. What it is called is the caller's text, so it is not repeated.
        raise _bad_shape(f"There are no other members than {', '.join(sorted(members))}.", request_id)
    return request_id


def _reason(body: dict[str, Any], request_id: str) -> str | None:
    reason = body.get("reason")
    if not (reason is None or (isinstance(reason, str) and len(reason) <= MAX_REASON_LENGTH)):
        raise _bad_shape(f"reason must be a string of at most {MAX_REASON_LENGTH} characters.", request_id)
    return reason or None


def checked_key(text: str | None) -> str | None:
    """Give an ``x-idempotency-key`` header, None where it is not sent; raises trust_context_invalid_request_shape."""
    storable = text is None or text.isascii() or not has_lone_surrogates(text)
    if not (text is None or (storable and 1 <= len(text) <= MAX_IDEMPOTENCY_KEY_LENGTH)):
        raise _bad_shape(f"x-idempotency-key must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters.", None)
    return text


def _bad_shape(message: str, request_id: str | None) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message, request_id=request_id)
