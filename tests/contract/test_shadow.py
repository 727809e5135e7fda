"""Contract section 15, shadow: judged beside the active policy, told of by itself, and never in an answer."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from functions.metrics_projector.app import project
from tests.support.logs import lines_of, standard_output
from tests.support.metrics_stream import stream_of
from tests.support.outcomes import BINDING, SHAPE
from tests.support.policies import a_budget
from tests.support.service import InProcess, Reply, apply_policy, get, post, rules, submission, submit, unique
from tests.support.store import kept

FORBIDS: Final = """@id("no-food")
forbid (principal, action, resource) when { context has category && context.category == "food" };
"""
Report = dict[str, Any]


@pytest.fixture
def scope() -> dict[str, Any]:
    return {"scope": "tenant", "scopeId": unique("tenant")}


@pytest.fixture
def pay(alone: InProcess, scope: dict[str, Any]) -> Callable[..., Reply]:
    """Submits a payment in the scope's tenant."""

    def submitted(amount: int, category: str = "ops", **changes: Any) -> Reply:
        context = {"amount": amount, "category": category}
        return submit(alone, submission(tenantId=scope["scopeId"], context=context, **changes))

    return submitted


def _apply(service: InProcess, scope: dict[str, Any], **members: Any) -> Report:
    reply = apply_policy(service, scope | members)
    assert reply.status == 200, reply
    body: Report = reply.body
    return body


def _report(service: InProcess, scope: dict[str, Any]) -> Report:
    """Give the report once the projector has folded all there is."""
    project({"Records": stream_of(service.dynamodb, service.tables.metrics)}, service.context)
    reply = get(service, "/policy/shadow", query=scope)
    assert reply.status == 200, reply
    body: Report = reply.body
    return body


def test_a_shadow_is_stored_as_a_version_and_leaves_what_is_active_as_it_was(
    alone: InProcess, scope: dict[str, Any]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=50))
    applied = _apply(alone, scope, rules=rules(max_transaction=20), mode="shadow")

    assert (applied["policyVersion"], applied["message"]) == ("v2", "Policy v2 is the shadow.")
    config = get(alone, "/policy/config", query=scope).body
    assert (config["policyVersion"], config["rules"], "mode" in config) == ("v1", rules(max_transaction=50), False)
    versions = get(alone, "/policy/versions", query=scope).body["versions"]
    assert [(listed["policyVersion"], listed.get("mode")) for listed in versions] == [("v2", "shadow"), ("v1", None)]
    assert get(alone, "/policy/config", query=scope | {"policyVersion": "v2"}).body["mode"] == "shadow"


def test_what_a_shadow_would_have_decided_is_counted_with_examples_and_decides_nothing(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=50))
    since = _apply(alone, scope, rules=rules(max_transaction=20), cedar=FORBIDS, mode="shadow")

    replies = [pay(10), pay(30), pay(40), pay(10, "food"), pay(60)]

    assert [reply.body["reasonCode"] for reply in replies] == ["policy_allow"] * 4 + ["hitl_boundary_escalated"]
    report = _report(alone, scope)
    assert {name: report[name] for name in ("scope", "scopeId", "version", "judged")} == {
        **scope,
        "version": since["policyVersion"],
        "judged": 5,
    }
    changes = {(change["from"], change["to"], change["policy"]): change for change in report["changes"]}
    assert {name: change["count"] for name, change in changes.items()} == {
        ("allow", "escalate", "max_transaction"): 2,
        ("allow", "deny", "no-food"): 1,
    }
    assert changes["allow", "deny", "no-food"]["examples"] == [replies[3].body["requestId"]]
    assert set(changes["allow", "escalate", "max_transaction"]["examples"]) <= {
        reply.body["requestId"] for reply in replies[1:3]
    }


