"""Contract section 15, members: what apply, config, versions and simulate take and give beside rules."""

import hashlib
import json
from typing import Any, Final

import pytest

from tests.support.outcomes import BINDING, CONFLICT, SHAPE
from tests.support.policies import a_budget, a_count
from tests.support.service import (
    Reply,
    Service,
    apply_policy,
    get,
    post,
    rules,
    submission,
    submit,
    token,
    unique,
)
from tests.support.store import kept

INVALID: Final = (422, "policy_invalid_policy")
CEDAR: Final = '@id("all")\npermit (principal, action, resource);\n'
SHA256: Final = hashlib.sha256(CEDAR.encode()).hexdigest()
EVERYTHING: Final[dict[str, Any]] = {
    "rules": rules(max_transaction=5),
    "cedar": CEDAR,
    "budgets": [a_budget(), a_count(per="tool", over="escalate", shards=4)],
    "unmatched": "deny",
}
EMPTY: Final[dict[str, Any]] = {"rules": [], "cedar": "", "budgets": [], "unmatched": ""}


@pytest.fixture
def scope() -> dict[str, Any]:
    return {"scope": "tenant", "scopeId": unique("tenant")}


def _apply(service: Service, scope: dict[str, Any], **members: Any) -> Reply:
    reply = apply_policy(service, scope | members)
    assert reply.status == 200, reply
    return reply


def _config(service: Service, scope: dict[str, Any], **query: str) -> dict[str, Any]:
    config: dict[str, Any] = get(service, "/policy/config", query=scope | query).body
    return config


def _members(service: Service, scope: dict[str, Any], **query: str) -> dict[str, Any]:
    config = _config(service, scope, **query)
    return {name: value for name, value in config.items() if name not in (*scope, "policyVersion")}


def test_every_member_that_is_applied_is_the_config(service: Service, scope: dict[str, Any]) -> None:
    _apply(service, scope, **EVERYTHING)

    assert _config(service, scope) == {**scope, **EVERYTHING, "policyVersion": "v1"}


@pytest.mark.parametrize("member", EVERYTHING)
def test_what_is_left_out_stays_as_it_is(service: Service, scope: dict[str, Any], member: str) -> None:
    _apply(service, scope, **EVERYTHING)
    changed: dict[str, Any] = {
        "rules": rules(max_transaction=6),
        "cedar": CEDAR.replace("all", "each"),
        "budgets": [a_budget(max=7)],
        "unmatched": "allow",
    }

    _apply(service, scope, **{member: changed[member]})

    assert _members(service, scope) == {**EVERYTHING, member: changed[member]}


@pytest.mark.parametrize("empty", [EMPTY, dict.fromkeys(EMPTY)], ids=["empty", "null"])
@pytest.mark.parametrize("member", ["rules", "cedar", "budgets"])
def test_what_is_empty_or_null_is_removed(
    service: Service, scope: dict[str, Any], member: str, empty: dict[str, Any]
) -> None:
    _apply(service, scope, **EVERYTHING)

    _apply(service, scope, **{member: empty[member]})

    left = {name: value for name, value in EVERYTHING.items() if name != member}
    assert _members(service, scope) == {"rules": [], **left}


def test_all_of_it_can_be_removed_at_once(service: Service, scope: dict[str, Any]) -> None:
    _apply(service, scope, **EVERYTHING)

    _apply(service, scope, **EMPTY)

    assert _members(service, scope) == {"rules": []}


def test_what_to_do_with_unregistered_tools_is_global_scopes_to_say(
    global_scope: Service, scope: dict[str, Any]
) -> None:
    apply_policy(global_scope, {"scope": "global", "unmatchedTools": "allow"})
    assert get(global_scope, "/policy/config").body["unmatchedTools"] == "allow"
    apply_policy(global_scope, {"scope": "global", "unmatchedTools": None})
    assert "unmatchedTools" not in get(global_scope, "/policy/config").body

    assert apply_policy(global_scope, scope | {"unmatchedTools": "allow"}).outcome == SHAPE


def test_a_policy_without_rules_leaves_the_defaults_in_force_and_shows_none(global_scope: Service) -> None:
    apply_policy(global_scope, {"scope": "global", "budgets": [a_budget()]})

    assert get(global_scope, "/policy/config").body["rules"] == []
    assert submit(global_scope, submission(context={"amount": 150})).body["reasonCode"] == "hitl_boundary_escalated"


