"""Agents as operators see and change them (contract.md section 12)."""

from dataclasses import replace
from typing import Any

import pytest

from handshake.core.agents import Agent
from handshake.core.paging import cursor_after
from handshake.metrics.event_stream import read_stream
from handshake.metrics.project_metrics import project_metrics
from tests.support.agents import operator, put, read
from tests.support.metrics_stream import stream_of
from tests.support.service import InProcess, Service, decided, escalated, get, now_ms, submission, submit, unique
from tests.support.store import kept, paused

HOUR_MS = 60 * 60 * 1000
SHAPE = (400, "trust_context_invalid_request_shape")


def listed(service: Service, *, envelope: Any = None, **query: str) -> list[dict[str, Any]]:
    """Give all that a list holds, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        reply = get(service, "/agents", envelope=envelope or operator(), query=query | cursor)
        assert reply.status == 200, reply
        found += reply.body["agents"]
        if "nextCursor" not in reply.body:
            return found
        cursor = {"cursor": reply.body["nextCursor"]}


def test_what_was_put_is_what_is_read_and_what_is_left_out_of_owner_stays(service: Service) -> None:
    agent, before = unique("agent"), now_ms()
    until = before + HOUR_MS

    stopped = put(service, agent, owner="team", until=until)
    active = put(service, agent, state="active", reason="it is mended")
    unowned = put(service, agent, state="active", reason="nobody is left", owner="")

    assert stopped.status == 200
    assert stopped.body | {"changedAt": 0} == {
        "agentId": agent,
        "tenantId": "acme",
        "state": "stopped",
        "owner": "team",
        "reason": "it pays strangers",
        "until": until,
        "changedAt": 0,
        "changedBy": "operator",
        "decisions24h": {"allow": 0, "deny": 0, "escalate": 0},
    }
    assert before - 1000 <= stopped.body["changedAt"] <= now_ms() + 1000
    assert (active.body["state"], active.body["owner"]) == ("active", "team")
    assert "until" not in active.body
    assert "owner" not in unowned.body
    assert read(service, agent).body == unowned.body


def test_a_stop_holds_for_the_next_submission_and_is_lifted_for_the_one_after(service: Service) -> None:
    agent = unique("agent")
    body = {"agentId": agent, "tenantId": "acme", "context": {"amount": 1}}

    put(service, agent)
    stopped = submit(service, submission(**body))
    put(service, agent, state="escalate_all")
    restricted = submit(service, submission(**body))
    put(service, agent, state="active")
    active = submit(service, submission(**body))

    assert [reply.reason for reply in (stopped, restricted, active)] == [
        "security_agent_stopped",
        "hitl_agent_restricted_escalated",
        "policy_allow",
    ]


def test_one_tenants_operator_neither_sees_nor_changes_anothers_agent(service: Service) -> None:
    agent = unique("agent")
    put(service, agent, state="active")

    other = operator("other")
    assert read(service, agent, envelope=other).outcome == (404, "security_agent_not_found")
    assert put(service, agent, envelope=other).body["tenantId"] == "other"
    assert read(service, agent, envelope=other, tenantId="acme").outcome == (403, "security_read_tenant_mismatch")
    assert read(service, agent).body["state"] == "active"


def test_an_admin_without_a_tenant_changes_the_id_in_all_tenants_and_reads_every_record(service: Service) -> None:
    agent, admin = unique("agent"), operator(None)
    put(service, agent, state="active")

    for_all = put(service, agent, envelope=admin)

    assert "tenantId" not in for_all.body
    assert read(service, agent, envelope=admin).body == for_all.body
    assert read(service, agent, envelope=admin, tenantId="acme").body["state"] == "active"
    assert read(service, agent).body["state"] == "active"
    reply = submit(service, submission(agentId=agent, tenantId="acme"))
    assert reply.reason == "security_agent_stopped"


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (operator(scopes=["agents:read"]), "security_scope_missing"),
        (operator(scopes=["workflow:resolve"], roles=["admin"]), "security_scope_missing"),
        (operator(None, roles=[]), "security_scope_missing"),
    ],
)
def test_changing_needs_its_scope_and_for_all_tenants_an_admin(service: Service, envelope: Any, code: str) -> None:
    agent = unique("agent")

    assert put(service, agent, envelope=envelope).outcome == (403, code)

    assert read(service, agent).outcome == (404, "security_agent_not_found")


@pytest.mark.parametrize("envelope", [operator(scopes=["agents:manage"]), operator(None, roles=[])])
def test_reading_needs_its_scope_and_of_all_tenants_an_admin(service: Service, envelope: Any) -> None:
    for path in ("/agents", "/agents/any"):
        assert get(service, path, envelope=envelope).outcome == (403, "security_read_scope_denied")


def test_nothing_is_read_or_changed_without_an_envelope_that_is_believed(service: Service) -> None:
    agent = unique("agent")
    assert get(service, "/agents").outcome == (401, "security_missing_identity_envelope")
    assert get(service, f"/agents/{agent}").outcome == (401, "security_missing_identity_envelope")
    stranger = service.by_stranger()
    assert put(stranger, agent).outcome == (401, "security_invalid_identity_envelope")
    assert read(service, agent).status == 404


FAULTS: list[Any] = [
    [],
    {"state": "stopped"},
    {"reason": "r"},
    {"state": "STOPPED", "reason": "r"},
    {"state": ["stopped"], "reason": "r"},
    {"state": "stopped", "reason": ""},
    {"state": "stopped", "reason": "  "},
    {"state": "stopped", "reason": 1},
    {"state": "stopped", "reason": "r" * 501},
    {"state": "stopped", "reason": "r", "owner": 1},
    {"state": "stopped", "reason": "r", "owner": "o" * 257},
    {"state": "stopped", "reason": "r", "until": "tomorrow"},
    {"state": "stopped", "reason": "r", "until": True},
    {"state": "stopped", "reason": "r", "until": 1},
    {"state": "stopped", "reason": "r", "until": 10**15},
    {"state": "stopped", "reason": "r", "until": 9e12 + 0.5},
    {"state": "stopped", "reason": "r", "untill": 9_000_000_000_000},
]


@pytest.mark.parametrize("body", FAULTS, ids=str)
def test_what_is_no_change_changes_nothing(service: Service, body: Any) -> None:
    agent = unique("agent")

    assert put(service, agent, body).outcome == (400, "trust_context_invalid_request_shape")

    assert read(service, agent).status == 404


@pytest.mark.parametrize("agent_id", ["%20bot", "bot%E2%80%8B", "b" * 257])
def test_an_id_that_names_nothing_new_gets_no_record(service: Service, agent_id: str) -> None:
    assert put(service, agent_id).outcome == (400, "trust_context_invalid_request_shape")
    assert read(service, agent_id).outcome == (404, "security_agent_not_found")


def test_a_list_has_ones_tenants_records_page_by_page_in_their_order(service: Service) -> None:
    tenant = unique("tenant")
    mine, admin = operator(tenant), operator(None)
    agents = sorted(unique("agent") for _ in range(5))
    for agent in reversed(agents):
        put(service, agent, state="active", envelope=mine)
    put(service, agents[1], envelope=mine)
    put(service, agents[2], envelope=mine, until=now_ms() + HOUR_MS)
    put(service, agents[3], envelope=admin)

    assert [agent["agentId"] for agent in listed(service, envelope=mine, limit="2")] == agents
    assert {agent["tenantId"] for agent in listed(service, envelope=mine)} == {tenant}
    stopped = [agent["agentId"] for agent in listed(service, envelope=mine, state="stopped", limit="1")]
    assert stopped == agents[1:3]
    every = listed(service, envelope=admin, limit="100")
    assert {(agent["agentId"], agent.get("tenantId")) for agent in every} >= {
        (agents[3], None),
        *((agent, tenant) for agent in agents),
    }


@pytest.mark.parametrize("query", [{"state": "gone"}, {"limit": "0"}, {"cursor": "x"}])
def test_a_list_of_nothing_that_there_is_is_refused(service: Service, query: dict[str, str]) -> None:
    reply = get(service, "/agents", envelope=operator(), query=query)

    assert reply.outcome == (400, "trust_context_invalid_request_shape")


def test_a_state_that_has_ended_is_shown_and_listed_as_active(in_process: InProcess) -> None:
    tenant = operator(unique("tenant"))
    agent, until = unique("agent"), now_ms() + HOUR_MS
    put(in_process, agent, until=until, envelope=tenant)
    later = replace(in_process, now_ms=lambda: until)

    assert read(later, agent, envelope=tenant).body["state"] == "active"
    assert [one["agentId"] for one in listed(later, envelope=tenant, state="active")] == [agent]
    assert listed(later, envelope=tenant, state="stopped") == []
    assert [one["agentId"] for one in listed(in_process, envelope=tenant, state="stopped")] == [agent]


def test_an_agents_decisions_are_shown_once_the_projector_has_counted_them(in_process: InProcess) -> None:
    tenant, agent = unique("tenant"), unique("agent")
    mine = operator(tenant)
    of_agent = {"agentId": agent, "tenantId": tenant}
    put(in_process, agent, state="active", envelope=mine)
    decided(in_process, "allow", **of_agent)
    decided(in_process, "deny", **of_agent)
    escalated(in_process, **of_agent)
    decided(in_process, "allow", agentId=agent, tenantId=unique("tenant"))
    before = read(in_process, agent, envelope=mine).body

    streamed = read_stream(stream_of(in_process.dynamodb, in_process.tables.metrics))
    mine_only = [each for each in streamed if each.event.agent == Agent(agent, tenant).pseudonym]
    project_metrics(in_process.context, mine_only)
    after = read(in_process, agent, envelope=mine).body

    assert before["decisions24h"] == {"allow": 0, "deny": 0, "escalate": 0}
    assert "lastDecisionAt" not in before
    assert after["decisions24h"] == {"allow": 1, "deny": 1, "escalate": 1}
    assert after["lastDecisionAt"] == max(each.event.timestamp_ms for each in mine_only)
    assert listed(in_process, envelope=mine) == [after]


def test_a_change_leaves_evidence_that_names_who_made_it_and_why(in_process: InProcess) -> None:
    agent = unique("agent")
    put(in_process, agent)
    put(in_process, agent, state="active", reason="it is mended")

    items = kept(in_process, in_process.tables.policy, agent_id=agent)
    changes = sorted((item for item in items if item["sk"].startswith("CHANGED#")), key=lambda item: item["sk"])
    assert [(item.get("from_state"), item["state"]) for item in changes] == [
        (None, "stopped"),
        ("stopped", "active"),
    ]
    assert {item["changed_by"] for item in changes} == {"operator"}
    assert changes[1]["reason"] == "it is mended"
    assert changes[1]["signer"].startswith("arn:aws:")


def test_agents_are_stopped_while_mutations_are_paused(in_process: InProcess) -> None:
    with paused(in_process):
        assert put(in_process, unique("agent")).status == 200


def test_a_cursor_of_another_tenants_list_is_none(in_process: InProcess) -> None:
    cursor = cursor_after(unique("agent"), "elsewhere")

    assert get(in_process, "/agents", envelope=operator(), query={"cursor": cursor}).outcome == SHAPE