def test_nothing_of_a_shadow_is_in_an_answer_or_in_evidence(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    before = pay(30).body
    _apply(alone, scope, rules=rules(max_transaction=20), mode="shadow")
    after = pay(30).body

    assert before.keys() == after.keys()
    [state] = kept(alone, alone.tables.workflow, pk=f"REQ#{after['requestId']}", sk="STATE")
    [evidence] = kept(alone, alone.tables.workflow, pk=f"REQ#{after['requestId']}", sk="EVT#000001")
    assert "shadow" not in json.dumps([state, evidence], default=str)


def test_a_shadow_whose_version_is_applied_is_active_and_no_shadow_any_more(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=50))
    _apply(alone, scope, rules=rules(max_transaction=20), mode="shadow")
    assert pay(30).body["decision"] == "allow"

    promoted = _apply(alone, scope, policyVersion="v2")

    assert promoted["message"] == "Policy v3, v2 again is active."
    assert pay(30).body["decision"] == "escalate"
    report = _report(alone, scope)
    assert report == {**scope, "judged": 0, "changes": []}


@pytest.mark.parametrize(
    "ending",
    [
        {"rules": [], "cedar": "", "budgets": [], "unmatched": None},
        {"cedar": None},
        {"policyVersion": "v1"},
    ],
    ids=["all of it empty", "as what is active", "the active version"],
)
def test_a_shadow_that_holds_nothing_of_its_own_ends(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply], ending: dict[str, Any]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=50))
    _apply(alone, scope, cedar=FORBIDS, mode="shadow")

    ended = _apply(alone, scope, **ending, mode="shadow")

    assert ended["message"].endswith("ends the shadow.")
    pay(10)
    assert _report(alone, scope) == {**scope, "judged": 0, "changes": []}
    assert get(alone, "/policy/config", query=scope).body["policyVersion"] == "v1"
    assert _apply(alone, scope, rules=rules(max_transaction=40))["policyVersion"] == "v4"


def test_a_scope_may_have_a_shadow_and_nothing_active(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=5), mode="shadow")

    assert pay(10).body["decision"] == "allow"
    assert get(alone, "/policy/config", query=scope).body == {**scope, "rules": []}
    assert [change["count"] for change in _report(alone, scope)["changes"]] == [1]
    assert _apply(alone, scope, rules=rules(max_transaction=7))["policyVersion"] == "v2"
    assert pay(10).body["decision"] == "escalate"


def test_a_new_shadow_is_reported_by_itself_and_keeps_what_it_is_not_told(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=20), mode="shadow")
    pay(30)
    _apply(alone, scope, cedar=FORBIDS, mode="shadow")
    pay(30)

    report = _report(alone, scope)

    assert (report["version"], report["judged"]) == ("v2", 1)
    assert [(change["policy"], change["count"]) for change in report["changes"]] == [("max_transaction", 1)]


def test_a_shadow_that_cannot_be_judged_is_nothing_to_whoever_submits(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply(alone, scope, budgets=[a_budget()], mode="shadow")

    def broken(*_: object, **__: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr("handshake.policy.rules.PolicyInForce.replaced", broken)

    assert pay(10).body["decision"] == "allow"


def test_metrics_count_what_was_judged_and_what_differs(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    _apply(alone, scope, rules=rules(max_transaction=20), mode="shadow")

    with standard_output() as output:
        pay(10)
        pay(30)

    assert [(line["ShadowJudged"], line["ShadowChanged"]) for line in lines_of(output)] == [(1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("query", "outcome"),
    [({}, SHAPE), ({"scope": "galaxy"}, SHAPE), ({"scope": "tenant"}, BINDING), ({"scope": "agent"}, BINDING)],
    ids=str,
)
def test_whose_shadow_must_be_said(in_process: InProcess, query: dict[str, str], outcome: tuple[int, str]) -> None:
    assert get(in_process, "/policy/shadow", query=query).outcome == outcome


def test_a_simulation_of_a_shadow_goes_by_what_it_is_not_told_too(
    alone: InProcess, scope: dict[str, Any], pay: Callable[..., Reply]
) -> None:
    pay(30, "food")
    _apply(alone, scope, cedar=FORBIDS, mode="shadow")

    told = post(alone, "/policy/simulate", scope | {"rules": [], "mode": "shadow"}).body

    [change] = told["predictedChanges"]
    assert (change["before"], change["after"]) == ("allow", "deny")
