"""ops policy budgets, and what the other commands say of members beside rules."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.commands.policy_desk import Proposal, members_in, others_in_words
from tests.conftest import Engine
from tests.support.operated import operated
from tests.support.policies import a_budget, a_count
from tests.support.service import InProcess, act, apply_policy, rules, submission, submit


@pytest.fixture
def service(moto_tables: Engine, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return operated(InProcess(*moto_tables), monkeypatch)


def _listed() -> list[dict[str, Any]]:
    answered = CliRunner().invoke(app, ["policy", "budgets", "--json"])
    assert answered.exit_code == 0, answered.output
    found: list[dict[str, Any]] = json.loads(answered.stdout)
    return found


def _pay(service: InProcess, amount: int, **changes: Any) -> dict[str, Any]:
    body = submission(**({"tenantId": "acme", "agentId": "agent-1", "context": {"amount": amount}} | changes))
    assert submit(service, body).status == 200
    return body


@pytest.mark.usefixtures("service")
def test_nothing_taken_is_nothing_listed() -> None:
    assert _listed() == []
    assert "no budget was taken of" in CliRunner().invoke(app, ["policy", "budgets"]).output


def test_each_bucket_of_a_running_window_is_listed_with_what_is_left(service: InProcess) -> None:
    budgets = [a_budget(max=400, shards=4), a_count(per="tenant", max=5)]
    body = {"scope": "tenant", "scopeId": "acme", "budgets": budgets, "rules": rules(max_transaction=50)}
    apply_policy(service, body)
    rejected = _pay(service, 60)
    _pay(service, 10, agentId="agent-2")
    act(service, rejected, "reject")

    listed = {(one["id"], tuple(one["whose"])): one for one in _listed()}

    assert {name: (one["taken"], one["left"], one["max"]) for name, one in listed.items()} == {
        ("day", ("acme", "agent-1")): (0, 400, 400),
        ("day", ("acme", "agent-2")): (10, 390, 400),
        ("calls", ("acme",)): (1, 4, 5),
    }
    assert {one["scope"] for one in listed.values()} == {"tenant#acme"}
    said = " ".join(CliRunner().invoke(app, ["policy", "budgets"]).output.split())
    assert "390 of 400 left" in said


def test_flags_name_a_tenants_policy_and_an_agents_in_it() -> None:
    scopes = [dict(Proposal.of_flags(agent, tenant=tenant).scope) for agent in ("", "a") for tenant in ("", "t")]

    assert scopes == [
        {"scope": "global"},
        {"scope": "tenant", "scopeId": "t"},
        {"scope": "agent", "scopeId": "a"},
        {"scope": "agent", "scopeId": "a", "tenantId": "t"},
    ]
    assert Proposal.of_flags("", tenant="t").whose == "the policy of tenant t alone"


def test_a_version_is_brought_back_with_what_it_does_not_have_too() -> None:
    config = {"scope": "global", "rules": [], "unmatched": "deny", "policyVersion": "v1"}

    assert members_in(config) == {
        "rules": [],
        "cedar": "",
        "budgets": [],
        "unmatched": "deny",
        "unmatchedTools": None,
    }
    assert "unmatchedTools" not in members_in(config | {"scope": "tenant"})


def test_what_a_policy_has_beside_its_rules_is_said_in_words() -> None:
    config = {
        "budgets": [a_budget(), a_count()],
        "unmatched": "deny",
        "cedar": '@id("x")\nforbid (principal, action, resource);',
    }

    assert list(others_in_words(config)) == [
        "  budget day: sum of amount up to 5000 per agent and day, else deny",
        "  budget calls: count up to 3 per agent and hour, else deny",
        "  unmatched = deny",
        '  policy x: @id("x") forbid (principal, action, resource);',
    ]
