"""`ops agents`: the same records as the API's, changed in the operator's own name."""

import json

import pytest
from typer.testing import CliRunner, Result

from ops.commands.app import app
from tests.conftest import Engine
from tests.support.agents import operator, put, read
from tests.support.operated import OPERATOR, operated
from tests.support.service import InProcess, decided, now_ms, submission, submit, unique

HOUR_MS = 60 * 60 * 1000


@pytest.fixture
def service(dynamodb_local: Engine, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The service on a store of its own, where the operator's commands find it."""
    return operated(InProcess(*dynamodb_local), monkeypatch)


def ops(*words: str) -> Result:
    return CliRunner().invoke(app, ["agents", *words])


def test_an_agent_is_stopped_restricted_and_resumed_and_evidence_names_the_operator(service: InProcess) -> None:
    agent = unique("agent")
    body = {"agentId": agent, "tenantId": "acme"}

    for command, reason in (
        ("stop", "security_agent_stopped"),
        ("restrict", "hitl_agent_restricted_escalated"),
        ("resume", "policy_allow"),
    ):
        changed = ops(command, agent, "--reason", "it pays strangers", "--tenant", "acme")
        assert changed.exit_code == 0, changed.output
        assert submit(service, submission(**body)).reason == reason

    shown = read(service, agent).body
    assert (shown["changedBy"], shown["reason"], shown["tenantId"]) == (OPERATOR, "it pays strangers", "acme")


def test_without_a_tenant_the_id_is_stopped_in_all_of_them(service: InProcess) -> None:
    agent = unique("agent")

    stopped = ops("stop", agent, "--reason", "r", "--hours", "1", "--owner", "a team")

    assert "in all tenants" in " ".join(stopped.output.split())
    assert submit(service, submission(agentId=agent)).reason == "security_agent_stopped"
    record = read(service, agent, envelope=operator(None)).body
    assert record["owner"] == "a team"
    assert abs(record["until"] - now_ms() - HOUR_MS) < HOUR_MS / 10
    kept = ops("resume", agent, "--reason", "r")
    assert kept.exit_code == 0
    assert read(service, agent, envelope=operator(None)).body["owner"] == "a team"


def test_lists_show_every_tenants_agents_or_ones_in_one_state(service: InProcess) -> None:
    one, other = unique("agent"), unique("agent")
    put(service, one)
    put(service, other, state="active", envelope=operator("other"))
    put(service, one, envelope=operator(None), state="active")

    def listed(*words: str) -> set[tuple[str, str | None, str]]:
        answered = ops("list", "--json", *words)
        assert answered.exit_code == 0, answered.output
        return {(agent["agentId"], agent.get("tenantId"), agent["state"]) for agent in json.loads(answered.stdout)}

    assert listed() == {(one, "acme", "stopped"), (other, "other", "active"), (one, None, "active")}
    assert listed("--tenant", "other") == {(other, "other", "active")}
    assert listed("--state", "stopped") == {(one, "acme", "stopped")}
    assert one in ops("list").output
    assert ops("list", "--state", "gone").exit_code == 2


def test_an_agent_is_shown_with_why_it_is_so_and_one_without_a_record_is_said_to_have_none(service: InProcess) -> None:
    agent = unique("agent")
    put(service, agent, reason="it pays strangers")
    decided(service, "deny", agentId=unique("agent"))

    assert "it pays strangers" in ops("show", agent, "--tenant", "acme").output
    assert json.loads(ops("show", agent, "--tenant", "acme", "--json").stdout) == read(service, agent).body
    missing = ops("show", agent)
    assert (missing.exit_code, "has no record in all tenants" in " ".join(missing.output.split())) == (1, True)


def test_what_the_api_would_refuse_a_command_refuses_in_words(service: InProcess) -> None:
    refused = ops("stop", "bot\u200b", "--reason", "r")

    assert refused.exit_code == 1
    assert "agentId holds U+200B" in refused.output
    assert ops("stop", "bot", "--reason", " ").exit_code == 2
    assert ops("list").output.strip() == "no agent has a record"
    assert service.tables.policy
