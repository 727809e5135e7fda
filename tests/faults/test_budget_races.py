"""Races for budgets: exactly what fits gets through, and what ends without an effect gives its share back once."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from handshake.dynamo.marshalling import Item
from handshake.requests.expire_overdue import expire_overdue
from tests.faults.racing import RACERS, ROUNDS, ROUNDS_OF_A_VARIANT, race
from tests.faults.test_races import TERMINAL, TTL_MS
from tests.support.audit import audit
from tests.support.policies import a_budget, a_count
from tests.support.service import (
    InProcess,
    Reply,
    act,
    apply_policy,
    escalated,
    now_ms,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import kept

EXCEEDED: Final = (200, "policy_budget_exceeded")
ALLOWED: Final = (200, "policy_allow")
BEYOND: Final = (200, "hitl_budget_escalated")

pytestmark = pytest.mark.timeout(120 + RACERS * ROUNDS)


@pytest.fixture(autouse=True)
def everything_agrees(service: InProcess) -> Iterator[None]:
    """After every race each counter is held against what requests hold of it."""
    yield
    assert audit(service.dynamodb, service.tables) == []


def _applied(service: InProcess, *budgets: dict[str, Any], **limits: Any) -> str:
    """Give an agent, without limits in its way but for ``budgets`` and ``limits``."""
    agent, lax = unique("agent"), {"max_transaction": 10**6, "daily_spend_limit": 10**9, "escalations_per_window": 1000}
    apply_policy(service, {"scope": "global", "rules": rules(**lax)})
    body = {"scope": "agent", "scopeId": agent, "rules": rules(**limits), "budgets": list(budgets)}
    assert apply_policy(service, body).status == 200
    return agent


def _counters(service: InProcess) -> list[Item]:
    return [item for item in kept(service, service.tables.workflow) if item["pk"].startswith("BUDGET#")]


def _taken(service: InProcess) -> int:
    return int(sum(item["taken"] for item in _counters(service)))


def _payments(agent: str, amount: int, count: int) -> list[dict[str, Any]]:
    return [submission(agentId=agent, context={"amount": amount, "category": "ops"}) for _ in range(count)]


def test_of_64_payments_of_2000_against_5000_exactly_two_get_through(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        agent = _applied(service, a_budget(max=5000))
        before = _taken(service)

        replies = race(service, [partial(submit, body=body) for body in _payments(agent, 2000, 64)])

        assert Counter(reply.outcome for reply in replies) == {ALLOWED: 2, EXCEEDED: 62}
        assert _taken(service) - before == 4000


def test_what_is_over_asks_a_person_and_goes_past_the_budget_once_approved(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        agent = _applied(service, a_count(max=3, window="month", over="escalate"))
        before, bodies = _taken(service), _payments(agent, 10, RACERS)

        replies = race(service, [partial(submit, body=body) for body in bodies])

        assert Counter(reply.outcome for reply in replies) == {ALLOWED: 3, BEYOND: RACERS - 3}
        assert _taken(service) - before == 3
        waiting = [body for body, reply in zip(bodies, replies, strict=True) if reply.outcome == BEYOND]
        approved = race(service, [partial(act, request=body) for body in waiting for _ in range(2)])
        assert Counter(reply.outcome for reply in approved) == {
            (200, "hitl_approved"): len(waiting),
            TERMINAL: len(waiting),
        }
        assert _taken(service) - before == RACERS


def test_shards_are_never_over_whoever_comes_at_once(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        agent = _applied(service, a_budget(max=1000, shards=4, per="tenant"))
        before = _taken(service)

        replies = race(service, [partial(submit, body=body) for body in _payments(agent, 100, RACERS * 2)])

        through = sum(reply.outcome == ALLOWED for reply in replies)
        assert through <= 8  # two of each shard of 250
        assert _taken(service) - before == 100 * through
        assert all(item["taken"] <= 250 for item in _counters(service) if json.loads(item["names"])["id"] == "day")


def test_what_is_rejected_approved_or_expired_gives_back_once_or_keeps_its_share(service: InProcess) -> None:
    agent = _applied(service, a_budget(max=10**6), a_count(max=10**6, window="month"), max_transaction=5)
    before = _taken(service)
    waiting = [escalated(service, agentId=agent, context={"amount": 100}) for _ in range(RACERS)]
    assert _taken(service) - before == 101 * RACERS
    late = replace(service, now_ms=lambda: now_ms() + TTL_MS)

    def sweep(_: InProcess) -> Reply:
        expire_overdue(late.another().context)
        return Reply(0, {}, {})

    attempts = [partial(act, request=request, action=action) for request in waiting for action in ("approve", "reject")]
    replies = race(service, [*attempts, sweep, sweep])
    sweep(service)

    approved = sum(reply.outcome == (200, "hitl_approved") for reply in replies)
    assert _taken(service) - before == 101 * approved


def test_the_same_request_many_times_takes_its_share_once(service: InProcess) -> None:
    agent = _applied(service, a_budget(max=5000))
    before, [body] = _taken(service), _payments(agent, 2000, 1)

    replies = race(service, [partial(submit, body=body)] * RACERS)

    assert [reply.outcome for reply in replies] == [ALLOWED] * RACERS
    assert _taken(service) - before == 2000
