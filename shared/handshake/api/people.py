"""Serves people: their own door in front of what other functions answer too (contract.md section 13)."""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Final

from handshake.api.http import Answer, Call, HttpHandler, Route
from handshake.core.errors import HandshakeError, Refusal, StoreUnavailableError
from handshake.core.reasons import ReasonCode
from handshake.people.admit import RecordChangedError
from handshake.people.answers import Me
from handshake.people.door import Visitor
from handshake.trust.identity import Envelope

PREFIX: Final = "/api"
"""Where people's routes begin: the page and its API share one origin."""
# An operator's change of a record is seen by the first try; each further one loses to a further change.
_TRIES: Final = 3


def people_handler(*routes: Route) -> HttpHandler:
    """Make the handler of people's routes. Each is a route of the API as callers know it, under PREFIX."""
    own = (Route(route.method, PREFIX + route.resource, _answered(route.answer), route.refused) for route in routes)
    return HttpHandler(*own, identify=_envelope)


def show_me(call: Call) -> Me:
    """Show who has signed in."""
    visitor = _visitor(call)
    record, sign_in = visitor.record, visitor.sign_in
    call.acts_for(record.principal_id, record.tenant_id)
    me: Me = {
        "principalId": record.principal_id,
        "scopes": list(record.scopes),
        "issuer": sign_in.issuer,
        "subject": sign_in.subject,
        "signedInAt": sign_in.auth_time_s * 1000,
        "expiresAt": visitor.expires_at_s * 1000,
    }
    if record.tenant_id:
        me["tenantId"] = record.tenant_id
    return me


def _envelope(call: Call) -> Envelope:
    visitor = _visitor(call)
    return visitor.record.envelope(visitor.sign_in)


def _visitor(call: Call) -> Visitor:
    """Give who calls. Raises HandshakeError: security_token_invalid, security_person_unknown or _disabled."""
    if call.runtime.people is None:
        raise HandshakeError(ReasonCode.SECURITY_TOKEN_INVALID, "This stack has no user pool whose tokens it takes.")
    return call.runtime.people.admit(call.context, call.headers.get("authorization"))


def _answered(answer: Callable[[Call], Answer | Refusal]) -> Callable[[Call], Answer | Refusal]:
    """Have a route answer for the record that was read in its own call, whatever was remembered of it."""

    @wraps(answer)
    def answered(call: Call) -> Answer | Refusal:
        for _ in range(_TRIES):
            with suppress(RecordChangedError):  # nothing was written: the record is read before anything is
                try:
                    return answer(call)
                finally:
                    # What was refused by the record alone is refused only if that is still the record.
                    call.context.dynamo.settle()
        raise StoreUnavailableError

    return answered
