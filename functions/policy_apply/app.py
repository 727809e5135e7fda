"""The one privileged policy mutation: envelope, trust token, body, then one atomic write (contract.md section 4)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.policy.apply import apply_policy
from handshake.policy.change import parse_change

if TYPE_CHECKING:
    from handshake.policy.answers import PolicyApplied


def apply(call: Call) -> "PolicyApplied":
    """Put a policy in force."""
    envelope = call.envelope()
    claims = call.trust_claims(envelope)
    change = parse_change(call.json_body())
    applied = apply_policy(call.context, change, envelope=envelope, claims=claims)
    again = f", {applied.reapplied} again" if applied.reapplied else ""
    return {
        "status": "ok",
        "policyVersion": applied.version,
        "auditEventId": applied.audit_event_id,
        "message": f"Policy {applied.version}{again} is active.",
    }


handler = HttpHandler(Route("POST", "/policy/apply", apply))
