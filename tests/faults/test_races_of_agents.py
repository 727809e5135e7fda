"""Races over an agent: what began after a stop was answered is neither allowed nor approved nor executed.

HANDSHAKE_RACERS and HANDSHAKE_ROUNDS make them longer, as with the other races.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from typing import Any, NamedTuple

import pytest

from handshake.agents.table import record_key
from handshake.agents.verification import verify_agent
from handshake.core.agents import Agent
from tests.support.agents import operator, put, read
from tests.support.audit import audit
from tests.support.service import (
    InProcess,
    Reply,
    act,
    artifact_in,
    decided,
    escalated,
    post,
    submission,
    submit,
    unique,
)
from tests.support.store import kept

RACERS = int(os.environ.get("HANDSHAKE_RACERS", "16"))
ROUNDS = int(os.environ.get("HANDSHAKE_ROUNDS", "2"))
APPROVERS = max(4, RACERS // 4)
EACH = 6
_BEFORE_THE_STOP_S = 0.01
STOPPED = "security_agent_stopped"

pytestmark = pytest.mark.timeout(120 + RACERS * ROUNDS)

Attempt = Callable[[InProcess], Reply]


class Made(NamedTuple):
    """An attempt, and whether it began after the stop was answered."""

    late: bool
    reply: Reply


@pytest.fixture(autouse=True)
def everything_agrees(service: InProcess) -> Iterator[None]:
    """After every race each table is read and held against the others."""
    yield
    assert audit(service.dynamodb, service.tables) == []


def _against_a_stop(service: InProcess, agent: str, tenant_id: str | None, attempts: Sequence[Attempt]) -> list[Made]:
    """Make all ``attempts``, some at once, while the agent is stopped; each caller's last begins after the answer."""
    start, answered = Barrier(APPROVERS + 1), Event()

    def stop() -> None:
        instance = service.another()
        start.wait()
        time.sleep(_BEFORE_THE_STOP_S)
        assert put(instance, agent, envelope=operator(tenant_id)).status == 200
        answered.set()

    def run(mine: Sequence[Attempt]) -> list[Made]:
        instance, made = service.another(), []
        start.wait()
        for attempt in mine[:-1]:
            late = answered.is_set()
            made.append(Made(late, attempt(instance)))
        assert answered.wait(30)
        made.append(Made(late=True, reply=mine[-1](instance)))
        return made

    with ThreadPoolExecutor(APPROVERS + 1) as pool:
        stopping = pool.submit(stop)
        shares = [attempts[number::APPROVERS] for number in range(APPROVERS)]
        made = [one for every in pool.map(run, shares) for one in every]
        stopping.result()
    return made


def _named(agent: str, tenant_id: str | None) -> dict[str, Any]:
    return {"agentId": agent, "tenantId": tenant_id, "principalId": unique("principal")}


@pytest.mark.parametrize("tenant_id", ["acme", None])
def test_no_approval_that_began_after_a_stop_was_answered_wins(service: InProcess, tenant_id: str | None) -> None:
    for _ in range(ROUNDS):
        agent = unique("agent")
        requests = [escalated(service, **_named(agent, "acme"), context={"amount": 101}) for _ in range(9)]
        requests = (requests * APPROVERS)[: APPROVERS * EACH]
        fresh = [escalated(service, **_named(agent, "acme"), context={"amount": 101}) for _ in range(APPROVERS)]
        attempts: list[Attempt] = [partial(act, request=request) for request in [*requests, *fresh]]

        made = _against_a_stop(service, agent, tenant_id, attempts)

        late = {one.reply.reason for one in made if one.late}
        assert STOPPED in late
        assert "hitl_approved" not in late


@pytest.mark.parametrize("tenant_id", ["acme", None])
def test_no_submission_that_began_after_a_stop_was_answered_is_allowed(
    service: InProcess, tenant_id: str | None
) -> None:
    for _ in range(ROUNDS):
        agent = unique("agent")
        bodies = [submission("other", **_named(agent, "acme")) for _ in range(APPROVERS * EACH)]

        made = _against_a_stop(service, agent, tenant_id, [partial(submit, body=body) for body in bodies])

        assert {one.reply.reason for one in made if one.late} == {STOPPED}
        assert {one.reply.reason for one in made} <= {STOPPED, "policy_allow"}


def test_no_execution_that_was_asked_for_after_a_stop_was_answered_goes_ahead(service: InProcess) -> None:
    for _ in range(ROUNDS):
        agent = unique("agent")
        request = decided(service, "allow", **_named(agent, "acme"))
        body = {"request": request, "artifact": artifact_in(submit(service, request).body)}
        attempts: list[Attempt] = [partial(post, path="/workflow/authorize-execution", body=body)] * (APPROVERS * EACH)

        made = _against_a_stop(service, agent, "acme", attempts)

        assert {one.reply.reason for one in made if one.late} == {STOPPED}


def test_operators_who_change_one_agent_at_once_lose_no_change_and_leave_one_chain(service: InProcess) -> None:
    for _ in range(ROUNDS):
        agent, start = unique("agent"), Barrier(RACERS)

        def change(number: int, agent: str = agent, start: Barrier = start) -> Reply:
            instance = service.another()
            start.wait()
            return put(instance, agent, state=["active", "escalate_all", "stopped"][number % 3], reason=f"r{number}")

        with ThreadPoolExecutor(RACERS) as pool:
            replies = list(pool.map(change, range(RACERS)))

        won = [reply for reply in replies if reply.status == 200]
        assert won
        assert {reply.reason for reply in replies if reply.status != 200} <= {"adapter_store_unavailable"}
        items = kept(service, service.tables.policy, pk=record_key(Agent(agent, "acme"))["pk"])
        assert verify_agent(items) == []
        changes = [item for item in items if item["sk"].startswith("CHANGED#")]
        assert sorted(item["reason"] for item in changes) == sorted(reply.body["reason"] for reply in won)
        assert read(service, agent).body["reason"] in {reply.body["reason"] for reply in won}
