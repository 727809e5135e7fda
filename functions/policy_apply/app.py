"""The one privileged policy mutation: envelope, trust token, body, then one atomic write (contract.md section 4)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.policy.apply import apply_policy
from handshake.policy.change import MAX_POLICY_BYTES, parse_change
from handshake.policy.members import warnings_of

if TYPE_CHECKING:
    from handshake.policy.answers import PolicyApplied


def apply(call: Call) -> "PolicyApplied":
    """Put a policy in force."""
    envelope = call.envelope()
    claims = call.trust_claims(envelope)
    change = parse_change(call.json_body(max_bytes=MAX_POLICY_BYTES))
    applied = apply_policy(call.context, change, envelope=envelope, claims=claims)
    again = f", {applied.reapplied} again" if applied.reapplied else ""
    becomes = "is active" if applied.mode == "active" else "ends the shadow" if applied.ends_shadow else "is the shadow"
    answer: PolicyApplied = {
        "status": "ok",
        "policyVersion": applied.version,
        "auditEventId": applied.audit_event_id,
        "message": f"Policy {applied.version}{again} {becomes}.",
    }
    if warnings := warnings_of(applied.scope, applied.members):
        answer["warnings"] = warnings
    return answer


handler = HttpHandler(Route("POST", "/policy/apply", apply))
