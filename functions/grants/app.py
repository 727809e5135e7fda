"""Execution grants: claimed once, reported once, and the keys that verify them (contract.md section 11).

They are alone here, because nothing else may sign.
"""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.requests.claim import Claiming, claim_grant
from handshake.requests.grant_bodies import parse_claim, parse_outcome
from handshake.requests.report_outcome import report_outcome

if TYPE_CHECKING:
    from handshake.requests.answers import Granted, KeySet, OutcomeKept


def claim(call: Call) -> "Granted":
    """Claim the one grant of a request."""
    envelope = call.envelope()
    wanted = parse_claim(call.json_body(), call.headers.get("x-idempotency-key"))
    call.about(wanted.request_id)
    runtime = call.runtime
    claiming = Claiming(runtime.grant_signer, runtime.grant_issuer, runtime.execute_within_ms, runtime.unknown_agents)
    granted = claim_grant(call.context, wanted, envelope, claiming)
    return {
        "status": "ok",
        "requestId": granted.request.request_id,
        "grantId": granted.request.grant_id,
        "actionDigest": wanted.action_digest,
        "grant": granted.token,
        "executeBy": granted.request.execute_by(runtime.execute_within_ms),
        "expiresAt": granted.claims["exp"] * 1000,
    }


def report(call: Call) -> "OutcomeKept":
    """Report what came of the effect that a grant allowed."""
    envelope = call.envelope()
    outcome = parse_outcome(call.path("grantId"), call.json_body())
    call.about(outcome.request_id)
    request, kept = report_outcome(call.context, outcome, envelope)
    return {
        "status": "ok",
        "requestId": request.request_id,
        "grantId": request.grant_id,
        "outcome": kept.status,
        "reportedAt": kept.at_ms,
    }


def list_keys(call: Call) -> "KeySet":
    """List the public keys that verify grants."""
    return {"keys": [{**key} for key in call.runtime.grant_signer.public_keys()]}


handler = HttpHandler(
    Route("POST", "/workflow/grants", claim),
    Route("POST", "/workflow/grants/{grantId}/outcome", report),
    Route("GET", "/.well-known/jwks.json", list_keys),
)
