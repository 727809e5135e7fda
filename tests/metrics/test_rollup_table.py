"""Where roll-ups and checkpoints are kept."""

from collections import Counter
from typing import Any

import pytest

from handshake.dynamo.client import ConditionFailedError, Dynamo
from handshake.dynamo.sharding import Lane
from handshake.dynamo.tables import Tables
from handshake.metrics.query import WINDOWS
from handshake.metrics.rollup import Bucket, RollUp, merged, roll_up
from handshake.metrics.rollup_table import (
    Checkpoint,
    add,
    hold,
    keep_hold,
    move_checkpoint,
    read_all_rollups,
    read_checkpoints,
    read_rollups,
    release,
    replace,
)
from tests.support.metrics_events import DAY_MS, HOUR_MS, NOW_MS, an_event

LANE = Lane("2026-03-05T00:00:00.000", "7")
HOUR = Bucket.holding("hour", NOW_MS)


@pytest.fixture
def dynamo(moto_tables: tuple[Any, Tables]) -> Dynamo:
    return Dynamo(moto_tables[0], clock=lambda: 0.0)


@pytest.fixture
def table(moto_tables: tuple[Any, Tables]) -> str:
    return moto_tables[1].metrics


def test_roll_ups_add_up_and_come_back_as_they_were(dynamo: Dynamo, table: str) -> None:
    first = roll_up([an_event(incident_detected_ms=0, terminal_decision_ms=5000)])[HOUR]
    second = roll_up([an_event(decision="deny", reason_code="security_token_invalid")])[HOUR]

    dynamo.write(add(table, HOUR, first))
    dynamo.write(add(table, HOUR, second))

    assert read_rollups(dynamo, table, [HOUR]) == [merged([first, second])]


def test_buckets_without_events_are_empty_and_neighbours_are_left_out(dynamo: Dynamo, table: str) -> None:
    buckets = WINDOWS["24h"].buckets("hour", now_ms=NOW_MS)
    just_outside = [Bucket("hour", buckets[0].start_ms - HOUR_MS), Bucket("hour", buckets[-1].start_ms + HOUR_MS)]
    for number, bucket in enumerate([buckets[0], buckets[-1], *just_outside, Bucket("day", NOW_MS - NOW_MS % DAY_MS)]):
        dynamo.write(add(table, bucket, Counter({"events": number + 1})))

    read = read_rollups(dynamo, table, buckets)

    assert read == [Counter(events=1), *[RollUp()] * 22, Counter(events=2)]


def test_a_read_is_one_query_however_long_the_window(dynamo: Dynamo, table: str) -> None:
    dynamo.begin()

    read_rollups(dynamo, table, WINDOWS["30d"].buckets("hour", now_ms=NOW_MS))

    assert dynamo.calls == 1


def test_roll_ups_bear_their_schema_version(dynamo: Dynamo, table: str, moto_tables: tuple[Any, Tables]) -> None:
    dynamo.write(add(table, HOUR, Counter(events=1)))

    key = {"pk": {"S": "ROLLUP#hour"}, "sk": {"S": "2026-03-05T14:00:00Z"}}
    item = moto_tables[0].get_item(TableName=table, Key=key)["Item"]
    assert item == {**key, "schema_version": {"S": "v1"}, "events": {"N": "1"}}


def test_all_roll_ups_are_read_whatever_their_size_and_time(dynamo: Dynamo, table: str) -> None:
    rollups = roll_up(
        an_event(
            event_id=str(number), timestamp_ms=number * 20 * DAY_MS, incident_detected_ms=0, terminal_decision_ms=7
        )
        for number in range(5)
    )
    dynamo.write(*(add(table, bucket, rollup) for bucket, rollup in rollups.items()))
    dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint(), to="5"))

    assert read_all_rollups(dynamo, table) == rollups


def test_a_replaced_roll_up_holds_what_it_is_given_and_nothing_else(dynamo: Dynamo, table: str) -> None:
    dynamo.write(add(table, HOUR, Counter(events=3, denied=2, airt_7=1)))

    dynamo.write(replace(table, HOUR, Counter(events=1)))
    assert read_all_rollups(dynamo, table) == {HOUR: Counter(events=1)}

    dynamo.write(replace(table, HOUR, Counter()))
    assert read_all_rollups(dynamo, table) == {}


def test_a_lane_that_was_never_counted_has_the_lowest_checkpoint(dynamo: Dynamo, table: str) -> None:
    assert read_checkpoints(dynamo, table, [LANE]) == {LANE: Checkpoint("", 0, "")}


def test_checkpoints_are_kept_apart_by_lane_and_by_stream(dynamo: Dynamo, table: str) -> None:
    others = [LANE._replace(partition="8"), LANE._replace(stream="after-a-restore")]

    dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint(), to="5"))

    read = read_checkpoints(dynamo, table, [LANE, *others])
    assert read == {LANE: Checkpoint("5"), others[0]: Checkpoint(), others[1]: Checkpoint()}


@pytest.mark.parametrize("seen", [Checkpoint(), Checkpoint("4"), Checkpoint("5", counted_before_ms=1)])
def test_a_checkpoint_moves_only_from_where_it_was_seen(dynamo: Dynamo, table: str, seen: Checkpoint) -> None:
    dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint(), to="4"))
    dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint("4"), to="5"))

    with pytest.raises(ConditionFailedError):
        dynamo.write(move_checkpoint(table, LANE, seen=seen, to="9"))

    assert read_checkpoints(dynamo, table, [LANE]) == {LANE: Checkpoint("5")}


def test_no_checkpoint_of_a_held_stream_moves_and_those_of_others_do(dynamo: Dynamo, table: str) -> None:
    dynamo.write(*hold(table, LANE.stream, by="me"))
    [held] = read_checkpoints(dynamo, table, [LANE]).values()

    with pytest.raises(ConditionFailedError):
        dynamo.write(move_checkpoint(table, LANE, seen=held, to="9"))

    assert held == Checkpoint(held_by="me")
    dynamo.write(move_checkpoint(table, LANE._replace(stream="another"), seen=Checkpoint(), to="9"))


def test_a_released_checkpoint_moves_from_where_it_stood_once_it_is_seen_anew(dynamo: Dynamo, table: str) -> None:
    dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint(), to="4"))
    dynamo.write(*hold(table, LANE.stream, by="me"))
    dynamo.write(*release(table, LANE.stream, by="me", counted_before_ms=NOW_MS))

    with pytest.raises(ConditionFailedError):
        dynamo.write(move_checkpoint(table, LANE, seen=Checkpoint("4"), to="9"))

    [released] = read_checkpoints(dynamo, table, [LANE]).values()
    assert released == Checkpoint("4", counted_before_ms=NOW_MS)
    dynamo.write(move_checkpoint(table, LANE, seen=released, to="9"))


def test_a_hold_that_was_taken_over_neither_lasts_nor_ends(dynamo: Dynamo, table: str) -> None:
    dynamo.write(*hold(table, LANE.stream, by="me"))
    dynamo.write(keep_hold(table, LANE.stream, by="me"))
    dynamo.write(*hold(table, LANE.stream, by="another"))

    with pytest.raises(ConditionFailedError):
        dynamo.write(keep_hold(table, LANE.stream, by="me"))
    with pytest.raises(ConditionFailedError):
        dynamo.write(*release(table, LANE.stream, by="me", counted_before_ms=NOW_MS))

    assert read_checkpoints(dynamo, table, [LANE]) == {LANE: Checkpoint(held_by="another")}