def test_versions_name_the_text_by_its_digest_and_config_gives_that_of_a_version(
    service: Service, scope: dict[str, Any]
) -> None:
    _apply(service, scope, **EVERYTHING)
    _apply(service, scope, cedar="")

    second, first = get(service, "/policy/versions", query=scope).body["versions"]
    listed = {
        name: value for name, value in first.items() if name not in ("policyVersion", "appliedAt", "auditEventId")
    }
    assert listed == {**{name: EVERYTHING[name] for name in EVERYTHING if name != "cedar"}, "cedarSha256": SHA256}
    assert "cedarSha256" not in second
    assert _config(service, scope, policyVersion="v1") == {**scope, **EVERYTHING, "policyVersion": "v1"}
    assert "cedar" not in _config(service, scope, policyVersion="v2")


@pytest.mark.parametrize("version", ["v2", "v0", "one", "v01", ""])
def test_a_version_that_never_was_has_no_config(service: Service, scope: dict[str, Any], version: str) -> None:
    _apply(service, scope, rules=[])

    assert get(service, "/policy/config", query={**scope, "policyVersion": version}).outcome == (
        404,
        "policy_version_not_found",
    )


def test_an_earlier_version_brings_all_of_it_back(service: Service, scope: dict[str, Any]) -> None:
    _apply(service, scope, **EVERYTHING)
    _apply(service, scope, **EMPTY)

    _apply(service, scope, policyVersion="v1")

    assert _config(service, scope) == {**scope, **EVERYTHING, "policyVersion": "v3"}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({}, SHAPE),
        ({"mode": "active"}, SHAPE),
        ({"expectedPolicyVersion": "v1"}, SHAPE),
        ({"rules": [], "mode": "dry"}, SHAPE),
        ({"rules": [], "mode": ["shadow"]}, SHAPE),
        ({"rules": ""}, SHAPE),
        ({"cedar": []}, SHAPE),
        ({"cedar": 7}, SHAPE),
        ({"unmatched": "perhaps"}, SHAPE),
        ({"unmatched": []}, SHAPE),
        ({"unmatchedTools": "escalate"}, SHAPE),
        ({"budgets": {}}, SHAPE),
        ({"budgets": "day"}, SHAPE),
        ({"budgets": [a_budget(id=str(number)) for number in range(5)]}, SHAPE),
        ({"budgets": [7]}, SHAPE),
        ({"budgets": [a_budget(), a_budget()]}, SHAPE),
        ({"budgets": [a_budget(id="")]}, SHAPE),
        ({"budgets": [a_budget(max="lots")]}, INVALID),
        ({"budgets": [a_budget(limit=7)]}, INVALID),
        ({"cedar": CEDAR}, INVALID),  # its permit, and nothing said of what none matches
        ({"cedar": "permit (principal, action, resource);", "unmatched": "deny"}, INVALID),
        ({"cedar": "[" * 65_537, "unmatched": "deny"}, INVALID),
        ({"cedar": "[" * 5_000, "unmatched": "deny"}, INVALID),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("path", ["/policy/apply", "/policy/simulate"])
def test_members_that_may_not_be_are_refused_and_change_nothing(
    service: Service, scope: dict[str, Any], path: str, body: dict[str, Any], outcome: tuple[int, str]
) -> None:
    sent = apply_policy(service, scope | body) if path == "/policy/apply" else post(service, path, scope | body)

    assert sent.outcome == outcome
    assert kept(service, service.tables.policy, pk=f"SCOPE#tenant#{scope['scopeId']}") == []


@pytest.mark.parametrize("member", [*EMPTY, "unmatchedTools"])
def test_a_version_and_members_beside_it_are_refused(service: Service, scope: dict[str, Any], member: str) -> None:
    _apply(service, scope, **EVERYTHING)

    assert apply_policy(service, scope | {"policyVersion": "v1", member: None}).outcome == SHAPE
    assert _config(service, scope)["policyVersion"] == "v1"


def test_taking_away_what_a_permit_needs_is_refused_where_the_permit_stays(
    service: Service, scope: dict[str, Any]
) -> None:
    _apply(service, scope, **EVERYTHING)

    assert apply_policy(service, scope | {"unmatched": None}).outcome == INVALID
    assert _members(service, scope) == EVERYTHING


