"""Tests what was submitted, by day: which recorded requests a simulation replays."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import RETRY_BUDGET_S, Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Put
from handshake.policy.rules import GLOBAL
from handshake.requests import table as requests
from handshake.requests.decision import Decision, utc_day
from handshake.requests.record import RequestRecord
from handshake.simulation import history
from handshake.simulation.simulate import simulate_policy
from tests.conftest import Engine
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.workflow_requests import a_record, a_submission, unhurried

ALL_SHARDS = range(requests.RECORDED_SHARDS)
# One agent in each shard.
AGENTS = [
    next(f"agent-{n}" for n in range(99) if requests.recorded_shard(f"agent-{n}") == shard) for shard in ALL_SHARDS
]
ALLOWED = Decision("allow", ReasonCode.POLICY_ALLOW, 1)
TODAY, YESTERDAY = utc_day(NOW_MS), utc_day(NOW_MS - DAY_MS)
Store = tuple[Dynamo, str]


@pytest.fixture
def store(moto_tables: Engine) -> Store:
    client, tables = moto_tables
    return unhurried(client), tables.workflow


def _record(store: Store, request_id: str, *, at_ms: int = NOW_MS, **changes: Any) -> None:
    dynamo, table = store
    record = a_record(ALLOWED, submission=a_submission(**{"requestId": request_id, **changes}))
    dynamo.write(Put(table, requests.state_item(RequestRecord(**{**vars(record), "created_at_ms": at_ms}))))


def _found(store: Store, *, days: Sequence[str] = (TODAY,), agent_id: str | None = None, limit: int = 100) -> list[str]:
    items, _ = history.recorded_since(*store, days=days, agent_id=agent_id, limit=limit)
    return [item["pk"].removeprefix("REQ#") for item in items]


def test_what_was_recorded_is_found_by_the_day_the_server_recorded_it(store: Store) -> None:
    _record(store, "today")
    _record(store, "yesterday", at_ms=NOW_MS - DAY_MS)
    _record(store, "long-ago", at_ms=NOW_MS - 9 * DAY_MS)

    assert _found(store) == ["today"]
    assert _found(store, days=[TODAY, YESTERDAY]) == ["today", "yesterday"]


def test_an_agents_requests_are_found_whoever_shares_its_shard_and_however_much_others_said_since(store: Store) -> None:
    _record(store, "earliest", agentId="quiet", at_ms=NOW_MS - DAY_MS)
    _record(store, "quiet", agentId="quiet")
    for shard, agent in enumerate(AGENTS):
        _record(store, f"req-{shard}", agentId=agent, at_ms=NOW_MS + 1)

    assert [_found(store, agent_id=agent) for agent in AGENTS] == [[f"req-{shard}"] for shard in ALL_SHARDS]
    assert _found(store, agent_id="quiet", days=[TODAY, YESTERDAY], limit=3) == ["quiet", "earliest"]
    assert _found(store, agent_id="quiet", days=[TODAY, YESTERDAY], limit=1) == ["quiet"]


@pytest.mark.parametrize("agent_id", [None, AGENTS[0]])
@pytest.mark.parametrize(("limit", "complete"), [(1, False), (2, True), (3, True)])
def test_whether_that_was_all_is_told(store: Store, agent_id: str | None, limit: int, *, complete: bool) -> None:
    _record(store, "today", agentId=AGENTS[0])
    _record(store, "yesterday", agentId=AGENTS[0], at_ms=NOW_MS - DAY_MS)

    _, all_of_it = history.recorded_since(*store, days=[TODAY, YESTERDAY], agent_id=agent_id, limit=limit)

    assert all_of_it == complete


def test_no_more_of_a_shard_is_looked_through_for_an_agent_than_a_caller_waits_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_PAGES_OF_A_SHARD", 1)
    busy = next(
        name for n in range(99) if requests.recorded_shard(name := f"busy-{n}") == requests.recorded_shard("quiet")
    )
    _record(store, "quiet", agentId="quiet")
    for number in range(300):
        _record(store, f"req-{number}", agentId=busy, at_ms=NOW_MS + 1, context={"amount": 1, "category": "c" * 4000})

    found = history.recorded_since(*store, days=[TODAY, YESTERDAY], agent_id="quiet", limit=9)

    assert found == ([], False)


def test_the_index_holds_nobodys_name_and_what_it_finds_is_read_as_it_was_submitted(store: Store) -> None:
    for tenant_id in ("tenant-a", "tenant-b", None):
        _record(store, f"req-{tenant_id}", tenantId=tenant_id)

    found, _ = history.recorded_since(*store, days=[TODAY], limit=9)

    assert not {"principal_id", "tenant_id", "payload_ref"} & {name for item in found for name in item}
    submissions = history.submissions_of(*store, found)
    assert {submission.tenant_id for submission in submissions} == {"tenant-a", "tenant-b", None}
    assert {(submission.agent_id, submission.timestamp_ms) for submission in submissions} == {("agent-1", NOW_MS)}
    assert all(submission.facts == a_submission().facts for submission in submissions)


def test_however_much_is_found_all_of_it_is_read_in_its_order(store: Store) -> None:
    for number in range(205):
        _record(store, f"req-{number}", at_ms=NOW_MS + number)

    found, _ = history.recorded_since(*store, days=[TODAY], limit=300)

    read = [submission.request_id for submission in history.submissions_of(*store, found)]
    assert read == [item["pk"].removeprefix("REQ#") for item in found] == [f"req-{n}" for n in reversed(range(205))]


def test_of_a_busy_shard_the_newest_are_found_first(store: Store) -> None:
    for offset_ms in (1, 3, 2):
        _record(store, f"req-{offset_ms}", at_ms=NOW_MS + offset_ms)

    assert _found(store, limit=2) == ["req-3", "req-2"]


@pytest.mark.parametrize("limit", [1, 3, 4])
def test_no_more_than_the_limit_are_found(store: Store, limit: int) -> None:
    for shard, agent in enumerate(AGENTS):
        _record(store, f"req-{shard}", agentId=agent)
        _record(store, f"old-{shard}", agentId=agent, at_ms=NOW_MS - DAY_MS)

    assert len(_found(store, days=[TODAY, YESTERDAY], limit=limit)) == limit


def test_of_several_busy_shards_the_newest_of_all_are_found(store: Store) -> None:
    for offset_ms in range(6):
        _record(store, f"req-{offset_ms}", at_ms=NOW_MS + offset_ms, agentId=AGENTS[offset_ms % 2])

    assert sorted(_found(store, limit=4)) == ["req-2", "req-3", "req-4", "req-5"]


def test_a_shard_longer_than_a_page_of_the_store_is_read_to_its_end(store: Store) -> None:
    large = {"amount": 1, "category": "c" * 4000}
    for number in range(300):
        _record(store, f"req-{number}", at_ms=NOW_MS + number, context=large)

    assert len(_found(store, limit=1000)) == 300


def test_a_week_is_read_though_that_takes_longer_than_an_invocation_has(moto_tables: Engine) -> None:
    client, tables = moto_tables
    _record((unhurried(client), tables.workflow), "today")
    ticks = count()
    slow = Dynamo(client, clock=lambda: next(ticks) / 10)

    simulated = simulate_policy(Context(slow, tables, lambda: NOW_MS, lambda: "id"), GLOBAL, {"rules": ()})

    assert simulated.replayed == 1
    assert next(ticks) / 10 > 2 * RETRY_BUDGET_S
