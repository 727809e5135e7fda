"""Paths of agents that operators have named: their records, and what becomes of what such an agent asks for."""

from typing import Any, Final

from tests.metrics.paths.path import DENIED, ESCALATED, SHAPE, TENANT, Path, nothing
from tests.metrics.paths.workflow import AUTHORIZE
from tests.support.agents import operator, put, read
from tests.support.service import (
    InProcess,
    Reply,
    act,
    artifact_in,
    decided,
    escalated,
    get,
    post,
    submission,
    submit,
    unique,
)

_UNREAD: Final = operator(scopes=["agents:manage"])


def _in_state(service: InProcess, state: str) -> dict[str, Any]:
    body = submission()
    assert put(service, body["agentId"], state=state, envelope=operator(body["tenantId"])).status == 200
    return body


def _stopped(service: InProcess) -> dict[str, Any]:
    return _in_state(service, "stopped")


def _escalated_and_stopped(service: InProcess) -> dict[str, Any]:
    request = escalated(service)
    assert put(service, request["agentId"], envelope=operator(request["tenantId"])).status == 200
    return request


def _allowed_and_stopped(service: InProcess) -> dict[str, Any]:
    request = decided(service, "allow")
    artifact = artifact_in(submit(service, request).body)
    assert put(service, request["agentId"], envelope=operator(request["tenantId"])).status == 200
    return {"request": request, "artifact": artifact}


def _listed(service: InProcess, query: dict[str, str]) -> Reply:
    return get(service, "/agents", envelope=operator(), query=query)


AGENTS: Final = (
    Path("security_agent_stopped", "whatever a stopped agent submits", _stopped, submit, DENIED, decides="deny"),
    Path(
        "security_agent_stopped", "an approval of what a stopped agent asked for", _escalated_and_stopped, act, DENIED
    ),
    Path(
        "security_agent_stopped",
        "an execution of what a stopped agent was allowed",
        _allowed_and_stopped,
        lambda service, body: post(service, AUTHORIZE, body),
        DENIED,
    ),
    Path(
        "hitl_agent_restricted_escalated",
        "what a restricted agent submits and would be allowed",
        lambda service: _in_state(service, "escalate_all"),
        submit,
        ESCALATED,
        decides="escalate",
    ),
    Path("security_agent_not_found", "an agent that has no record", nothing, lambda s, _: read(s, "nobody"), DENIED),
    Path(
        "security_scope_missing",
        "a change of an agent without the scope",
        nothing,
        lambda service, _: put(service, "any", envelope=operator(scopes=[])),
        DENIED,
    ),
    Path(
        "security_read_scope_denied",
        "a read of an agent without the scope",
        nothing,
        lambda service, _: read(service, "any", envelope=_UNREAD),
        DENIED,
    ),
    Path(
        "security_read_scope_denied",
        "a list of agents without the scope",
        nothing,
        lambda service, _: get(service, "/agents", envelope=_UNREAD),
        DENIED,
    ),
    Path(TENANT, "an agent of another tenant", nothing, lambda s, _: read(s, "any", tenantId="other"), DENIED),
    Path(
        SHAPE, "a change of an agent to no state", lambda _: unique("agent"), lambda s, agent: put(s, agent, {}), None
    ),
    Path(SHAPE, "agents of no state", lambda _: {"state": "gone"}, _listed),
)
