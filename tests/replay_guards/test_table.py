"""Replay guards and the pause flag: a key is good once while its guard lives, to the millisecond."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, RuntimeTransaction, ensure_not_paused
from handshake.dynamo.transaction import Step
from handshake.replay_guards.table import (
    IDEMPOTENCY_KEY_LIFETIME_MS,
    GuardTransaction,
    guard_key,
    read_outcome,
    stored_outcome,
)
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer
from tests.support.workflow_requests import unhurried

KEY = guard_key("decision_action", "alice", "a-key")
EXPIRES_MS = NOW_MS + 1000
PARTS = st.lists(st.text(max_size=5), min_size=1, max_size=3)


class _Effect(GuardTransaction, RuntimeTransaction):
    """A guard together with the effect that it guards."""


def _context(engine: Engine, *, now_ms: int = NOW_MS) -> Context:
    client, tables = engine
    return Context(unhurried(client), tables, lambda: now_ms, lambda: "id")


def _claim(tx: GuardTransaction, *, now_ms: int = NOW_MS, by: str = "first") -> Step[dict[str, Any] | None]:
    return tx.claim_key(KEY, now_ms=now_ms, expires_at_ms=EXPIRES_MS, outcome={"by": by})


def _claimed(engine: Engine) -> None:
    tx = GuardTransaction(_context(engine))
    _claim(tx)
    assert tx.commit()


def _item(engine: Engine, key: Key = KEY) -> Item:
    [item] = _context(engine).dynamo.batch_get([(engine[1].replay_guards, key)])
    assert item is not None
    return item


def test_a_key_is_claimed_once_and_the_loser_sees_how_it_ended(moto_tables: Engine) -> None:
    _claimed(moto_tables)
    tx = GuardTransaction(_context(moto_tables))
    again = _claim(tx, by="second")

    assert not tx.commit()

    assert (again.lost, again.found) == (True, {"by": "first"})
    assert read_outcome(_context(moto_tables), KEY) == {"by": "first"}


@pytest.mark.parametrize(("offset_ms", "lives"), [(-1, True), (0, False), (1, False)])
def test_past_its_expiry_a_key_may_be_used_again_though_not_yet_deleted(
    moto_tables: Engine,
    offset_ms: int,
    lives: bool,  # noqa: FBT001 - a case
) -> None:
    _claimed(moto_tables)
    later = _context(moto_tables, now_ms=EXPIRES_MS + offset_ms)
    tx = GuardTransaction(later)
    second = _claim(tx, now_ms=later.now_ms(), by="second")

    assert (read_outcome(later, KEY) is not None) == lives
    assert tx.commit() == (not lives)

    assert second.lost == lives
    assert read_outcome(_context(moto_tables), KEY) == {"by": "first" if lives else "second"}


def test_a_guard_that_loses_leaves_nothing_of_its_transaction(moto_tables: Engine) -> None:
    _claimed(moto_tables)
    context = _context(moto_tables)
    tx = _Effect(context)
    tx.set_paused(paused=True, now_ms=NOW_MS)
    guard = _claim(tx)

    assert not tx.commit()

    assert guard.lost
    assert context.dynamo.batch_get([(context.tables.runtime_kv, PAUSE_KEY)]) == [None]


def test_a_guard_outlives_its_expiry_in_the_table_and_is_found_by_the_hour_of_it(moto_tables: Engine) -> None:
    _claimed(moto_tables)

    item = _item(moto_tables)

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


def test_a_guard_holds_no_key_that_could_be_used(moto_tables: Engine) -> None:
    key = guard_key("policy_apply", "the-jti")
    tx = GuardTransaction(_context(moto_tables))
    tx.claim_key(key, now_ms=0, expires_at_ms=1, outcome={})
    assert tx.commit()

    assert "the-jti" not in str(_item(moto_tables, key))


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
