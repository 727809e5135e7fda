"""Read and simulate policy: the active config, its versions, and what a change would do (contract.md section 4)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.core.paging import parse_page
from handshake.policy.cedar.schema import ACTION_TYPES
from handshake.policy.change import MAX_POLICY_BYTES, StoredPolicy, parse_body
from handshake.policy.members import parse_members, parse_mode
from handshake.policy.read import read_config, read_shadow, read_versions
from handshake.policy.register_tools import read_tools
from handshake.policy.rule_keys import DEFAULT_RULES
from handshake.policy.rules import GLOBAL, Scope, parse_scope, version_name
from handshake.simulation.simulate import simulate_policy

if TYPE_CHECKING:
    from handshake.policy.answers import (
        AppliedVersion,
        PolicyConfig,
        PolicyShadow,
        PolicyVersions,
        RegisteredTool,
        RegisteredTools,
        ShadowChange,
    )
    from handshake.simulation.answers import Simulated


def get_config(call: Call) -> "PolicyConfig":
    """Read the policy of a scope, or a version of it; where global scope stores nothing, the rules that stand in."""
    scope = _scope(call, default=GLOBAL.kind)
    stored = read_config(call.context, scope, call.query("policyVersion"))
    rules = list(DEFAULT_RULES) if scope == GLOBAL and not stored.version else list(stored.members.rules)
    config: PolicyConfig = {"scope": scope.kind, "rules": rules}
    _name(config, scope)
    _add_members(config, stored)
    if stored.members.cedar:
        config["cedar"] = stored.members.cedar
    if stored.version:
        config["policyVersion"] = stored.version
    return config


def get_versions(call: Call) -> "PolicyVersions":
    """List the versions of a scope's policy, newest first."""
    scope = _scope(call)
    page = parse_page(call.query("limit"), call.query("cursor"), parts=(int,))
    versions, cursor = read_versions(call.context, scope, page)
    answer: PolicyVersions = {"scope": scope.kind, "versions": [_listed(version) for version in versions]}
    _name(answer, scope)
    if cursor:
        answer["nextCursor"] = cursor
    return answer


def _listed(stored: StoredPolicy) -> "AppliedVersion":
    listed: AppliedVersion = {
        "policyVersion": version_name(stored.number),
        "rules": list(stored.members.rules),
        "appliedAt": stored.applied_at_ms,
        "auditEventId": stored.audit_event_id,
    }
    _add_members(listed, stored)
    if stored.cedar_sha256:
        listed["cedarSha256"] = stored.cedar_sha256
    return listed


def _add_members(answer: "PolicyConfig | AppliedVersion", stored: StoredPolicy) -> None:
    """Add to ``answer`` what a policy has beside its rules and its text of Cedar."""
    members = stored.members
    if members.budgets:
        answer["budgets"] = list(members.budgets)
    if members.unmatched:
        answer["unmatched"] = members.unmatched
    if members.unmatched_tools:
        answer["unmatchedTools"] = members.unmatched_tools
    if stored.mode != "active":
        answer["mode"] = stored.mode


def get_shadow(call: Call) -> "PolicyShadow":
    """Tell what the shadow of a scope would have decided otherwise, the most frequent first."""
    scope = _scope(call)
    shadow, report = read_shadow(call.context, scope)
    changes: list[ShadowChange] = [
        {
            "from": change.before,
            "to": change.after,
            "policy": change.policy,
            "count": count,
            "examples": sorted(report.examples[change].values()),
        }
        for change, count in report.changes.most_common()
    ]
    answer: PolicyShadow = {"scope": scope.kind, "judged": report.judged, "changes": changes}
    _name(answer, scope)
    if shadow:
        answer["version"] = version_name(shadow.number)
        answer["since"] = shadow.applied_at_ms
    return answer


def simulate(call: Call) -> "Simulated":
    """Tell what a policy would have changed."""
    body = parse_body(call.json_body(max_bytes=MAX_POLICY_BYTES))
    scope = parse_scope(body)
    return simulate_policy(call.context, scope, parse_members(body, scope), mode=parse_mode(body)).view()


def get_tools(call: Call) -> "RegisteredTools":
    """List the registered tools, by type and then in the order of its list."""
    tools = read_tools(call.context)
    listed: list[RegisteredTool] = []
    for action_type in ACTION_TYPES:
        for tool in tools.of(action_type):
            shown: RegisteredTool = {
                "name": tool.name,
                "actionType": action_type,
                "inputSchema": dict(tool.schema),
                "unchecked": list(tool.unchecked),
            }
            if tool.version is not None:
                shown["version"] = tool.version
            listed.append(shown)
    answer: RegisteredTools = {"tools": listed}
    if tools.number:
        answer["toolsVersion"] = version_name(tools.number)
    return answer


def _scope(call: Call, *, default: str | None = None) -> Scope:
    named = {name: call.query(name) for name in ("scope", "scopeId", "tenantId")}
    kind = default if named["scope"] is None else named["scope"]
    return parse_scope({**named, "scope": kind}, stored=True)


def _name(answer: "PolicyConfig | PolicyVersions | PolicyShadow", scope: Scope) -> None:
    """Say in ``answer`` whose policy it is about."""
    if scope.scope_id is not None:
        answer["scopeId"] = scope.scope_id
    if scope.tenant_id is not None:
        answer["tenantId"] = scope.tenant_id


handler = HttpHandler(
    Route("GET", "/policy/config", get_config),
    Route("GET", "/policy/versions", get_versions),
    Route("GET", "/policy/shadow", get_shadow),
    Route("GET", "/policy/tools", get_tools),
    Route("POST", "/policy/simulate", simulate),
)