@pytest.mark.parametrize(("letters", "outcome"), [(250_000, INVALID), (262_200, SHAPE)])
def test_a_body_of_256_kib_is_read_and_one_beyond_is_not(
    service: Service, scope: dict[str, Any], letters: int, outcome: tuple[int, str]
) -> None:
    long = json.dumps(scope | {"rules": [], "cedar": "x" * letters})

    assert apply_policy(service, long).outcome == outcome
    assert post(service, "/policy/simulate", long).outcome == outcome


def test_the_largest_policy_there_may_be_is_stored_and_shown(service: Service, scope: dict[str, Any]) -> None:
    one = '@id("p{}")\nforbid (principal, action, resource) when {{ context.principal == "{}" }};\n'
    cedar = "".join(one.format(number, "x" * 240) for number in range(190))
    assert 60_000 < len(cedar) <= 65_536

    _apply(service, scope, cedar=cedar, rules=rules(max_transaction=1))

    assert _config(service, scope)["cedar"] == cedar


def test_a_change_over_another_version_than_was_expected_is_a_conflict_in_a_tenants_scope_too(
    service: Service, scope: dict[str, Any]
) -> None:
    _apply(service, scope, rules=[])

    assert apply_policy(service, scope | {"rules": [], "expectedPolicyVersion": "v2"}).outcome == CONFLICT
    assert apply_policy(service, {"scope": "tenant", "rules": []}).outcome == BINDING


# -- a tenant's policy ------------------------------------------------------------------------------------------


def test_a_tenants_policy_holds_for_each_of_its_agents_and_narrows_like_any_other(service: Service) -> None:
    mine, other, agent = unique("tenant"), unique("tenant"), unique("agent")
    apply_policy(service, {"scope": "tenant", "scopeId": mine, "rules": rules(max_transaction=20)})
    apply_policy(service, {"scope": "agent", "scopeId": agent, "rules": rules(max_transaction=50)})

    def reason(amount: int, **changes: Any) -> str:
        body = submission(context={"amount": amount}, **changes)
        return str(submit(service, body).body["reasonCode"])

    assert reason(20, tenantId=mine) == "policy_allow"
    assert reason(21, tenantId=mine) == "hitl_boundary_escalated"
    assert reason(21, tenantId=mine, agentId=agent) == "hitl_boundary_escalated"
    assert reason(21, tenantId=other, agentId=agent) == "policy_allow"
    assert reason(21, tenantId=None, agentId=agent) == "policy_allow"


def test_evidence_names_the_tenants_version_that_decided(service: Service, scope: dict[str, Any]) -> None:
    _apply(service, scope, rules=rules(max_transaction=20))
    _apply(service, scope, rules=rules(max_transaction=30))
    body = submission(tenantId=scope["scopeId"], context={"amount": 25})
    submit(service, body)

    [item] = kept(service, service.tables.workflow, pk=f"REQ#{body['requestId']}", sk="EVT#000001")

    assert json.loads(item["detail"])["policyVersions"]["tenant"] == "v2"


def test_a_simulation_for_a_tenant_replays_its_requests_alone(service: Service, scope: dict[str, Any]) -> None:
    agent = unique("agent")
    for tenant in (scope["scopeId"], unique("tenant")):
        submit(service, submission(tenantId=tenant, agentId=agent, context={"amount": 25}))

    told = post(service, "/policy/simulate", scope | {"rules": rules(max_transaction=20)}).body

    assert told["reasons"][0].startswith("Replayed 1 requests")
    [change] = told["predictedChanges"]
    assert (change["requestClass"], change["before"], change["after"]) == ("payment:ops", "allow", "escalate")


def test_a_token_that_was_used_is_a_replay_whatever_the_members_mean_by_now(service: Service) -> None:
    """Who lost the answer learns that it was applied, also where the same members would be refused since."""
    scope = {"scope": "agent", "scopeId": unique("agent")}
    permit = {**scope, "cedar": '@id("p") permit (principal, action, resource);'}
    assert apply_policy(service, {**scope, "unmatched": "allow"}).status == 200
    used = token(service)
    assert apply_policy(service, permit, token=used).status == 200
    assert apply_policy(service, {**scope, "cedar": "", "unmatched": ""}).status == 200

    again = apply_policy(service, permit, token=used)

    assert again.outcome == (409, "security_replay_detected")
    assert "v2" in again.body["message"]
