"""Contract section 4: policy, read, simulated and applied."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.outcomes import BINDING, CONFLICT, SHAPE
from tests.support.service import (
    Reply,
    Service,
    apply_policy,
    for_agent,
    get,
    human,
    now_ms,
    post,
    rules,
    submission,
    submit,
    token,
    unique,
)
from tests.support.store import kept

INVALID_POLICY = (422, "policy_invalid_policy")
VERSION_NOT_FOUND = (404, "policy_version_not_found")

DEFAULTS = {
    "max_transaction": 100,
    "daily_spend_limit": 1000,
    "allowed_hours": "00:00-23:59",
    "allowed_categories": ["ops", "infra", "subscriptions", "food", "transport"],
}


def _simulate(service: Service, body: Any) -> Reply:
    return post(service, "/policy/simulate", body)


def _config(service: Service, agent: str) -> dict[str, Any]:
    config: dict[str, Any] = get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body
    return config


def _reason(service: Service, **changes: Any) -> str:
    reason: str = submit(service, submission(**changes)).body["reasonCode"]
    return reason


@pytest.fixture
def agent() -> str:
    return unique("agent")


# What both endpoints that take a body check, in the contract's order.
@pytest.mark.parametrize("send", [apply_policy, _simulate], ids=["apply", "simulate"])
@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ([], SHAPE),
        (None, SHAPE),
        ("{", SHAPE),
        ({}, SHAPE),
        ({"scope": "galaxy", "rules": "nonsense"}, SHAPE),
        ({"scope": None, "rules": []}, SHAPE),
        ({"scope": ["global"], "rules": []}, SHAPE),
        ({"scope": "GLOBAL", "rules": []}, SHAPE),
        ({"scope": "agent", "rules": "nonsense"}, BINDING),
        ({"scope": "agent", "scopeId": "", "rules": []}, BINDING),
        ({"scope": "agent", "scopeId": "  ", "rules": []}, BINDING),
        ({"scope": "agent", "scopeId": 5, "rules": []}, SHAPE),
        ({"scope": "agent", "scopeId": "x" * 257, "rules": []}, SHAPE),
        ({"scope": "agent", "scopeId": "a"}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": {}}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": ["max_transaction"]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"key": "max_transaction", "value": 1}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"id": "", "key": "max_transaction", "value": 1}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"id": 1, "key": "max_transaction", "value": 1}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"id": "1", "value": 1}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"id": "1", "key": 7, "value": 1}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [{"id": "1", "key": "max_transaction"}]}, SHAPE),
        ({"scope": "agent", "scopeId": "a", "rules": [*rules(x=1), None]}, SHAPE),
    ],
    ids=lambda value: str(value)[:70],
)
def test_a_malformed_body_is_refused(
    service: Service, send: Callable[[Service, Any], Reply], body: Any, outcome: tuple[int, str]
) -> None:
    assert send(service, body).outcome == outcome


@pytest.mark.parametrize("path", ["/policy/config", "/policy/versions"])
@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ("?scope=", SHAPE),
        ("?tenantId=t", SHAPE),
        ("?scope=global&tenantId=t", SHAPE),
        ("?scope=agent&scopeId=a&tenantId=t%00", SHAPE),
        ("?scope=galaxy", SHAPE),
        ("?scope=agent", BINDING),
        ("?scope=agent&scopeId=", BINDING),
        ("?scope=agent&scopeId=a%00", SHAPE),
        ("?scope=global&scope=agent", SHAPE),
    ],
)
def test_a_scope_must_be_named(service: Service, path: str, query: str, outcome: tuple[int, str]) -> None:
    assert get(service, path + query).outcome == outcome


def test_without_a_scope_the_config_is_global_scopes(global_scope: Service) -> None:
    apply_policy(global_scope, {"scope": "global", "rules": rules(max_transaction=7)})

    config = get(global_scope, "/policy/config").body

    assert config == get(global_scope, "/policy/config?scope=global").body
    assert [rule["value"] for rule in config["rules"]] == [7]


def test_versions_are_of_a_scope_that_is_named(service: Service) -> None:
    assert get(service, "/policy/versions").outcome == SHAPE


def test_without_stored_policy_global_scope_shows_the_defaults(global_scope: Service) -> None:
    config = get(global_scope, "/policy/config?scope=global").body

    assert config.keys() == {"scope", "rules"}
    assert config["scope"] == "global"
    assert {rule["key"]: rule["value"] for rule in config["rules"]} == DEFAULTS
    assert all(rule.keys() == {"id", "key", "value"} for rule in config["rules"])


def test_without_stored_policy_agent_scope_shows_no_rules(service: Service, agent: str) -> None:
    assert _config(service, agent) == {"scope": "agent", "scopeId": agent, "rules": []}


def test_an_applied_policy_is_the_config(service: Service, agent: str) -> None:
    body = for_agent(agent, max_transaction=5.25, ALLOWED_HOURS="08:00-17:59", allowed_categories="ops, food")

    applied = apply_policy(service, body)

    assert applied.body.keys() == {"status", "policyVersion", "auditEventId", "message"}
    assert (applied.status, applied.body["status"]) == (200, "ok")
    assert _config(service, agent) == {
        "scope": "agent",
        "scopeId": agent,
        "rules": body["rules"],
        "policyVersion": applied.body["policyVersion"],
    }


def test_scopes_are_apart(service: Service, agent: str) -> None:
    other = unique("agent")

    apply_policy(service, for_agent(agent, max_transaction=1))

    assert _config(service, other)["rules"] == []
    assert _reason(service, agentId=agent) == "hitl_boundary_escalated"
    assert _reason(service, agentId=other) == "policy_allow"


@pytest.mark.parametrize(
    "key",
    ["max_transaction", "maxtransaction", "max_payment", "MAX_TRANSACTION", "MaxTransaction", "Max_Payment"],
)
def test_max_transaction_has_these_names(service: Service, agent: str, key: str) -> None:
    apply_policy(service, for_agent(agent, **{key: 9}))

    assert _reason(service, agentId=agent) == "hitl_boundary_escalated"


@pytest.mark.parametrize("key", ["daily_spend_limit", "dailyspendlimit", "DAILY_SPEND_LIMIT", "DailySpendLimit"])
def test_daily_spend_limit_has_these_names(service: Service, agent: str, key: str) -> None:
    apply_policy(service, for_agent(agent, **{key: 9}))

    assert _reason(service, agentId=agent) == "policy_daily_limit_exceeded"


@pytest.mark.parametrize("key", ["allowed_categories", "Allowed_Categories"])
@pytest.mark.parametrize("value", ["food,transport", " food , transport ", ["food", "transport"], []], ids=str)
def test_allowed_categories_are_text_or_an_array(service: Service, agent: str, key: str, value: Any) -> None:
    apply_policy(service, for_agent(agent, **{key: value}))

    reasons = {
        category: _reason(service, agentId=agent, context={"amount": 1, "category": category})
        for category in ("ops", "food", "transport")
    }

    denied, allowed = "policy_category_not_allowed", "policy_allow"
    named = allowed if value else denied
    assert reasons == {"ops": denied, "food": named, "transport": named}


@pytest.mark.parametrize("key", ["allowed_hours", "ALLOWED_HOURS"])
def test_allowed_hours_are_of_the_utc_day(service: Service, agent: str, key: str) -> None:
    timestamp = now_ms()
    minute = timestamp // 60_000 % 1440
    now, next_hour = (f"{at // 60 % 24:02}:{at % 60:02}" for at in (minute, minute + 60))

    apply_policy(service, for_agent(agent, **{key: f"{now}-{now}"}))
    inside = _reason(service, agentId=agent, timestamp=timestamp)
    apply_policy(service, for_agent(agent, **{key: f"{next_hour}-{next_hour}"}))
    outside = _reason(service, agentId=agent, timestamp=timestamp)

    assert (inside, outside) == ("policy_allow", "policy_outside_allowed_hours")


def test_a_policy_replaces_the_one_before(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, max_transaction=1, allowed_categories="food"))
    apply_policy(service, for_agent(agent, daily_spend_limit=500))

    assert _reason(service, agentId=agent) == "policy_allow"


def test_a_global_policy_is_everybodys_and_the_defaults_stand_in_for_keys_it_does_not_store(
    global_scope: Service,
) -> None:
    apply_policy(global_scope, {"scope": "global", "rules": rules(max_transaction=500)})

    def reason(**context: Any) -> str:
        return _reason(global_scope, context=context)

    assert reason(amount=500) == "policy_allow"
    assert reason(amount=501) == "hitl_boundary_escalated"
    assert reason(amount=1001) == "policy_daily_limit_exceeded"
    assert reason(amount=1, category="casino") == "policy_category_not_allowed"
    config = get(global_scope, "/policy/config?scope=global").body
    assert (config["rules"], config["policyVersion"]) == (rules(max_transaction=500), "v1")


def test_a_global_policy_may_allow_what_the_defaults_do_not(global_scope: Service) -> None:
    apply_policy(
        global_scope,
        {
            "scope": "global",
            "rules": rules(max_transaction=9000, daily_spend_limit=9000, allowed_categories="casino"),
        },
    )

    assert _reason(global_scope, context={"amount": 5000, "category": "casino"}) == "policy_allow"
    assert _reason(global_scope, context={"amount": 1, "category": "ops"}) == "policy_category_not_allowed"


def test_categories_and_hours_of_both_scopes_must_hold(global_scope: Service, agent: str) -> None:
    timestamp = now_ms()
    minute = timestamp // 60_000
    clock = [f"{at // 60 % 24:02}:{at % 60:02}" for at in range(minute % 1440, minute % 1440 + 4)]
    for_all = rules(allowed_categories="ops,food", allowed_hours=f"{clock[0]}-{clock[2]}")
    apply_policy(global_scope, {"scope": "global", "rules": for_all})
    apply_policy(
        global_scope, for_agent(agent, allowed_categories="food,infra", allowed_hours=f"{clock[1]}-{clock[3]}")
    )

    def reason(category: str, later: int) -> str:
        context = {"amount": 1, "category": category}
        return _reason(global_scope, agentId=agent, timestamp=timestamp + later * 60_000, context=context)

    assert [reason(category, 1) for category in ("ops", "food", "infra")] == [
        "policy_category_not_allowed",
        "policy_allow",
        "policy_category_not_allowed",
    ]
    assert [reason("food", later) for later in range(4)] == [
        "policy_outside_allowed_hours",
        "policy_allow",
        "policy_allow",
        "policy_outside_allowed_hours",
    ]


def test_an_apply_leaves_config_version_and_audit_event_together(service: Service, agent: str) -> None:
    jti = uuid.uuid4().hex
    shown = token(service, jti=jti, principal_id="operator-7")

    applied = apply_policy(service, for_agent(agent, max_transaction=1), envelope=human("operator-7"), token=shown).body

    stored = kept(service, service.tables.policy, pk=f"SCOPE#agent#{agent}")
    kinds = {item["sk"].partition("#")[0]: item for item in stored}
    assert kinds.keys() == {"ACTIVE", "VERSION", "AUDIT"}
    assert {item["audit_event_id"] for item in stored} == {applied["auditEventId"]}
    audit = kinds["AUDIT"]
    assert (audit["jti"], audit["issuer"], audit["principal_id"]) == (jti, "handshake-edge", "operator-7")


# The order of section 2: envelope, token, body, then key and version.
def test_of_several_faults_of_an_apply_the_first_in_the_contracts_order_is_reported(
    service: Service, agent: str
) -> None:
    used = token(service)
    body = for_agent(agent, max_transaction=1)
    apply_policy(service, body, token=used)
    stale = body | {"expectedPolicyVersion": "v7"}

    assert [
        apply_policy(service, "{", envelope="{}", token="forged").outcome,
        apply_policy(service, "{", token="forged").outcome,
        apply_policy(service, "{", token=used).outcome,
        apply_policy(service, stale, token=used).outcome,
        apply_policy(service, {"scope": "agent", "scopeId": agent, "policyVersion": "v9"}, token=used).outcome,
        apply_policy(service, stale).outcome,
    ] == [
        (401, "security_invalid_identity_envelope"),
        (401, "security_invalid_internal_trust_context"),
        SHAPE,
        (409, "security_replay_detected"),
        (409, "security_replay_detected"),
        CONFLICT,
    ]


@pytest.mark.parametrize("send", [apply_policy, _simulate], ids=["apply", "simulate"])
def test_a_policy_without_meaning_is_refused_and_changes_nothing(
    service: Service, agent: str, send: Callable[[Service, Any], Reply]
) -> None:
    assert send(service, for_agent(agent, max_transaction="lots")).outcome == INVALID_POLICY
    assert kept(service, service.tables.policy, pk=f"SCOPE#agent#{agent}") == []
