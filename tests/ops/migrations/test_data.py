"""Tests what each migration does to what earlier releases stored."""

import pytest

from handshake.metrics.event_stream import StoredEvent, read_stream, stored_events
from handshake.requests import table as requests
from handshake.requests.evidence import Chain, Entry, refusal_event
from ops.migrations.runner import apply_pending, migrations_in, plan, survey
from ops.migrations.work import Reader, Worker
from tests.ops.migrations.stored import LONG, SHORT, World, a_request, fast, old_event, refuse
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.metrics_stream import records_of


def _apply(world: World) -> dict[str, int]:
    """Apply all; by migration, how many items changed."""
    done = apply_pending(world.context(), operator="ana", throttle=fast())
    return {record.name: record.changed for record in done}


# -- 0001_refusal_tallies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [[LONG], [LONG] * 3, [LONG, LONG, SHORT], [LONG, SHORT, SHORT, SHORT]])
def test_a_sum_with_long_shares_no_longer_looks_like_tampering(world: World, shares: list[int]) -> None:
    a_request(world, "req-1", shares)
    assert world.broken("req-1") == "a refused action is not as it was when it was counted"

    assert _apply(world)["0001_refusal_tallies"] == 1

    assert world.broken("req-1") is None


def test_a_sum_of_short_shares_stays_as_it_is(world: World) -> None:
    a_request(world, "req-1", [SHORT, SHORT])
    before = world.dump("workflow")

    assert _apply(world)["0001_refusal_tallies"] == 0

    assert world.dump("workflow") == before


def test_a_request_that_was_tampered_with_stays_as_it_is(world: World) -> None:
    refused = a_request(world, "req-1", [LONG, LONG])
    world.client.update_item(
        TableName=world.tables.workflow,
        Key={"pk": {"S": "REQ#req-1"}, "sk": {"S": f"REF#{refused[0].timestamp_ms}#{refused[0].event_id}"}},
        UpdateExpression="SET reason_code = :other",
        ExpressionAttributeValues={":other": {"S": "another"}},
    )
    before = world.dump("workflow")

    assert _apply(world)["0001_refusal_tallies"] == 0

    assert world.dump("workflow") == before
    assert world.broken("req-1") is not None


def test_an_action_refused_while_its_request_is_brought_up_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_request(world, "req-1", [LONG])
    late = refusal_event(
        Chain(), "req-1", Entry("x", "audit", {"actor": "somebody"}), event_id="late", now_ms=NOW_MS + 50
    )
    bring_up, waiting = Worker._bring_up, [late]

    def with_a_refusal_after_the_read(worker: Worker, item: object, change: object) -> bool:
        def changes(given: object) -> object:
            update = change(given)  # type: ignore[operator]
            while waiting:
                refuse(world, waiting.pop(), digits=SHORT)
            return update

        return bring_up(worker, item, changes)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "_bring_up", with_a_refusal_after_the_read)

    assert _apply(world)["0001_refusal_tallies"] == 1

    assert world.broken("req-1") is None
    _, events = requests.split_partition(
        requests.read_partition(world.context().dynamo, world.tables.workflow, "req-1")
    )
    assert late in events


# -- 0002_appended_at ---------------------------------------------------------------------------------------------


def test_an_event_is_said_to_have_been_appended_when_it_happened_and_not_after_the_migration(world: World) -> None:
    world.put(world.tables.metrics, [old_event("past", at_ms=NOW_MS - 5), old_event("future", at_ms=NOW_MS + 5)])

    assert _apply(world)["0002_appended_at"] == 2

    assert {name: item["appended_at"] for name, item in world.events().items()} == {
        "past": NOW_MS - 5,
        "future": NOW_MS,
    }


def test_events_that_say_it_and_other_items_of_the_table_stay_as_they_are(world: World) -> None:
    said = old_event("said") | {"appended_at": 7, "correlation_id": "call-1"}
    rollup = {"pk": "ROLLUP#hour", "sk": "2026-03-05T14:00:00+00:00", "schema_version": "v1", "events": 1}
    world.put(world.tables.metrics, [said, rollup])
    before = world.dump("metrics")

    assert _apply(world)["0002_appended_at"] == 0

    assert world.dump("metrics") == before


def test_a_brought_up_event_is_still_the_event_it_was(world: World) -> None:
    world.put(world.tables.metrics, [old_event("e-1")])
    before = list(stored_events(world.context().dynamo, world.tables.metrics))
    _apply(world)

    [found] = stored_events(world.context().dynamo, world.tables.metrics)

    assert isinstance(found, StoredEvent)
    assert [found._replace(appended_at_ms=0)] == before


def test_an_event_deleted_meanwhile_does_not_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(world.tables.metrics, [old_event("e-1")])
    bring_up = Worker._bring_up

    def after_a_deletion(worker: Worker, item: dict[str, str], change: object) -> bool:
        key = {name: {"S": item[name]} for name in ("pk", "sk")}
        world.client.delete_item(TableName=world.tables.metrics, Key=key)
        return bring_up(worker, item, change)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "_bring_up", after_a_deletion)

    assert _apply(world)["0002_appended_at"] == 0

    assert world.dump("metrics")["metrics"] == []


def test_the_change_of_an_event_is_not_an_event_to_the_projector() -> None:
    [record] = records_of([an_event()])

    assert [streamed.event for streamed in read_stream([record])] == [an_event()]
    assert read_stream([record | {"eventName": "MODIFY"}]) == []


# -- plans --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
def test_a_plan_counts_exactly_what_applying_then_changes_and_changes_nothing(world: World) -> None:
    a_request(world, "long", [LONG] * 2)
    a_request(world, "short", [SHORT] * 2)
    a_request(world, "none", [])
    world.put(world.tables.metrics, [old_event(f"e-{n}") for n in range(7)])
    before = world.dump()

    plans = {one.migration.name: plan(world.context(), one).items for one in survey(world.context())}

    assert plans == {"0001_refusal_tallies": 1, "0002_appended_at": 7}
    assert world.dump() == before
    assert _apply(world) == plans


def test_every_migration_says_what_it_does_and_why() -> None:
    modules = [migration.load() for migration in migrations_in()]

    assert modules
    for module in modules:
        assert len(module.__doc__ or "") > 200
        assert module.plan.__annotations__["reader"] is Reader
        assert module.apply.__annotations__["worker"] is Worker
