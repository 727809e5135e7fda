"""Contract section 4, versions: kept, listed, expected and applied again."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.outcomes import CONFLICT, SHAPE
from tests.support.service import Reply, Service, apply_policy, for_agent, get, now_ms, rules, unique

VERSION_NOT_FOUND = (404, "policy_version_not_found")


def _config(service: Service, agent: str) -> dict[str, Any]:
    config: dict[str, Any] = get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body
    return config


def _versions(service: Service, agent: str, **query: Any) -> Reply:
    return get(service, "/policy/versions", query={"scope": "agent", "scopeId": agent} | query)


@pytest.fixture
def agent() -> str:
    return unique("agent")


def test_versions_are_kept_and_listed_newest_first(service: Service, agent: str) -> None:
    before = now_ms()
    applied = [apply_policy(service, for_agent(agent, max_transaction=limit)).body for limit in (1, 2, 3)]

    listed = _versions(service, agent).body

    assert listed.keys() == {"scope", "scopeId", "versions"}
    assert [version["policyVersion"] for version in listed["versions"]] == [
        body["policyVersion"] for body in reversed(applied)
    ]
    assert [version["auditEventId"] for version in listed["versions"]] == [
        body["auditEventId"] for body in reversed(applied)
    ]
    assert [version["rules"] for version in listed["versions"]] == [rules(max_transaction=limit) for limit in (3, 2, 1)]
    assert all(before <= version["appliedAt"] <= now_ms() for version in listed["versions"])


def test_a_scope_without_policy_has_no_versions(service: Service, agent: str) -> None:
    assert _versions(service, agent).body == {"scope": "agent", "scopeId": agent, "versions": []}


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_versions_are_paged(service: Service, agent: str, limit: int) -> None:
    for value in range(4):
        apply_policy(service, for_agent(agent, max_transaction=value))

    pages: list[list[str]] = []
    cursor = None
    while len(pages) <= 4 and (cursor or not pages):
        page = _versions(service, agent, limit=limit, **({"cursor": cursor} if cursor else {})).body
        pages.append([version["policyVersion"] for version in page["versions"]])
        cursor = page.get("nextCursor")

    assert cursor is None
    assert [version for page in pages for version in page] == ["v4", "v3", "v2", "v1"]
    assert all(len(page) <= limit for page in pages)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"cursor": "nonsense"}, {"cursor": "WyJ4Il0="}])
def test_a_page_that_no_list_has_is_refused(service: Service, agent: str, query: Mapping[str, str]) -> None:
    assert _versions(service, agent, **query).outcome == SHAPE


def test_an_apply_may_say_which_version_it_expects_to_replace(service: Service, agent: str) -> None:
    first = apply_policy(service, for_agent(agent, max_transaction=1)).body["policyVersion"]

    matching = apply_policy(service, for_agent(agent, max_transaction=2) | {"expectedPolicyVersion": first})
    stale = apply_policy(service, for_agent(agent, max_transaction=3) | {"expectedPolicyVersion": first})

    assert (matching.status, stale.outcome) == (200, CONFLICT)
    assert _config(service, agent)["rules"] == rules(max_transaction=2)
    assert len(_versions(service, agent).body["versions"]) == 2


@pytest.mark.parametrize("expected", ["v0", "v1", "", "nonsense"])
def test_a_scope_without_policy_has_no_version_to_expect(service: Service, agent: str, expected: str) -> None:
    body = for_agent(agent, max_transaction=1) | {"expectedPolicyVersion": expected}

    assert apply_policy(service, body).outcome == CONFLICT
    assert _config(service, agent)["rules"] == []


def test_an_earlier_version_is_applied_again_by_naming_it(service: Service, agent: str) -> None:
    scope = {"scope": "agent", "scopeId": agent}
    first = apply_policy(service, for_agent(agent, max_transaction=1)).body["policyVersion"]
    apply_policy(service, for_agent(agent, max_transaction=2))

    again = apply_policy(service, scope | {"policyVersion": first})

    assert again.status == 200
    config = _config(service, agent)
    assert (config["rules"], config["policyVersion"]) == (rules(max_transaction=1), again.body["policyVersion"])
    assert config["policyVersion"] != first
    assert len(_versions(service, agent).body["versions"]) == 3


@pytest.mark.parametrize("name", ["v2", "v0", "1", "", "V1", "v01", "v-1", "v1 ", "v" + "9" * 40, "vv1"])
def test_a_version_the_scope_never_had_is_not_found(service: Service, agent: str, name: str) -> None:
    apply_policy(service, for_agent(agent, max_transaction=1))

    reply = apply_policy(service, {"scope": "agent", "scopeId": agent, "policyVersion": name})

    assert reply.outcome == VERSION_NOT_FOUND
    assert len(_versions(service, agent).body["versions"]) == 1


def test_a_version_of_another_scope_is_not_found(service: Service, agent: str) -> None:
    other = unique("agent")
    apply_policy(service, for_agent(other, max_transaction=1))

    reply = apply_policy(service, {"scope": "agent", "scopeId": agent, "policyVersion": "v1"})

    assert reply.outcome == VERSION_NOT_FOUND


@pytest.mark.parametrize(
    "changes",
    [{"policyVersion": "v1"}, {"policyVersion": 1}, {"expectedPolicyVersion": 1}, {"expectedPolicyVersion": ["v1"]}],
    ids=str,
)
def test_versions_are_named_by_text_and_in_place_of_rules(
    service: Service, agent: str, changes: dict[str, Any]
) -> None:
    assert apply_policy(service, for_agent(agent, max_transaction=1) | changes).outcome == SHAPE
