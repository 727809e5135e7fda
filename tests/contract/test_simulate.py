"""Contract section 4: a policy simulated on what was recorded."""

from typing import Any

import pytest

from tests.support.service import (
    InProcess,
    Reply,
    Service,
    apply_policy,
    for_agent,
    post,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import everything


def _simulate(service: Service, body: Any) -> Reply:
    return post(service, "/policy/simulate", body)


@pytest.fixture
def agent() -> str:
    return unique("agent")


def test_a_simulation_answers_these_fields(service: Service, agent: str) -> None:
    reply = _simulate(service, for_agent(agent, max_transaction=1))

    assert reply.status == 200
    assert reply.body.keys() == {"status", "blastRadius", "predictedChanges", "decision", "tier", "reasons"}
    assert reply.body["status"] == "ok"
    assert reply.body["blastRadius"].keys() == {"affectedAgents", "highRiskAgents"}
    assert isinstance(reply.body["predictedChanges"], list)
    assert reply.body["decision"] in ("allow", "deny", "escalate")
    assert reply.body["tier"] in range(5)
    assert all(isinstance(reason, str) for reason in reply.body["reasons"])


def test_a_simulation_predicts_what_the_policy_then_does(service: Service, agent: str) -> None:
    submit(service, submission(agentId=agent, context={"amount": 50, "category": "food"}))
    stricter = for_agent(agent, max_transaction=20)

    predicted = _simulate(service, stricter).body

    assert predicted["predictedChanges"] == [{"requestClass": "payment:food", "before": "allow", "after": "escalate"}]
    assert predicted["blastRadius"] == {"affectedAgents": 1, "highRiskAgents": 1}
    apply_policy(service, stricter)
    again = submission(agentId=agent, context={"amount": 50, "category": "food"})
    assert submit(service, again).body["decision"] == "escalate"


def test_a_simulation_changes_nothing(service: Service, agent: str) -> None:
    submit(service, submission(agentId=agent))
    apply_policy(service, for_agent(agent, max_transaction=50))
    before = everything(service)

    _simulate(service, for_agent(agent, max_transaction=1))
    _simulate(service, {"scope": "global", "rules": rules(max_transaction=1)})

    assert everything(service) == before


def test_a_looser_policy_is_a_riskier_change_than_a_stricter_one(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, max_transaction=20))
    for amount in (10, 50):
        submit(service, submission(agentId=agent, context={"amount": amount}))

    looser = _simulate(service, for_agent(agent, max_transaction=60)).body
    stricter = _simulate(service, for_agent(agent, max_transaction=5)).body

    assert [change["after"] for change in (*looser["predictedChanges"], *stricter["predictedChanges"])] == [
        "allow",
        "escalate",
    ]
    assert (looser["decision"], stricter["decision"]) == ("escalate", "allow")
    assert looser["tier"] > stricter["tier"]


def test_a_policy_takes_the_place_of_its_own_scopes_and_leaves_the_others_in_force(alone: InProcess) -> None:
    """What is in force already changes nothing in whichever scope it is, and each scope's next policy is its own."""
    agent, tenant = unique("agent"), unique("tenant")
    in_force: dict[str, dict[str, Any]] = {
        "global": {"scope": "global", "rules": rules(allowed_categories=["food", "rent"])},
        "agent": for_agent(agent, max_transaction=60),
        "tenant": {**for_agent(agent, max_transaction=30), "tenantId": tenant},
    }
    payments = [(10, "food"), (40, "food"), (10, "cars"), (90, "rent")]
    for amount, category in payments:
        of = {"amount": amount, "category": category}
        submit(alone, submission(agentId=agent, tenantId=tenant, context=of))
    for body in in_force.values():
        apply_policy(alone, body)

    def changed(scope: str, **values: Any) -> set[tuple[str, str]]:
        body = {**in_force[scope], "rules": rules(**values)} if values else in_force[scope]
        changes = _simulate(alone, body).body["predictedChanges"]
        return {(change["requestClass"], f"{change['before']} to {change['after']}") for change in changes}

    assert [changed(scope) for scope in in_force] == [set()] * 3
    # Cars, which only the global policy forbids, would be allowed; what only the agent's escalate, the tenant's do too.
    assert changed("global", allowed_categories=["food", "rent", "cars"]) == {("payment:cars", "deny to allow")}
    assert changed("agent", max_transaction=100) == set()
    assert changed("tenant", max_transaction=50) == {("payment:food", "escalate to allow")}
