"""Read and simulate policy: the active config, its versions, and what a change would do (contract.md section 4)."""

from typing import Any

from handshake.api.http import Answer, Call, HttpHandler, Route
from handshake.core.paging import parse_page
from handshake.policy.change import parse_body
from handshake.policy.read import read_config, read_versions
from handshake.policy.rule_keys import DEFAULT_RULES
from handshake.policy.rules import GLOBAL, Scope, parse_rules, parse_scope
from handshake.simulation.simulate import simulate_policy


def get_config(call: Call) -> Answer:
    """``GET /policy/config``; where global scope stores nothing, the defaults that stand in for it."""
    scope = _scope(call)
    stored = read_config(call.context, scope)
    if stored.version:
        return _scope_view(scope) | {"rules": stored.rules, "policyVersion": stored.version}
    return _scope_view(scope) | {"rules": DEFAULT_RULES if scope == GLOBAL else []}


def get_versions(call: Call) -> Answer:
    """``GET /policy/versions``, newest first"""
    scope = _scope(call)
    page = parse_page(call.query("limit"), call.query("cursor"), parts=(int,))
    versions, cursor = read_versions(call.context, scope, page)
    listed = [
        {
            "policyVersion": version.version,
            "rules": version.rules,
            "appliedAt": version.applied_at_ms,
            "auditEventId": version.audit_event_id,
        }
        for version in versions
    ]
    return _scope_view(scope) | {"versions": listed} | ({"nextCursor": cursor} if cursor else {})


def simulate(call: Call) -> Answer:
    """``POST /policy/simulate``"""
    body = parse_body(call.json_body())
    scope = parse_scope(body)
    return simulate_policy(call.context, scope, parse_rules(body.get("rules"))).view()


def _scope(call: Call) -> Scope:
    return parse_scope({"scope": call.query("scope"), "scopeId": call.query("scopeId")})


def _scope_view(scope: Scope) -> dict[str, Any]:
    return {"scope": scope.kind} | ({"scopeId": scope.scope_id} if scope.scope_id else {})


handler = HttpHandler(
    Route("GET", "/policy/config", get_config),
    Route("GET", "/policy/versions", get_versions),
    Route("POST", "/policy/simulate", simulate),
)
