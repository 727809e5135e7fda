"""Replay guards and the pause flag: a key is good once while its guard lives, to the millisecond."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.dynamo.client import ConditionFailedError, Dynamo
from handshake.dynamo.marshalling import Put
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, claim, guard_key, stored_outcome
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer
from tests.support.workflow_requests import unhurried

KEY = guard_key("decision_action", "alice", "a-key")
EXPIRES_MS = NOW_MS + 1000
PARTS = st.lists(st.text(max_size=5), min_size=1, max_size=3)


def _claim(table: str, *, now_ms: int, by: str = "first") -> Put:
    return claim(table, KEY, now_ms=now_ms, expires_at_ms=EXPIRES_MS, outcome={"by": by})


def _stored(dynamo: Dynamo, table: str, *, now_ms: int) -> dict[str, Any] | None:
    [item] = dynamo.batch_get([(table, KEY)])
    return stored_outcome(item, now_ms=now_ms)


def test_a_key_is_claimed_once_and_the_loser_sees_how_it_ended(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    dynamo.write(_claim(tables.replay_guards, now_ms=NOW_MS))
    again = _claim(tables.replay_guards, now_ms=NOW_MS, by="second")

    with pytest.raises(ConditionFailedError) as lost:
        dynamo.write(again)

    assert stored_outcome(lost.value.stored(again), now_ms=NOW_MS) == {"by": "first"}
    assert _stored(dynamo, tables.replay_guards, now_ms=NOW_MS) == {"by": "first"}


@pytest.mark.parametrize(("offset_ms", "lives"), [(-1, True), (0, False), (1, False)])
def test_past_its_expiry_a_key_may_be_used_again_though_not_yet_deleted(
    moto_tables: Engine,
    offset_ms: int,
    lives: bool,  # noqa: FBT001 - a case
) -> None:
    client, tables = moto_tables
    dynamo, now_ms = unhurried(client), EXPIRES_MS + offset_ms
    dynamo.write(_claim(tables.replay_guards, now_ms=NOW_MS))
    second = _claim(tables.replay_guards, now_ms=now_ms, by="second")

    assert (_stored(dynamo, tables.replay_guards, now_ms=now_ms) is not None) == lives
    if lives:
        with pytest.raises(ConditionFailedError):
            dynamo.write(second)
    else:
        dynamo.write(second)
    assert _stored(dynamo, tables.replay_guards, now_ms=NOW_MS) == {"by": "first" if lives else "second"}


def test_a_guard_that_loses_leaves_nothing_of_its_transaction(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    dynamo.write(_claim(tables.replay_guards, now_ms=NOW_MS))
    effect = Put(tables.policy, {"pk": "a", "sk": "b"})

    with pytest.raises(ConditionFailedError) as lost:
        dynamo.write(effect, _claim(tables.replay_guards, now_ms=NOW_MS))

    assert not lost.value.failed(effect)
    assert dynamo.batch_get([(tables.policy, {"pk": "a", "sk": "b"})]) == [None]


def test_a_guard_outlives_its_expiry_in_the_table_and_is_found_by_the_hour_of_it() -> None:
    item = _claim("t", now_ms=NOW_MS).item

    assert item["ttl"] * 1000 > item["expires_at"] == EXPIRES_MS
    assert item["expiry_hour"] == str(EXPIRES_MS // 3_600_000)
    assert item["created_at"] == NOW_MS


@given(PARTS, PARTS)
def test_two_keys_have_one_guard_exactly_when_all_their_parts_are_equal(one: list[str], other: list[str]) -> None:
    assert (guard_key("policy_apply", *one) == guard_key("policy_apply", *other)) == (one == other)


def test_a_key_belongs_to_the_principal_who_sent_it_and_to_its_use() -> None:
    keys = [
        guard_key("decision_action", "alice", "k"),
        guard_key("decision_action", "bob", "k"),
        guard_key("policy_apply", "alice", "k"),
        guard_key("policy_apply", "k"),
        guard_key("decision_action", "alicek"),
    ]

    assert len({key["guard_key"] for key in keys}) == len(keys)


def test_a_guard_holds_no_key_that_could_be_used() -> None:
    item = claim("t", guard_key("policy_apply", "the-jti"), now_ms=0, expires_at_ms=1, outcome={}).item

    assert "the-jti" not in str(item)


def test_no_guard_holds_nothing() -> None:
    assert stored_outcome(None, now_ms=NOW_MS) is None


def test_an_idempotency_key_is_guarded_for_longer_than_any_escalation_waits() -> None:
    assert IDEMPOTENCY_KEY_LIFETIME_MS >= 300_000


@pytest.mark.parametrize(
    ("item", "paused"),
    [(None, False), ({}, False), ({"paused": False}, False), ({"paused": True}, True), ({"paused": "yes"}, True)],
)
def test_mutations_are_paused_exactly_while_the_flag_is_set(item: Any, paused: bool) -> None:  # noqa: FBT001 - a case
    told = answer(lambda: ensure_not_paused(item if item is None else {**PAUSE_KEY, **item}))

    assert told == ("adapter_privileged_mutations_paused" if paused else None)
