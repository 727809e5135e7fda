"""The bodies of a claim and of a reported outcome: what they may say (contract.md section 11)."""

from collections.abc import Mapping
from typing import Any, Final, cast

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault, id_faults
from handshake.requests.action_bodies import checked_key
from handshake.requests.grant import (
    DEFAULT_AUDIENCE,
    MAX_DETAIL_LENGTH,
    STATUSES,
    GrantClaim,
    ReportedOutcome,
    no_such_grant,
)
from handshake.requests.record import GRANT_PREFIX, OutcomeStatus

CLAIM_MEMBERS: Final = frozenset({"requestId", "actionDigest", "audience"})
OUTCOME_MEMBERS: Final = frozenset({"status", "resultDigest", "detail"})


def parse_claim(body: Any, idempotency_key: str | None = None) -> GrantClaim:
    """Check the body of a claim, then its ``x-idempotency-key`` header, None where it is not sent.

    Raises HandshakeError: trust_context_missing_binding without requestId or actionDigest,
    trust_context_invalid_request_shape for anything else that is wrong.
    """
    fields = _members(body, CLAIM_MEMBERS)
    absent, wrong = id_faults(fields, ("requestId", "actionDigest"), stored=True)
    if absent:
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, f"{absent[0]} is required.")
    audience = fields.get("audience")
    if audience is not None and (fault := id_fault(audience)):
        wrong["audience"] = fault
    if wrong:
        raise _bad_shape("; ".join(f"{name} {fault}" for name, fault in wrong.items()) + ".")
    key = checked_key(idempotency_key)
    return GrantClaim(fields["requestId"], fields["actionDigest"], audience or DEFAULT_AUDIENCE, key)


def parse_outcome(grant_id: str, body: Any) -> ReportedOutcome:
    """Check the body of an outcome of ``grant_id``.

    Raises HandshakeError trust_context_invalid_request_shape, or security_grant_not_found for what names no grant.
    """
    fields = _members(body, OUTCOME_MEMBERS)
    status, result_digest, detail = fields.get("status"), fields.get("resultDigest"), fields.get("detail")
    if status not in STATUSES:
        raise _bad_shape(f"status must be {', '.join(STATUSES[:-1])} or {STATUSES[-1]}.")
    if result_digest is not None and (fault := id_fault(result_digest)):
        raise _bad_shape(f"resultDigest {fault}.")
    if not (detail is None or (isinstance(detail, str) and len(detail) <= MAX_DETAIL_LENGTH)):
        raise _bad_shape(f"detail must be a string of at most {MAX_DETAIL_LENGTH} characters.")
    request_id = grant_id.removeprefix(GRANT_PREFIX)
    absent, wrong = id_faults({"grantId": request_id}, ("grantId",), stored=True)
    if request_id == grant_id or absent or wrong:
        raise HandshakeError.of(no_such_grant())
    return ReportedOutcome(request_id, cast("OutcomeStatus", status), result_digest, detail or None)


def _members(body: Any, members: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.")
    if not body.keys() <= members:
        # What it is called is the caller's text, so it is not repeated.
        raise _bad_shape(f"The body has no other members than {', '.join(sorted(members))}.")
    return body


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
