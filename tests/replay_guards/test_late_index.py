"""The retention's index is a copy that lags: it lists what was claimed anew, and what it does not list comes later."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from handshake.dynamo.context import Context
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.replay_guards.retain import Retention, retain_guards
from handshake.replay_guards.table import GuardTransaction, guard_key, hour_of
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import unhurried

HOUR_MS = 60 * 60 * 1000


@dataclass
class _Lagging:
    """A client whose index does not yet list the guards that were ``unlisted`` when it was asked."""

    client: Any
    unlisted: set[str] = field(default_factory=set)

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def query(self, **parameters: Any) -> Any:
        answer = self.client.query(**parameters)
        items = [item for item in answer["Items"] if item["guard_key"]["S"] not in self.unlisted]
        return {**answer, "Items": items}


def _context(engine: Engine, client: Any = None, *, now_ms: int = NOW_MS) -> Context:
    own, tables = engine
    return Context(unhurried(client or own), tables, lambda: now_ms, lambda: "run")


def _hold(engine: Engine, name: str, *, expires_at_ms: int) -> str:
    key = guard_key("policy_apply", name)
    tx = GuardTransaction(_context(engine))
    tx.claim_key(key, now_ms=expires_at_ms - HOUR_MS, expires_at_ms=expires_at_ms, outcome={})
    assert tx.commit()
    return key["guard_key"]


def _held(engine: Engine) -> set[str]:
    client, tables = engine
    return {item["guard_key"]["S"] for item in client.scan(TableName=tables.replay_guards)["Items"]}


@pytest.mark.parametrize(
    "expired_ms_ago",
    [1, NOW_MS % HOUR_MS, NOW_MS % HOUR_MS + 1, HOUR_MS],
    ids=["just now", "on the hour", "", "an hour"],
)
def test_what_the_index_lists_too_late_for_a_run_is_removed_by_the_next(
    dynamodb_local: Engine, expired_ms_ago: int
) -> None:
    late = _hold(dynamodb_local, "late", expires_at_ms=NOW_MS - expired_ms_ago)
    listed = _hold(dynamodb_local, "listed", expires_at_ms=NOW_MS - expired_ms_ago)
    lagging = _Lagging(dynamodb_local[0], {late})

    assert retain_guards(_context(dynamodb_local, lagging)) == Retention(removed=1, kept=0)
    assert listed not in _held(dynamodb_local)
    assert retain_guards(_context(dynamodb_local, now_ms=NOW_MS + HOUR_MS)) == Retention(removed=1, kept=0)

    assert _held(dynamodb_local) == set()


@pytest.mark.parametrize(("days_ago", "removed"), [(7, 1), (8, 0)])
def test_a_first_run_looks_a_week_back(dynamodb_local: Engine, days_ago: int, removed: int) -> None:
    _hold(dynamodb_local, "old", expires_at_ms=NOW_MS - days_ago * 24 * HOUR_MS)

    assert retain_guards(_context(dynamodb_local)).removed == removed


def test_a_run_begins_where_the_last_one_ended(dynamodb_local: Engine) -> None:
    tx = RuntimeTransaction(_context(dynamodb_local))
    tx.remember_retention(hour_of(NOW_MS) - 1)
    assert tx.commit()
    old = _hold(dynamodb_local, "old", expires_at_ms=NOW_MS - 3 * HOUR_MS)

    assert retain_guards(_context(dynamodb_local)) == Retention(removed=0, kept=0)
    assert _held(dynamodb_local) == {old}


def test_what_expires_at_this_very_moment_has_not_expired_before_it(dynamodb_local: Engine) -> None:
    now = _hold(dynamodb_local, "now", expires_at_ms=NOW_MS)

    assert retain_guards(_context(dynamodb_local)) == Retention(removed=0, kept=0)
    assert _held(dynamodb_local) == {now}
