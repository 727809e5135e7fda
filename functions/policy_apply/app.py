"""The privileged changes of policy: envelope, trust token, body, then one atomic write (contract.md 4 and 15)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.policy.apply import apply_policy
from handshake.policy.change import MAX_POLICY_BYTES, parse_change
from handshake.policy.register_tools import register_tools
from handshake.policy.tool_change import parse_tools
from handshake.trust.token import TOOLS_SUBJECT

if TYPE_CHECKING:
    from handshake.policy.answers import PolicyApplied, ToolsRegistered


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
        "auditEventId": applied.by.audit_event_id,
        "message": f"Policy {applied.version}{again} {becomes}.",
    }
    if applied.warnings:
        answer["warnings"] = list(applied.warnings)
    return answer


def register(call: Call) -> "ToolsRegistered":
    """Register the tools of an action type."""
    envelope = call.envelope()
    claims = call.trust_claims(envelope, subject=TOOLS_SUBJECT)
    change = parse_tools(call.json_body(max_bytes=MAX_POLICY_BYTES))
    applied = register_tools(call.context, change, envelope=envelope, claims=claims)
    return {
        "status": "ok",
        "toolsVersion": applied.version,
        "auditEventId": applied.by.audit_event_id,
        "message": f"Tools {applied.version} are registered: {len(change.tools)} of {change.action_type}.",
    }


handler = HttpHandler(
    Route("POST", "/policy/apply", apply),
    Route("POST", "/policy/tools", register),
)
