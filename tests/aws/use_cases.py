"""Every main path of every function, made once: what a role must allow is what these ask."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from handshake.core.reasons import ReasonCode, describe
from handshake.core.synthetic import RESERVED
from handshake.requests import verify_nightly
from handshake.requests.table import lapsing_shard
from handshake.requests.verification_progress import night_of
from handshake.trust.identity import SCOPE_READ_ANY, SCOPE_READ_TENANT, SCOPE_RESOLVE
from tests.aws.fleet import Fleet, running
from tests.aws.translated import deployment
from tests.support.agents import operator, put, read
from tests.support.logs import lines_of, standard_output
from tests.support.policies import a_budget
from tests.support.recorder import Asked
from tests.support.service import (
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    extend,
    for_agent,
    get,
    human,
    own,
    post,
    register_tools,
    report,
    reported_event,
    revoke,
    submission,
    submit,
    token,
    unique,
)
from tests.support.store import empty, let_expire, let_guard_expire


def _submit(fleet: Fleet) -> None:
    for decision in ("allow", "deny", "escalate"):
        submit(fleet, decided(fleet, decision))
        decided(fleet, decision, tenantId=None)
    submit(fleet, submission("other"))
    submit(fleet, submission(agentId=""))
    submit(fleet.by_stranger(), submission())


def _read(fleet: Fleet) -> None:
    request = escalated(fleet)
    for path in ("/workflow/requests/{}", "/workflow/decision-room/{}", "/workflow/evidence/{}"):
        get(fleet, path.format(request["requestId"]), envelope=own(request))
        get(fleet, path.format(request["requestId"]), envelope=human("stranger"))
        get(fleet, path.format(request["requestId"]))
    for scopes in ([], [SCOPE_RESOLVE], [SCOPE_READ_TENANT], [SCOPE_READ_ANY]):
        reader = own(request, tenantId=request["tenantId"], scopes=scopes)
        get(fleet, "/workflow/decision-room", envelope=reader)
        get(fleet, "/workflow/decisions", envelope=reader)


def _authorize(fleet: Fleet) -> None:
    request = decided(fleet, "allow")
    artifact = submit(fleet, request).body
    post(fleet, "/workflow/authorize-execution", {"request": request, "artifact": artifact})
    post(fleet, "/workflow/authorize-execution", {"request": request, "artifact": {}})


def _act(fleet: Fleet) -> None:
    for action in ("approve", "reject"):
        act(fleet, escalated(fleet), action)
        act(fleet, escalated(fleet, tenantId=None), action)
        request = escalated(fleet)
        for _ in range(2):
            act(fleet, request, action, key="k")
        act(fleet, request, action, key="another")
    act(fleet, escalated(fleet), key="k", envelope=human("stranger"))
    late = escalated(fleet)
    let_expire(fleet, late)
    act(fleet, late, key="k")
    post(fleet, "/workflow/decision-room/action", {})


def _extend(fleet: Fleet) -> None:
    for tenant in (unique("tenant"), None):
        request = escalated(fleet, tenantId=tenant)
        for key in ("k", "k", "another", None):
            extend(fleet, request, key=key)
    late = escalated(fleet)
    let_expire(fleet, late)
    extend(fleet, late)


def _revoke(fleet: Fleet) -> None:
    for tenant in (unique("tenant"), None):
        revoke(fleet, decided(fleet, "allow", tenantId=tenant))
        request = escalated(fleet, tenantId=tenant)
        act(fleet, request, "approve")
        for _ in range(2):
            revoke(fleet, request)
        withdrawn = escalated(fleet, tenantId=tenant)
        for _ in range(2):
            act(fleet, withdrawn, "withdraw", key="k")


def _grant(fleet: Fleet) -> None:
    for request in (decided(fleet, "allow"), decided(fleet, "allow", tenantId=None), submission("other")):
        submit(fleet, request)
        granted = claim(fleet, request, key="k")
        claim(fleet, request, key="k")
        claim(fleet, request)
        claim(fleet, request, envelope=human("stranger"))
        for status in ("succeeded", "failed"):
            report(fleet, granted.body["grantId"], envelope=own(request), status=status)
    get(fleet, "/.well-known/jwks.json")


def _apply(fleet: Fleet) -> None:
    agent = unique("agent")
    for limit in (1, 2):
        apply_policy(fleet, for_agent(agent, max_transaction=limit))
    apply_policy(fleet, {"scope": "agent", "scopeId": agent, "policyVersion": "v1"})
    apply_policy(fleet, {"scope": "global", "rules": []})
    apply_policy(fleet, {"scope": "global", "rules": []}, token=None)
    shown = token(fleet)
    for _ in range(2):
        apply_policy(fleet, for_agent(agent, max_transaction=3), token=shown)

    tools = [{"name": "send", "inputSchema": {"properties": {"to": {"type": "string"}}, "required": ["to"]}}]
    register_tools(fleet, {"actionType": "other", "tools": tools})
    cedar = '@id("a") forbid (principal, action == Action::"send", resource) when { context.input.to == "x" };'
    apply_policy(fleet, {"scope": "agent", "scopeId": agent, "cedar": cedar})
    register_tools(fleet, {"actionType": "payment", "tools": []})
    action = {"operation": "send", "tool": "send", "arguments": {"to": "x"}}
    post(fleet, "/workflow/requests", submission("other", agentId=agent, context={}, action=action))
    post(fleet, "/policy/simulate", {"scope": "agent", "scopeId": agent, "cedar": cedar})


def _policies(fleet: Fleet) -> None:
    get(fleet, "/policy/tools")
    request = decided(fleet, "allow")
    for scope in ("scope=global", f"scope=agent&scopeId={request['agentId']}"):
        get(fleet, f"/policy/config?{scope}")
        get(fleet, f"/policy/versions?{scope}")
    post(fleet, "/policy/simulate", for_agent(request["agentId"], max_transaction=1))
    post(fleet, "/policy/simulate", {"scope": "global", "rules": []})
    get(fleet, "/policy/config?scope=nothing")


def _budgets_and_shadow(fleet: Fleet) -> None:
    """Take of budgets and give it back in each way that there is, beside a shadow that would have decided otherwise."""
    tenant, narrow = unique("tenant"), unique("tenant")
    apply_policy(fleet, {"scope": "tenant", "scopeId": tenant, "budgets": [a_budget()]})
    apply_policy(fleet, {"scope": "tenant", "scopeId": tenant, "budgets": [a_budget(max=1)], "mode": "shadow"})
    apply_policy(fleet, {"scope": "tenant", "scopeId": narrow, "budgets": [a_budget(max=1, over="escalate")]})
    approved, rejected, late = (escalated(fleet, tenantId=tenant) for _ in range(3))
    get(fleet, f"/workflow/decision-room/{approved['requestId']}", envelope=own(approved))
    for request in (approved, escalated(fleet, tenantId=narrow)):
        act(fleet, request)
        claim(fleet, request)
    act(fleet, rejected, "reject")
    let_expire(fleet, late)
    _let_lapse(fleet, decided(fleet, "allow", tenantId=tenant))
    fleet.run("hitl_expiry")
    get(fleet, f"/policy/shadow?scope=tenant&scopeId={tenant}")


def _agents(fleet: Fleet) -> None:
    agent, tenant, admin = unique("agent"), operator(), operator(None)
    for envelope in (tenant, admin):
        for state in ("stopped", "active"):
            put(fleet, agent, state=state, envelope=envelope)
        read(fleet, agent, envelope=envelope)
        get(fleet, "/agents", envelope=envelope)
        get(fleet, "/agents", envelope=envelope, query={"state": "active"})
    read(fleet, "nobody")
    get(fleet, "/agents")
    for tenant_id in ("acme", None):
        request = escalated(fleet, tenantId=tenant_id)
        put(fleet, request["agentId"], envelope=operator(tenant_id))
        act(fleet, request)


def _metrics(fleet: Fleet) -> None:
    for reason in ReasonCode:
        # A full batch of the stream, with as many series in it as there are reasons.
        post(fleet, "/metrics/project", reported_event(reasonCode=reason.value, reasonFamily=describe(reason).family))
    post(fleet.synthetically(), "/metrics/project", reported_event())
    for path in ("summary?window=30d", "series?window=30d&bucket=day", "series?window=1h", "reasons?window=7d"):
        get(fleet, f"/metrics/{path}")
    get(fleet, "/metrics/summary?window=nothing")


def _expire(fleet: Fleet) -> None:
    let_expire(fleet, escalated(fleet))
    reserved = escalated(fleet.synthetically(), tenantId=RESERVED)
    let_expire(fleet, reserved)
    for tenant in (unique("tenant"), None):
        _let_lapse(fleet, decided(fleet, "allow", tenantId=tenant))
    fleet.run("hitl_expiry")


def _tell(fleet: Fleet) -> None:
    for decision in ("allow", "escalate"):
        decided(fleet, decision)
    put(fleet, unique("agent"), envelope=operator())
    fleet.register_channels()
    fleet.run("notifier")
    with patch.object(socket, "getaddrinfo", side_effect=OSError):
        fleet.run("channels")


def _remind(fleet: Fleet) -> None:
    """Have all notices be due, those of what has been closed since too, and what waits have more time than them."""
    escalated(fleet)
    fleet.run("notifier")
    pages = fleet.dynamodb.get_paginator("scan").paginate(TableName=fleet.tables.workflow)
    for item in (item for page in pages for item in page["Items"]):
        if item["pk"]["S"].startswith("NOTICE#") and "pending_deadline" in item:
            _set(fleet, item, pending_deadline="1")
        if item.get("state") == {"S": "escalated_pending"}:
            _set(fleet, item, created_at="1")
    fleet.run("hitl_expiry")


def _set(fleet: Fleet, item: Mapping[str, Any], **numbers: str) -> None:
    fleet.dynamodb.update_item(
        TableName=fleet.tables.workflow,
        Key={name: item[name] for name in ("pk", "sk")},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in numbers),
        ExpressionAttributeValues={f":{name}": {"N": number} for name, number in numbers.items()},
    )


def _let_lapse(fleet: Fleet, request: Mapping[str, Any]) -> None:
    """Have a request be one that was submitted under ActionBinding=required, and whose time to be claimed is up."""
    fleet.dynamodb.update_item(
        TableName=fleet.tables.workflow,
        Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET #bound = :true, execute_by = :past, pending_lane = :lane, pending_deadline = :past",
        ExpressionAttributeNames={"#bound": "bound"},
        ExpressionAttributeValues={":true": {"BOOL": True}, ":past": {"N": "1"}, ":lane": {"S": lapsing_shard(0)}},
    )


def _retain(fleet: Fleet) -> None:
    jti = unique("jti")
    apply_policy(fleet, for_agent(unique("agent"), max_transaction=1), token=token(fleet, jti=jti))
    let_guard_expire(fleet, jti)
    fleet.run("replay_retention")


def _verify(fleet: Fleet) -> None:
    agent = unique("agent")
    apply_policy(fleet, for_agent(agent, max_transaction=1))
    # A scope that lost its active policy is looked at again.
    key = {"pk": {"S": f"SCOPE#agent#{agent}"}, "sk": {"S": "ACTIVE"}}
    fleet.dynamodb.delete_item(TableName=fleet.tables.policy, Key=key)
    payer = unique("agent")
    apply_policy(fleet, for_agent(payer, max_transaction=100))
    post(fleet, "/workflow/requests", submission("payment", agentId=payer, context={"amount": 10}))
    # As in the night to come, which looks at what was recorded today; and at whole tables, wherever their segments end.
    with (
        patch.object(verify_nightly, "night_of", lambda now_ms: night_of(now_ms) + 1),
        patch.object(verify_nightly, "segment", return_value={}),
    ):
        fleet.run("evidence_verification")


def _run(function: str) -> Callable[[Fleet], Any]:
    return lambda fleet: fleet.run(function)


# The stream is folded once there is something in it.
USE_CASES: Final[Mapping[str, Callable[[Fleet], Any]]] = {
    "submit": _submit,
    "read": _read,
    "authorize": _authorize,
    "act": _act,
    "extend": _extend,
    "revoke": _revoke,
    "grant": _grant,
    "apply": _apply,
    "policies": _policies,
    "budgets and shadow": _budgets_and_shadow,
    "agents": _agents,
    "metrics": _metrics,
    "fold": _run("metrics_projector"),
    "expire": _expire,
    "retain": _retain,
    "verify": _verify,
    "tell": _tell,
    "remind": _remind,
    "triage": _run("alarm_triage"),
    "gate": _run("release_gate"),
    "rotate": _run("secret_rotation"),
}


# What the next use case needs what this one stored for.
_GOES_ON: Final = {"metrics", "tell"}


@dataclass(frozen=True)
class Observed:
    """Records what all use cases were seen to do: by function what was asked of AWS, all expressions, all log lines."""

    asked: Mapping[str, set[Asked]]
    expressions: set[str]
    lines: list[dict[str, Any]]


def observe() -> Observed:
    """Make every use case once, on production's template."""
    with running(deployment("production")) as (fleet, recorder), standard_output() as output:
        for name, make in USE_CASES.items():
            make(fleet)
            if name not in _GOES_ON:
                # moto copies whole tables at each transaction.
                empty(fleet, "workflow", "policy", "metrics")
    return Observed(recorder.asked, recorder.expressions, lines_of(output))
