"""``ops metrics rebuild``: what it finds, what it mends, and what it leaves to the projector."""

import json
import threading
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.dynamo.tables import Tables
from handshake.metrics.rebuild import Comparison, compare
from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.metrics.world import Acting, Arrival, Delivery, Passing, Rebuild, World
from tests.support.metrics_events import an_event
from tests.support.service import Deployed, post, reported_event

HOUR_KEY = {"pk": {"S": "ROLLUP#hour"}, "sk": {"S": "2026-03-05T14:00:00Z"}}


@pytest.fixture
def world(dynamodb_local: tuple[Any, Tables]) -> World:
    """Forty events of one hour, just appended."""
    client, tables = dynamodb_local
    return World(client, tables, [Arrival(an_event(event_id=f"e-{number}"), after_ms=0) for number in range(40)])


def _compare(world: World) -> Comparison:
    return compare(world.context(Acting()))


def _tamper(world: World, counter: str, by: int) -> None:
    world.client.update_item(
        TableName=world.tables.metrics,
        Key=HOUR_KEY,
        UpdateExpression="ADD #counter :by",
        ExpressionAttributeNames={"#counter": counter},
        ExpressionAttributeValues={":by": {"N": str(by)}},
    )


def _found(comparison: Comparison) -> list[tuple[str, str, int, int, int]]:
    return [
        (found.bucket.size, found.counter, found.stored, found.at_least, found.at_most)
        for found in comparison.differences
    ]


def test_events_that_were_just_appended_are_lag_and_no_difference(world: World) -> None:
    world.play(Delivery(shard=0))

    comparison = _compare(world)

    assert comparison.holds
    assert 0 < comparison.not_yet_folded < comparison.events == 40


@pytest.mark.parametrize(("lag_ms", "least"), [(5 * 60_000, 0), (5 * 60_000 + 1, 40)])
def test_events_that_are_not_folded_after_five_minutes_are_a_difference(world: World, lag_ms: int, least: int) -> None:
    world.play(Passing(lag_ms))

    comparison = _compare(world)

    assert comparison.holds is (least == 0)
    assert (("hour", "events", 0, 40, 40) in _found(comparison)) is (least == 40)


@pytest.mark.parametrize("by", [-1, 1])
def test_a_counter_that_was_changed_is_named_even_while_its_events_are_recent(world: World, by: int) -> None:
    world.finish()

    _tamper(world, "allowed", by)

    assert _found(_compare(world)) == [("hour", "allowed", 40 + by, 40, 40)]


def test_a_roll_up_without_events_is_named_and_removed(world: World) -> None:
    world.finish()
    stray = {"pk": {"S": "ROLLUP#day"}, "sk": {"S": "2026-01-01T00:00:00Z"}, "events": {"N": "3"}}
    world.client.put_item(TableName=world.tables.metrics, Item=stray)

    assert _found(_compare(world)) == [("day", "events", 3, 0, 0)]
    world.play(Rebuild())
    assert _compare(world).differences == []


def test_an_event_that_cannot_be_read_is_reported_by_where_it_is(world: World) -> None:
    world.finish()
    spoilt = {"pk": {"S": "EVENT#3"}, "sk": {"S": "somebody"}, "schema_version": {"S": "v9"}}
    world.client.put_item(TableName=world.tables.metrics, Item=spoilt)

    comparison = _compare(world)

    assert not comparison.holds
    assert comparison.unreadable == ["EVENT#3: not of schema v1"]


def test_rebuilding_mends_and_what_it_counted_is_not_counted_again(world: World) -> None:
    world.play(Delivery(shard=1))
    _tamper(world, "events", -2)
    _tamper(world, "airt_12", 5)

    world.play(Rebuild())
    after = _compare(world)
    world.finish()

    assert (after.differences, after.not_yet_folded) == ([], 0)
    assert _compare(world) == after


def test_nothing_is_folded_while_a_rebuild_has_died_and_another_finishes_it(world: World) -> None:
    world.play(Rebuild(dies_at=5, seen_by_store=True))
    world.play(Delivery(shard=0))
    world.play(Rebuild())
    world.finish()

    comparison = _compare(world)
    assert (comparison.holds, comparison.events, comparison.not_yet_folded) == (True, 40, 0)


@pytest.fixture
def deployed(operated: LocalStack) -> Deployed:
    """The deployed service, with an operator's credentials in the environment."""
    return Deployed.on(operated)


def _rebuild(*words: str) -> tuple[int, Any]:
    answer = CliRunner().invoke(app, ["metrics", "rebuild", "--json", "--stack", STACK_NAME, *words])
    return answer.exit_code, json.loads(answer.stdout)


def _settled() -> tuple[int, Any]:
    """The comparison once the stream has been folded."""
    for _ in range(60):
        code, told = _rebuild()
        if not told["notYetFolded"]:
            return code, told
        threading.Event().wait(0.5)
    raise AssertionError(told)


def test_a_deployed_stack_is_mended_while_traffic_goes_on(deployed: Deployed) -> None:
    for _ in range(5):
        post(deployed, "/metrics/project", reported_event())
    _settled()
    _rebuild("--apply")  # whatever other tests did to this stack
    code, before = _settled()
    assert (code, before["differences"]) == (0, [])

    hours = deployed.dynamodb.query(
        TableName=deployed.tables.metrics,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "ROLLUP#hour"}},
    )["Items"]
    deployed.dynamodb.update_item(
        TableName=deployed.tables.metrics,
        Key={name: hours[-1][name] for name in ("pk", "sk")},
        UpdateExpression="ADD events :many",
        ExpressionAttributeValues={":many": {"N": "1000"}},
    )
    code, tampered = _rebuild()
    assert code == 1
    assert [found["counter"] for found in tampered["differences"]] == ["events"]

    done, sent = threading.Event(), 0

    def traffic() -> None:
        nonlocal sent
        while not done.is_set():
            assert post(deployed, "/metrics/project", reported_event()).status == 200
            sent += 1
            done.wait(0.2)

    caller = threading.Thread(target=traffic)
    caller.start()
    code, applied = _rebuild("--apply")
    done.set()
    caller.join()

    assert (code, applied["projector"]) == (0, "Enabled")
    code, after = _settled()
    assert (code, after["differences"]) == (0, [])
    # More than that where the sweep expired what other tests left to wait.
    assert after["events"] >= before["events"] + sent
    assert sent > 10
