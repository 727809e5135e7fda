"""Contract sections 9.21, 9.23, 9.24 and 9.26: the limits that are kept for an agent, and for whom and when."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.outcomes import APPROVED, SHAPE
from tests.support.service import (
    InProcess,
    Service,
    act,
    apply_policy,
    escalated,
    for_agent,
    get,
    now_ms,
    post,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import kept

OVER_LIMIT = "policy_daily_limit_exceeded"
THROTTLED = "security_escalation_flood_throttled"
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
MIDNIGHT_MS = 20_000 * DAY_MS


def _pay(service: Service, agent: str, tenant: str | None, amount: float, **changes: Any) -> str | None:
    body = submission(agentId=agent, tenantId=tenant, context={"amount": amount}, **changes)
    return submit(service, body).reason


@pytest.fixture
def agent() -> str:
    return unique("agent")


# -- 9.21 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["food", " FOOD", "Food\u00a0"])
@pytest.mark.parametrize("allowed", ["Food, ops", ["FOOD "], " food"])
def test_21_categories_are_compared_trimmed_and_without_case(
    service: Service, agent: str, category: str, allowed: Any
) -> None:
    apply_policy(service, for_agent(agent, allowed_categories=allowed))

    def reason(**context: Any) -> str | None:
        return submit(service, submission(agentId=agent, context={"amount": 1, **context})).reason

    assert reason(category=category) == "policy_allow"
    assert reason(category=category, allowedCategories=["fOOd"]) == "policy_allow"
    assert reason(category=category, allowedCategories=["infra"]) == "policy_category_not_allowed"
    assert reason(category="infra") == "policy_category_not_allowed"


# -- 9.23 -------------------------------------------------------------------------------------------------------


def test_23_what_an_agent_spends_is_its_own_in_each_tenant_and_in_none(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, daily_spend_limit=100))
    tenants = [unique("tenant"), unique("tenant"), None]

    assert [_pay(service, agent, tenant, 90) for tenant in tenants] == ["policy_allow"] * 3
    assert [_pay(service, agent, tenant, 11) for tenant in tenants] == [OVER_LIMIT] * 3
    assert [_pay(service, agent, tenant, 10) for tenant in tenants] == ["policy_allow"] * 3


def test_23_an_approval_spends_in_the_tenant_of_its_request(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, daily_spend_limit=100, max_transaction=50))
    mine, other = unique("tenant"), unique("tenant")
    request = escalated(service, agentId=agent, tenantId=mine, context={"amount": 90})

    assert act(service, request).outcome == APPROVED
    assert [_pay(service, agent, tenant, 11) for tenant in (mine, other)] == [OVER_LIMIT, "policy_allow"]


def test_23_what_a_bare_id_has_spent_stays_where_it_is(service: Service, agent: str) -> None:
    _pay(service, agent, None, 40)

    [spent] = kept(service, service.tables.workflow, pk=f"SPEND#{agent}")
    assert spent["spent"] == 40


def test_23_a_flood_in_one_tenant_throttles_nobody_in_another(service: Service, agent: str) -> None:
    principal, tenants = unique("principal"), [unique("tenant"), unique("tenant"), None]

    def escalate(tenant: str | None) -> str | None:
        return _pay(service, agent, tenant, 150, principalId=principal)

    assert [escalate(tenants[0]) for _ in range(6)] == ["hitl_boundary_escalated"] * 5 + [THROTTLED]
    assert [escalate(tenant) for tenant in tenants] == [THROTTLED, *["hitl_boundary_escalated"] * 2]


def test_23_an_agents_policy_applies_in_every_tenant_and_that_of_one_tenant_in_it(service: Service, agent: str) -> None:
    mine, other = unique("tenant"), unique("tenant")
    in_mine = {**for_agent(agent, max_transaction=20), "tenantId": mine}

    assert apply_policy(service, for_agent(agent, max_transaction=50)).body["policyVersion"] == "v1"
    assert apply_policy(service, in_mine).body["policyVersion"] == "v1"

    def escalates(tenant: str | None, amount: float) -> bool:
        return _pay(service, agent, tenant, amount) == "hitl_boundary_escalated"

    assert [escalates(tenant, 30) for tenant in (mine, other, None)] == [True, False, False]
    assert [escalates(tenant, 60) for tenant in (mine, other, None)] == [True, True, True]
    apply_policy(service, {**for_agent(agent, max_transaction=90), "tenantId": mine})
    assert [escalates(tenant, 60) for tenant in (mine, other)] == [True, True]


def test_23_a_policy_of_one_tenant_is_read_back_and_listed_by_it(service: Service, agent: str) -> None:
    tenant = unique("tenant")
    named = {"scope": "agent", "scopeId": agent, "tenantId": tenant}
    for limit in (20, 30):
        apply_policy(service, {**named, "rules": rules(max_transaction=limit)})

    config = get(service, "/policy/config", query=named).body
    versions = get(service, "/policy/versions", query=named).body
    everywhere = get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body

    assert config == {**named, "rules": rules(max_transaction=30), "policyVersion": "v2"}
    assert {name: versions[name] for name in named} == named
    assert [version["policyVersion"] for version in versions["versions"]] == ["v2", "v1"]
    assert everywhere == {"scope": "agent", "scopeId": agent, "rules": []}
    assert apply_policy(service, {**named, "policyVersion": "v1"}).body["policyVersion"] == "v3"


def test_23_a_policy_for_a_tenant_that_names_no_agent_is_refused(service: Service) -> None:
    body = {"scope": "global", "tenantId": "acme", "rules": []}

    assert apply_policy(service, body).outcome == SHAPE
    assert post(service, "/policy/simulate", body).outcome == SHAPE


def test_23_a_simulation_replays_what_the_agent_did_in_the_tenant_named_or_in_all(service: Service, agent: str) -> None:
    tenants = [unique("tenant") for _ in range(2)]
    for tenant in tenants:
        _pay(service, agent, tenant, 30)

    def simulated(limits: dict[str, Any], **tenant: str) -> dict[str, Any]:
        answer: dict[str, Any] = post(service, "/policy/simulate", {**for_agent(agent, **limits), **tenant}).body
        return answer

    tighter = {"max_transaction": 20}
    assert simulated(tighter)["blastRadius"]["affectedAgents"] == 2
    assert simulated(tighter, tenantId=tenants[0])["blastRadius"]["affectedAgents"] == 1
    assert simulated(tighter, tenantId=unique("tenant"))["blastRadius"]["affectedAgents"] == 0
    # Each tenant's agent has a day of its own to spend.
    assert simulated({"daily_spend_limit": 40})["predictedChanges"] == []


# -- 9.24 -------------------------------------------------------------------------------------------------------


def test_24_a_timestamp_of_tomorrow_opens_no_new_limit(in_process: InProcess, agent: str) -> None:
    apply_policy(in_process, for_agent(agent, daily_spend_limit=100))

    def pay(server_ms: int, timestamp_ms: int) -> str | None:
        then = replace(in_process, now_ms=lambda: MIDNIGHT_MS + server_ms)
        return _pay(then, agent, None, 60, timestamp=MIDNIGHT_MS + timestamp_ms)

    before_midnight = -2 * MINUTE_MS
    assert pay(before_midnight, before_midnight) == "policy_allow"
    assert pay(before_midnight, MINUTE_MS) == OVER_LIMIT
    assert pay(MINUTE_MS, before_midnight) == OVER_LIMIT
    assert pay(MINUTE_MS, MINUTE_MS) == "policy_allow"


@pytest.mark.parametrize("ahead_ms", [0, 4 * MINUTE_MS], ids=["of today", "of tomorrow"])
def test_24_an_approval_after_midnight_spends_on_the_day_of_its_request(
    in_process: InProcess, agent: str, ahead_ms: int
) -> None:
    apply_policy(in_process, for_agent(agent, daily_spend_limit=100, max_transaction=50))
    evening = replace(in_process, now_ms=lambda: MIDNIGHT_MS - MINUTE_MS)
    morning = replace(in_process, now_ms=lambda: MIDNIGHT_MS + MINUTE_MS)
    timestamp = MIDNIGHT_MS - MINUTE_MS + ahead_ms
    request = escalated(evening, agentId=agent, tenantId=None, timestamp=timestamp, context={"amount": 60})

    assert act(morning, request).outcome == APPROVED

    spent = {item["sk"]: item["spent"] for item in kept(in_process, in_process.tables.workflow, pk=f"SPEND#{agent}")}
    assert spent == {"2024-10-03": 60}


# -- 9.26 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("for_all", "for_one", "most"),
    [(None, None, 5), (7, None, 7), (None, 7, 5), (7, 6, 6), (6, 7, 6), (1, None, 1)],
)
def test_26_how_many_escalations_fit_the_window_is_a_rule(
    global_scope: Service, agent: str, for_all: int | None, for_one: int | None, most: int
) -> None:
    for limit, scope in ((for_all, {"scope": "global"}), (for_one, {"scope": "agent", "scopeId": agent})):
        if limit:
            apply_policy(global_scope, {**scope, "rules": rules(escalations_per_window=limit)})
    principal = unique("principal")

    def escalate() -> str | None:
        body = submission("data_access", principalId=principal, agentId=agent, context={"sensitivity": "ambiguous"})
        return submit(global_scope, body).reason

    told = [escalate() for _ in range(most + 1)]
    assert told == ["hitl_sensitive_ambiguous_escalated"] * most + [THROTTLED]
    assert _pay(global_scope, agent, None, 5000, principalId=principal) == OVER_LIMIT


@pytest.mark.parametrize("value", [0, 1001, 2.5, "5", None, True, [5]])
def test_26_the_limit_is_a_whole_number_up_to_a_thousand(service: Service, agent: str, value: Any) -> None:
    assert apply_policy(service, for_agent(agent, escalations_per_window=value)).outcome == (
        422,
        "policy_invalid_policy",
    )


def test_26_counters_and_keys_outlive_the_longest_deadline(in_process: InProcess, agent: str) -> None:
    body = escalated(in_process, agentId=agent, tenantId=None)
    act(in_process, body, key=unique("key"))
    workflow = in_process.tables.workflow
    [spent] = kept(in_process, workflow, pk=f"SPEND#{agent}")
    [window] = kept(in_process, workflow, pk=f"ESC#{body['principalId']}")
    guards = [
        guard
        for guard in kept(in_process, in_process.tables.replay_guards)
        if json.loads(guard["outcome"]).get("requestId") == body["requestId"]
    ]

    longest_ms = now_ms() + 14 * DAY_MS
    assert min(int(spent["ttl"]), int(window["ttl"])) * 1000 > longest_ms
    assert [guard["expires_at"] > longest_ms for guard in guards] == [True]
