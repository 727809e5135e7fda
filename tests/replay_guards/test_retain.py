"""Replay guard retention: what expired goes, whatever fails in between, and nothing else ever does."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.replay_guards.retain import Retention, expired_guards, retain_guards
from handshake.replay_guards.table import GuardTransaction, guard_key, hour_of
from tests.conftest import Engine
from tests.support.clients import FAULTS, Failing
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import unhurried

HOUR_MS = 60 * 60 * 1000
AGES_MS = st.integers(-3 * HOUR_MS, 24 * HOUR_MS)


@dataclass
class Guards:
    """A table of guards, and what an operator's clock and client see of it."""

    engine: Engine
    now_ms: int = NOW_MS

    def context(self, client: Any = None, *, ticks_ms: int = 0) -> Context:
        """Give what a run is given. Each look at its clock finds it ``ticks_ms`` later."""
        clock = count(self.now_ms, ticks_ms)
        own, tables = self.engine
        return Context(unhurried(client or own), tables, lambda: next(clock), lambda: "run")

    def hold(self, name: str, *, expires_at_ms: int, at_ms: int = NOW_MS - 40 * HOUR_MS) -> None:
        """Claim the key ``name``, long ago unless ``at_ms`` says when."""
        tx = GuardTransaction(self.context())
        tx.claim_key(guard_key("policy_apply", name), now_ms=at_ms, expires_at_ms=expires_at_ms, outcome={})
        assert tx.commit()

    def held(self) -> list[int]:
        """Say when each guard that is there expires."""
        items = self.engine[0].scan(TableName=self.engine[1].replay_guards)["Items"]
        return sorted(int(item["expires_at"]["N"]) for item in items)

    def clear(self) -> None:
        """Forget all guards; the last run was a day ago, so that the next need not look through a week."""
        client, tables = self.engine
        for item in client.scan(TableName=tables.replay_guards)["Items"]:
            client.delete_item(TableName=tables.replay_guards, Key={"guard_key": item["guard_key"]})
        tx = RuntimeTransaction(self.context())
        tx.remember_retention(hour_of(NOW_MS - 26 * HOUR_MS))
        assert tx.commit()


@dataclass
class _Meanwhile:
    """A client that has something ``happen`` between a run's look and its delete."""

    guards: Guards
    happen: Callable[[], None] = lambda: None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.guards.engine[0], operation)

    def batch_execute_statement(self, **parameters: Any) -> Any:
        self.happen()
        return self.guards.engine[0].batch_execute_statement(**parameters)


@pytest.fixture
def guards(dynamodb_local: Engine) -> Guards:
    """On DynamoDB Local."""
    guards = Guards(dynamodb_local)
    guards.clear()
    return guards


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(AGES_MS, max_size=12), fails_at=st.integers(0, 12))
def test_what_expired_is_removed_whatever_fails_and_nothing_else_ever_is(
    guards: Guards, ages: list[int], fails_at: int
) -> None:
    guards.clear()
    for number, age in enumerate(ages):
        guards.hold(f"key-{number}", expires_at_ms=NOW_MS - age)
    alive = sorted(NOW_MS - age for age in ages if age <= 0)

    dying = Failing(guards.engine[0], FAULTS["denied"], operations=("batch_execute_statement",), times=fails_at)
    try:
        retain_guards(guards.context(dying))
    except StoreUnavailableError:
        assert set(alive) <= set(guards.held())
    retain_guards(guards.context())

    assert guards.held() == alive


def test_a_run_whose_time_is_up_says_so_and_the_next_goes_on_where_it_was(guards: Guards) -> None:
    for number in range(6):
        guards.hold(f"key-{number}", expires_at_ms=NOW_MS - (6 - number) * HOUR_MS)

    first = retain_guards(guards.context(ticks_ms=1000), run_ms=1000)

    assert first == Retention(removed=1, kept=0, unfinished=1)
    assert len(list(expired_guards(guards.context()))) == 5
    assert retain_guards(guards.context()) == Retention(removed=5, kept=0)
    assert guards.held() == []


def test_a_guard_claimed_again_meanwhile_is_kept(guards: Guards) -> None:
    guards.hold("key", expires_at_ms=NOW_MS - HOUR_MS)
    claimed_first = _Meanwhile(guards, lambda: guards.hold("key", expires_at_ms=NOW_MS + HOUR_MS, at_ms=NOW_MS))

    assert retain_guards(guards.context(claimed_first)) == Retention(removed=0, kept=1)
    assert guards.held() == [NOW_MS + HOUR_MS]


def test_a_guard_that_ttl_takes_meanwhile_is_neither_removed_nor_kept(ministack: Engine) -> None:
    guards = Guards(ministack)  # to DynamoDB Local, unlike to Amazon's, no condition holds of an item that is not there
    guards.clear()
    guards.hold("key", expires_at_ms=NOW_MS - HOUR_MS)

    assert retain_guards(guards.context(_Meanwhile(guards, guards.clear))) == Retention(removed=0, kept=0)


def test_a_guard_that_is_refused_alone_is_removed_by_another_try(guards: Guards) -> None:
    for number in range(30):
        guards.hold(f"key-{number}", expires_at_ms=NOW_MS - HOUR_MS)

    class Throttled(_Meanwhile):
        """The first guard of each call is throttled, until one is left."""

        def batch_execute_statement(self, **parameters: Any) -> Any:
            first, *others = parameters["Statements"]
            throttled = [{"Error": {"Code": "ThrottlingError", "Message": "no"}}] if others else []
            answer = guards.engine[0].batch_execute_statement(Statements=others or [first])
            return {"Responses": throttled + answer["Responses"]}

    assert retain_guards(guards.context(Throttled(guards))) == Retention(removed=30, kept=0)
    assert guards.held() == []


def test_guards_that_are_refused_for_good_end_the_run(guards: Guards) -> None:
    guards.hold("key", expires_at_ms=NOW_MS - HOUR_MS)

    class Refused(_Meanwhile):
        def batch_execute_statement(self, **parameters: Any) -> Any:
            return {
                "Responses": [{"Error": {"Code": "AccessDenied", "Message": "no"}} for _ in parameters["Statements"]]
            }

    with pytest.raises(StoreUnavailableError):
        retain_guards(guards.context(Refused(guards)))

    assert guards.held() == [NOW_MS - HOUR_MS]


def test_a_second_run_finds_nothing(guards: Guards) -> None:
    guards.hold("key", expires_at_ms=NOW_MS - HOUR_MS)

    assert [retain_guards(guards.context()).removed for _ in range(2)] == [1, 0]


@pytest.mark.parametrize(("later_ms", "hours"), [(0, 2), (HOUR_MS, 3), (5 * HOUR_MS, 7)])
def test_a_run_looks_at_every_hour_since_the_last_and_at_the_last_full_one_once_more(
    guards: Guards, later_ms: int, hours: int
) -> None:
    """The index lags behind its table; the hours before are not paid for again."""
    retain_guards(guards.context())
    guards.now_ms += later_ms
    again = guards.context()

    retain_guards(again)

    assert again.dynamo.calls.count("query") == hours
