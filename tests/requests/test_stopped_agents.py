"""What becomes of the requests of an agent that operators stop, restrict or let act again."""

from dataclasses import replace
from typing import Any

import pytest

from handshake.agents.change import AgentChange
from handshake.agents.change_agent import change_agent
from handshake.agents.standing import AgentState
from handshake.core.agents import Agent
from handshake.trust.identity import Envelope
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.outcomes import APPROVED
from tests.support.service import InProcess, Reply, act, apply_policy, artifact_in, for_agent, post, submit, token
from tests.support.store import events_about, kept
from tests.support.workflow_requests import a_body

STOPPED = (403, "security_agent_stopped")
ACTION_TYPES = ("payment", "data_access", "credential_use", "external_call", "other")


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    """The service, at NOW_MS."""
    return InProcess(*moto_tables, now_ms=lambda: NOW_MS)


def put(service: InProcess, state: str, *, tenant_id: str | None = "acme", until_ms: int | None = None) -> None:
    """Put an agent that ``a_body`` names into ``state``: in its tenant, or in all."""
    change = AgentChange(AgentState(state), "because", None, until_ms)
    operator = Envelope("operator", tenant_id=tenant_id or "")
    change_agent(service.context, change, Agent(a_body()["agentId"], tenant_id), operator)


