"""Tests where roll-ups and checkpoints are kept."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.sharding import Shard
from handshake.dynamo.tables import Tables
from handshake.metrics.query import WINDOWS
from handshake.metrics.rollup import Bucket, RollUp, merged, roll_up
from handshake.metrics.rollup_table import (
    Checkpoint,
    RollupTransaction,
    read_all_rollups,
    read_rollups,
    read_standing,
)
from tests.support.metrics_events import DAY_MS, HOUR_MS, NOW_MS, an_event

SHARD = Shard("2026-03-05T00:00:00.000", "7")
HOUR = Bucket.holding("hour", NOW_MS)


@pytest.fixture
def context(moto_tables: tuple[Any, Tables]) -> Context:
    client, tables = moto_tables
    return Context(Dynamo(client, clock=lambda: 0.0), tables, lambda: NOW_MS, lambda: "id")


@pytest.fixture
def dynamo(context: Context) -> Dynamo:
    return context.dynamo


@pytest.fixture
def table(context: Context) -> str:
    return context.tables.metrics


def _wrote(context: Context, *steps: Callable[[RollupTransaction], None]) -> bool:
    """Say whether ``steps`` were written, as one transaction."""
    tx = RollupTransaction(context)
    for step in steps:
        step(tx)
    return tx.commit()


def test_roll_ups_add_up_and_come_back_as_they_were(context: Context, dynamo: Dynamo, table: str) -> None:
    first = roll_up([an_event(incident_detected_ms=0, terminal_decision_ms=5000)])[HOUR]
    second = roll_up([an_event(decision="deny", reason_code="security_token_invalid")])[HOUR]

    assert _wrote(context, lambda tx: tx.add_rollup(HOUR, first))
    assert _wrote(context, lambda tx: tx.add_rollup(HOUR, second))

    assert read_rollups(dynamo, table, [HOUR]) == [merged([first, second])]


def test_buckets_without_events_are_empty_and_neighbours_are_left_out(
    context: Context, dynamo: Dynamo, table: str
) -> None:
    buckets = WINDOWS["24h"].buckets("hour", now_ms=NOW_MS)
    just_outside = [Bucket("hour", buckets[0].start_ms - HOUR_MS), Bucket("hour", buckets[-1].start_ms + HOUR_MS)]
    for number, bucket in enumerate([buckets[0], buckets[-1], *just_outside, Bucket("day", NOW_MS - NOW_MS % DAY_MS)]):
        rollup = Counter(events=number + 1)
        assert _wrote(context, partial(RollupTransaction.add_rollup, bucket=bucket, rollup=rollup))

    read = read_rollups(dynamo, table, buckets)

    assert read == [Counter(events=1), *[RollUp()] * 22, Counter(events=2)]


def test_a_read_is_one_query_however_long_the_window(dynamo: Dynamo, table: str) -> None:
    read_rollups(dynamo, table, WINDOWS["30d"].buckets("hour", now_ms=NOW_MS))

    assert dynamo.calls == ["query"]


def test_roll_ups_bear_their_schema_version(context: Context, table: str, moto_tables: tuple[Any, Tables]) -> None:
    assert _wrote(context, lambda tx: tx.add_rollup(HOUR, Counter(events=1)))

    key = {"pk": {"S": "ROLLUP#hour"}, "sk": {"S": "2026-03-05T14:00:00Z"}}
    item = moto_tables[0].get_item(TableName=table, Key=key)["Item"]
    assert item == {**key, "schema_version": {"S": "v1"}, "events": {"N": "1"}}


def test_all_roll_ups_are_read_whatever_their_size_and_time(context: Context, dynamo: Dynamo, table: str) -> None:
    rollups = roll_up(
        an_event(
            event_id=str(number), timestamp_ms=number * 20 * DAY_MS, incident_detected_ms=0, terminal_decision_ms=7
        )
        for number in range(5)
    )
    assert _wrote(
        context,
        *(partial(RollupTransaction.add_rollup, bucket=bucket, rollup=rollup) for bucket, rollup in rollups.items()),
    )
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint(), to="5"))

    assert read_all_rollups(dynamo, table) == rollups


def test_a_replaced_roll_up_holds_what_it_is_given_and_nothing_else(
    context: Context, dynamo: Dynamo, table: str
) -> None:
    assert _wrote(context, lambda tx: tx.add_rollup(HOUR, Counter(events=3, denied=2, airt_7=1)))

    assert _wrote(context, lambda tx: tx.replace_rollup(HOUR, Counter(events=1)))
    assert read_all_rollups(dynamo, table) == {HOUR: Counter(events=1)}

    assert _wrote(context, lambda tx: tx.replace_rollup(HOUR, Counter()))
    assert read_all_rollups(dynamo, table) == {}


def test_a_shard_that_was_never_counted_has_the_lowest_checkpoint(dynamo: Dynamo, table: str) -> None:
    assert read_standing(dynamo, table, [SHARD], [])[0] == {SHARD: Checkpoint("", 0, "")}


def test_checkpoints_are_kept_apart_by_shard_and_by_stream(context: Context, dynamo: Dynamo, table: str) -> None:
    others = [SHARD._replace(partition="8"), SHARD._replace(stream="after-a-restore")]

    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint(), to="5"))

    read = read_standing(dynamo, table, [SHARD, *others], [])[0]
    assert read == {SHARD: Checkpoint("5"), others[0]: Checkpoint(), others[1]: Checkpoint()}


@pytest.mark.parametrize("seen", [Checkpoint(), Checkpoint("4"), Checkpoint("5", counted_before_ms=1)])
def test_a_checkpoint_moves_only_from_where_it_was_seen(
    context: Context, dynamo: Dynamo, table: str, seen: Checkpoint
) -> None:
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint(), to="4"))
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint("4"), to="5"))

    assert not _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=seen, to="9"))

    assert read_standing(dynamo, table, [SHARD], [])[0] == {SHARD: Checkpoint("5")}


def test_no_checkpoint_of_a_held_stream_moves_and_those_of_others_do(
    context: Context, dynamo: Dynamo, table: str
) -> None:
    assert _wrote(context, lambda tx: tx.hold(SHARD.stream, by="me"))
    [held] = read_standing(dynamo, table, [SHARD], [])[0].values()

    assert not _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=held, to="9"))

    assert held == Checkpoint(held_by="me")
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD._replace(stream="another"), seen=Checkpoint(), to="9"))


def test_a_released_checkpoint_moves_from_where_it_stood_once_it_is_seen_anew(
    context: Context, dynamo: Dynamo, table: str
) -> None:
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint(), to="4"))
    assert _wrote(context, lambda tx: tx.hold(SHARD.stream, by="me"))
    assert _wrote(context, lambda tx: tx.release(SHARD.stream, by="me", counted_before_ms=NOW_MS))

    assert not _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=Checkpoint("4"), to="9"))

    [released] = read_standing(dynamo, table, [SHARD], [])[0].values()
    assert released == Checkpoint("4", counted_before_ms=NOW_MS)
    assert _wrote(context, lambda tx: tx.move_checkpoint(SHARD, seen=released, to="9"))


def test_a_hold_that_was_taken_over_neither_lasts_nor_ends(context: Context, dynamo: Dynamo, table: str) -> None:
    assert _wrote(context, lambda tx: tx.hold(SHARD.stream, by="me"))
    assert _wrote(context, lambda tx: tx.keep_hold(SHARD.stream, by="me"))
    assert _wrote(context, lambda tx: tx.hold(SHARD.stream, by="another"))

    assert not _wrote(context, lambda tx: tx.keep_hold(SHARD.stream, by="me"))
    assert not _wrote(context, lambda tx: tx.release(SHARD.stream, by="me", counted_before_ms=NOW_MS))

    assert read_standing(dynamo, table, [SHARD], [])[0] == {SHARD: Checkpoint(held_by="another")}
