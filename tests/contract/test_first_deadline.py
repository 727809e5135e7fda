"""Contract section 13: the first deadline of an escalation is the policy's, else the stack's own."""

from typing import Any

import pytest

from tests.support.service import (
    Service,
    apply_policy,
    escalated,
    for_agent,
    get,
    own,
    rules,
    submission,
    submit,
    unique,
)

STACK_S = 300


def _seconds_left(service: Service, request: dict[str, Any]) -> float:
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    return float(room["expiresAt"] - room["artifact"]["timestamp"]) / 1000


def test_an_agents_policy_gives_its_escalations_their_deadline(service: Service) -> None:
    agent, tenant = unique("agent"), unique("tenant")
    apply_policy(service, for_agent(agent, escalation_ttl_seconds=86_400))

    deadlines = [_seconds_left(service, escalated(service, agentId=name)) for name in (agent, unique("agent"))]
    assert deadlines == [86_400, STACK_S]

    apply_policy(service, for_agent(agent, escalation_ttl_seconds=3600) | {"tenantId": tenant})
    assert _seconds_left(service, escalated(service, agentId=agent, tenantId=tenant)) == 3600
    assert _seconds_left(service, escalated(service, agentId=agent)) == 86_400


@pytest.mark.parametrize(("agents", "expected"), [(None, 600), (7200, 600), (120, 120)])
def test_of_two_scopes_the_smaller_wins(global_scope: Service, agents: int | None, expected: int) -> None:
    agent = unique("agent")
    apply_policy(global_scope, {"scope": "global", "rules": rules(escalation_ttl_seconds=600)})
    if agents is not None:
        apply_policy(global_scope, for_agent(agent, escalation_ttl_seconds=agents))

    assert _seconds_left(global_scope, escalated(global_scope, agentId=agent)) == expected


@pytest.mark.parametrize("value", [59, 604_801, 60.5, "300", True])
def test_what_is_no_deadline_is_refused(service: Service, value: Any) -> None:
    reply = apply_policy(service, for_agent(unique("agent"), escalation_ttl_seconds=value))

    assert reply.outcome == (422, "policy_invalid_policy")


def test_a_callers_own_context_sets_no_deadline(service: Service) -> None:
    body = submission(context={"amount": 150, "category": "ops", "escalationTtlSeconds": 60})
    assert submit(service, body).body["decision"] == "escalate"

    assert _seconds_left(service, body) == STACK_S