def limit(service: InProcess, policy: dict[str, Any]) -> None:
    assert apply_policy(service, policy, token=token(service, now_s=NOW_MS // 1000)).status == 200


def submitted(service: InProcess, action_type: str = "payment", /, **changes: Any) -> dict[str, Any]:
    body = a_body(action_type, **{"tenantId": "acme", "context": {"amount": 10}, **changes})
    reply = submit(service, body)
    assert reply.status == 200
    return {**body, **reply.body}


@pytest.mark.parametrize("tenant_id", ["acme", None])
@pytest.mark.parametrize("action_type", ACTION_TYPES)
def test_a_stopped_agent_is_denied_whatever_it_submits_and_none_of_it_is_a_security_denial(
    service: InProcess, action_type: str, tenant_id: str | None
) -> None:
    put(service, "stopped", tenant_id=tenant_id)

    denied = submitted(service, action_type)

    assert (denied["decision"], denied["reasonCode"], denied["tier"]) == ("deny", "security_agent_stopped", 4)
    assert denied["responseClass"] == "blocked"
    assert not [item for item in kept(service, service.tables.workflow) if item["pk"].startswith("SPEND")]
    [event] = events_about(service, denied["requestId"])
    assert (event["decision"], event["reason_code"]) == ("deny", "security_agent_stopped")


def test_an_agent_that_is_stopped_in_one_tenant_acts_in_another_and_one_stopped_in_all_in_none(
    service: InProcess,
) -> None:
    put(service, "stopped")
    assert submitted(service, tenantId="acme")["decision"] == "deny"
    assert submitted(service, tenantId="other", requestId="req-2")["decision"] == "allow"
    assert submitted(service, tenantId=None, requestId="req-3")["decision"] == "allow"

    put(service, "stopped", tenant_id=None)
    put(service, "active")
    for number, tenant_id in enumerate(["acme", "other", None]):
        assert submitted(service, tenantId=tenant_id, requestId=f"later-{number}")["decision"] == "deny"


@pytest.mark.parametrize("action_type", ACTION_TYPES)
def test_a_person_looks_at_all_that_a_restricted_agent_asks_for(service: InProcess, action_type: str) -> None:
    put(service, "escalate_all")

    asked = submitted(service, action_type)

    assert (asked["decision"], asked["reasonCode"]) == ("escalate", "hitl_agent_restricted_escalated")
    assert (asked["tier"], asked["responseClass"]) == (3, "retryable")
    assert act(service, asked).outcome == APPROVED


def test_what_a_restricted_agent_pays_is_spent_once_it_is_approved(service: InProcess) -> None:
    limit(service, for_agent(a_body()["agentId"], daily_spend_limit=15))
    put(service, "escalate_all")
    first, second = submitted(service), submitted(service, requestId="req-2")

    assert act(service, first).outcome == APPROVED
    assert act(service, second).outcome == (422, "policy_daily_limit_exceeded")


def test_a_state_ends_as_active_at_its_until_and_not_before(service: InProcess) -> None:
    put(service, "stopped", until_ms=NOW_MS + 1)
    later = replace(service, now_ms=lambda: NOW_MS + 1)

    assert submitted(service)["decision"] == "deny"
    assert submitted(later, requestId="req-2")["decision"] == "allow"


@pytest.mark.parametrize("tenant_id", ["acme", None])
def test_what_waits_for_a_person_when_its_agent_is_stopped_can_be_rejected_and_waits_to_be_approved(
    service: InProcess, tenant_id: str | None
) -> None:
    waiting = [submitted(service, requestId=name, context={"amount": 150}) for name in ("req-1", "req-2")]
    put(service, "stopped", tenant_id=tenant_id)

    refused = act(service, waiting[0], key="key")

    assert refused.outcome == STOPPED
    assert refused.body["stored"]["state"] == "escalated_pending"
    assert act(service, waiting[1], "reject").outcome == (200, "hitl_rejected")
    put(service, "active", tenant_id=tenant_id)
    assert act(service, waiting[0], key="key").outcome == APPROVED


def test_a_refused_approval_of_a_stopped_agent_is_in_evidence_and_in_metrics(service: InProcess) -> None:
    waiting = submitted(service, context={"amount": 150})
    put(service, "stopped")

    act(service, waiting)

    [refusal] = [item for item in kept(service, service.tables.workflow) if item["sk"].startswith("REF#")]
    assert refusal["reason_code"] == "security_agent_stopped"
    assert "security_agent_stopped" in [event["reason_code"] for event in events_about(service, waiting["requestId"])]


def test_an_approval_ends_with_a_stop_that_has_ended(service: InProcess) -> None:
    waiting = submitted(service, context={"amount": 150})
    put(service, "stopped", until_ms=NOW_MS + 5)

    assert act(service, waiting).outcome == STOPPED
    assert act(replace(service, now_ms=lambda: NOW_MS + 5), waiting).outcome == APPROVED


@pytest.mark.parametrize(
    ("parameter", "decision"),
    [
        ("active", ("allow", "policy_allow")),
        ("escalate_all", ("escalate", "hitl_agent_restricted_escalated")),
        ("stopped", ("deny", "security_agent_stopped")),
    ],
)
def test_an_agent_that_nobody_has_named_gets_what_the_parameter_says(
    service: InProcess, parameter: str, decision: tuple[str, str]
) -> None:
    strict = replace(service, settings={"unknown_agents": AgentState(parameter)})

    unknown = submitted(strict)
    limit(strict, for_agent(a_body()["agentId"], max_transaction=100))
    with_policy = submitted(strict, requestId="req-2")

    assert (unknown["decision"], unknown["reasonCode"]) == decision
    assert with_policy["decision"] == "allow"


@pytest.mark.parametrize("tenant_id", ["acme", None])
def test_an_agent_with_a_record_is_known(service: InProcess, tenant_id: str | None) -> None:
    strict = replace(service, settings={"unknown_agents": AgentState.STOPPED})
    put(strict, "active", tenant_id=tenant_id)

    assert submitted(strict)["decision"] == "allow"
    assert submitted(strict, agentId="stranger", requestId="req-2")["decision"] == "deny"


def test_what_was_allowed_while_the_parameter_was_laxer_is_not_executed_for_an_agent_nobody_names(
    service: InProcess,
) -> None:
    body = a_body(tenantId="acme", context={"amount": 10})
    execution = {"request": body, "artifact": artifact_in(submit(service, body).body)}
    strict = replace(service, settings={"unknown_agents": AgentState.STOPPED})

    unknown = post(strict, "/workflow/authorize-execution", execution)
    limit(strict, for_agent(body["agentId"], max_transaction=100) | {"mode": "shadow"})
    with_shadow = post(strict, "/workflow/authorize-execution", execution)
    limit(strict, for_agent(body["agentId"], max_transaction=100))
    with_policy = post(strict, "/workflow/authorize-execution", execution)

    assert unknown.outcome == with_shadow.outcome == STOPPED
    assert with_policy.outcome == (200, "security_artifact_authorized")


def test_evidence_names_the_changes_that_an_agent_stood_by(service: InProcess) -> None:
    put(service, "active")
    put(service, "active")
    put(service, "active", tenant_id=None)

    request = submitted(service)

    [item] = [item for item in kept(service, service.tables.workflow) if item["sk"].startswith("EVT#")]
    assert '"agentVersions":{"agent":1,"agentInTenant":2}' in item["detail"] + item["then"]
    assert request["decision"] == "allow"


def test_what_was_allowed_may_not_be_executed_while_its_agent_is_stopped(service: InProcess) -> None:
    body = a_body(tenantId="acme", context={"amount": 10})
    artifact = artifact_in(submit(service, body).body)

    def authorize(service: InProcess) -> Reply:
        return post(service, "/workflow/authorize-execution", {"request": body, "artifact": artifact})

    put(service, "stopped", until_ms=NOW_MS + 5)
    refused = authorize(service)
    after_the_stop = authorize(replace(service, now_ms=lambda: NOW_MS + 5))

    assert refused.outcome == STOPPED
    assert refused.body["allowed"] is False
    assert after_the_stop.outcome == (200, "security_artifact_authorized")
    counted = [event["reason_code"] for event in events_about(service, body["requestId"])]
    assert sorted(counted) == ["policy_allow", "security_agent_stopped"]
