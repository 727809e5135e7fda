"""Migrations under everything that may come between: deaths, rivals, throttling, changed files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from threading import Barrier
from typing import Any

import pytest

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.marshalling import Update
from handshake.release.schema import migration_key, migration_shortfall
from ops.migrations.records import LockedError
from ops.migrations.runner import FOLDER, ChecksumError, apply_pending, migrations_in, survey
from tests.ops.migrations.stored import (
    LONG,
    SHORT,
    TABLES,
    DeathError,
    Mortal,
    World,
    a_request,
    fast,
    old_event,
    slow,
)
from tests.support import engines
from tests.support.metrics_events import DAY_MS
from tests.support.scripted import fault

EVENTS = 5


def _fill(world: World) -> None:
    a_request(world, "long", [LONG, LONG, SHORT])
    a_request(world, "short", [SHORT])
    world.put(world.tables.metrics, [old_event(f"e-{n}", at_ms=world.now_ms + DAY_MS) for n in range(EVENTS)])


def _apply(world: World, client: Any = None, **options: Any) -> list[str]:
    options.setdefault("operator", "ana")
    options.setdefault("throttle", fast())
    return [record.name for record in apply_pending(world.context(client), **options)]


def _shortfalls(world: World) -> set[str]:
    """Give what the release gate finds lacking."""
    found = set()
    for one in migrations_in():
        [record] = world.context().dynamo.batch_get([(world.tables.runtime_kv, migration_key(one.name))])
        found.add(migration_shortfall(record, checksum=one.checksum))
    return found


ALL = [migration.name for migration in migrations_in()]


def test_what_is_applied_is_recorded_as_the_release_gate_wants_it(world: World) -> None:
    assert _shortfalls(world) == {"was not applied"}

    assert _apply(world) == ALL

    assert _shortfalls(world) == {""}
    records = [one.record for one in survey(world.context())]
    assert [(record.applied_by, record.applied_at_ms) for record in records if record] == [("ana", world.now_ms)] * 2


def test_applying_again_changes_nothing(world: World) -> None:
    _fill(world)
    _apply(world)
    before = world.dump()
    world.later()

    assert _apply(world) == []

    assert world.dump() == before


# -- deaths -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seen_by_store", [False, True])
def test_a_run_that_dies_at_any_call_is_finished_by_the_next(
    database: Any, *, seen_by_store: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.migrations.runner.SEGMENTS", 2)
    # Every second call, odd ones where the store has seen it and even ones where it has not.
    at, died = -int(seen_by_store), True
    while died:
        at += 2
        world = World(database, engines.create_tables(database, *TABLES))
        _fill(world)
        mortal = Mortal(database, at=at, seen_by_store=seen_by_store)
        try:
            died = _apply(world, mortal) != ALL
        except DeathError:
            died = True
        world.later()
        _apply(world)

        assert _shortfalls(world) == {""}, at
        assert (world.broken("long"), world.broken("short")) == (None, None), at
        # Events of a time to come are said to have been appended when the first run began, whichever run did it.
        record = survey(world.context())[-1].record
        assert record is not None
        assert {item["appended_at"] for item in world.events().values()} == {record.begun_at_ms}, at
        engines.delete_tables(database, world.tables)
    assert at > 40


@pytest.mark.usefixtures("small_pages")
def test_what_was_done_before_a_death_is_not_done_again(world: World) -> None:
    world.put(world.tables.metrics, [old_event(f"e-{n:03}") for n in range(100)])
    mortal = Mortal(world.client, at=150)
    with pytest.raises(DeathError):
        _apply(world, mortal)
    assert {one.state for one in survey(world.context())} == {"applied", "begun"}
    changed = sum("appended_at" in item for item in world.events().values())
    world.later()
    second = Mortal(world.client)

    _apply(world, second)

    assert 10 < changed < 90
    assert second.calls.count("update_item") == 100 - changed
    # A page is two items: of the pages that the first run finished, the second reads none.
    pages = second.calls.count("scan")
    assert pages < 50 - changed // 2 + 20


# -- rivals -------------------------------------------------------------------------------------------------------


def test_of_operators_who_start_at_once_one_migrates_and_the_others_are_told_who(world: World) -> None:
    _fill(world)
    start = Barrier(8)

    def operate(number: int) -> list[str] | str:
        start.wait()
        try:
            return _apply(world, operator=f"operator-{number}")
        except LockedError as locked:
            return str(locked)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(operate, range(8)))

    winners = [answer for answer in answers if answer == ALL]
    assert len(winners) == 1
    told = [answer for answer in answers if isinstance(answer, str)]
    winner = f"operator-{answers.index(ALL)} is running migrations"
    assert all(message.startswith(winner) for message in told)
    # Who comes when it is over has nothing to do.
    assert len(told) + answers.count([]) == 7


def test_a_dead_operators_lock_holds_until_it_expires(world: World) -> None:
    with pytest.raises(DeathError):
        _apply(world, Mortal(world.client, at=4))

    with pytest.raises(LockedError, match="ana is running migrations"):
        _apply(world, operator="bea")

    world.later()
    assert _apply(world, operator="bea") == ALL


@pytest.mark.usefixtures("small_pages")
def test_an_operator_who_was_asleep_finds_the_lock_lost_and_writes_nothing_more(world: World) -> None:
    _fill(world)
    others: list[list[str]] = []

    def sleep_too_long(_: float) -> None:
        if not others:
            world.later()
            others.append(_apply(world, operator="bea"))
            after.append(world.dump())

    after: list[Any] = []
    throttle, _ = slow(1, meanwhile=sleep_too_long)
    with pytest.raises(LockedError, match="took the lock over"):
        _apply(world, throttle=throttle)

    assert others == [[one for one in ALL if one != "0001_refusal_tallies"]] or others == [ALL]
    assert [world.dump()] == after


def test_a_lock_is_kept_however_long_the_work_takes(world: World) -> None:
    world.put(world.tables.metrics, [old_event(f"e-{n}") for n in range(80)])
    rivals: list[str] = []

    def meanwhile(seconds: float) -> None:
        world.now_ms += round(seconds * 1000)
        with pytest.raises(LockedError) as locked:
            _apply(world, operator="bea")
        rivals.append(str(locked.value))

    throttle, waits = slow(0.2, meanwhile=meanwhile)
    assert _apply(world, throttle=throttle) == ALL

    assert sum(waits) > 300
    assert len(rivals) == len(waits)


# -- throttling ---------------------------------------------------------------------------------------------------


def test_no_more_items_a_second_are_changed_than_asked_for(world: World) -> None:
    world.put(world.tables.metrics, [old_event(f"e-{n}") for n in range(100)])
    throttle, waits = slow(10)
    began = world.now_ms

    _apply(world, throttle=throttle)

    assert 100 / 10 - 1 <= sum(waits) <= 100 / 10
    assert world.now_ms == began


class Throttled:
    """A client whose first ``times`` updates of items are refused with ``code``."""

    def __init__(self, client: Any, code: str, *, times: int) -> None:
        self._client, self._code, self._left = client, code, times

    def __getattr__(self, operation: str) -> Any:
        if operation == "update_item" and self._left > 0:
            self._left -= 1

            def refuse(**_: Any) -> Any:
                raise fault(self._code)

            return refuse
        return getattr(self._client, operation)


def test_a_store_that_throttles_is_given_time_and_then_fewer_items(world: World) -> None:
    world.put(world.tables.metrics, [old_event("e-1")])
    throttle, waits = slow(1000)

    _apply(world, Throttled(world.client, "ProvisionedThroughputExceededException", times=20), throttle=throttle)

    # Eight tries a call, so twenty refusals are two calls that fail and one that gets through.
    assert waits == [1.0, 2.0]
    assert throttle.rate == 250
    assert _shortfalls(world) == {""}


def test_a_store_that_throttles_on_and_on_ends_the_run_which_another_finishes(world: World) -> None:
    world.put(world.tables.metrics, [old_event("e-1")])
    throttle, waits = slow(1000)

    with pytest.raises(StoreUnavailableError):
        _apply(world, Throttled(world.client, "ThrottlingException", times=10**9), throttle=throttle)

    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert _apply(world) == ["0002_appended_at"]


def test_what_the_store_will_never_allow_is_not_waited_for(world: World) -> None:
    world.put(world.tables.metrics, [old_event("e-1")])
    throttle, waits = slow(1000)

    with pytest.raises(StoreUnavailableError):
        _apply(world, Throttled(world.client, "AccessDeniedException", times=1), throttle=throttle)

    assert waits == []


# -- large tables -------------------------------------------------------------------------------------------------


def test_a_large_table_is_brought_up_in_segments_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.migrations.work._PAGE", 50)
    world.put(world.tables.metrics, [old_event(f"e-{n}") for n in range(400)])
    client = Mortal(world.client)

    _apply(world, client)

    assert all("appended_at" in item for item in world.events().values())
    assert client.calls.count("update_item") == 400
    record = survey(world.context())[-1].record
    assert record is not None
    assert (record.changed, record.segments) == (400, 4)
    assert client.calls.count("scan") >= 400 / 50


# -- changed files ------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to be changed."""
    return Path(copytree(FOLDER, tmp_path / "migrations"))


def test_a_migration_that_was_changed_after_it_was_applied_stops_everything(world: World, folder: Path) -> None:
    _apply(world)
    (folder / "0003_another.py").write_text("")
    changed = folder / "0001_refusal_tallies.py"
    changed.write_text(changed.read_text() + "\n")
    before = world.dump()

    with pytest.raises(ChecksumError, match=r"migrations/0001_refusal_tallies\.py was changed after it was applied"):
        _apply(world, folder=folder)

    assert world.dump() == before


# As the release before modules were moved recorded them: only imports have changed since.
RECORDED_BEFORE = {
    "0001_refusal_tallies": "96311bd7739f6986fb326406a8869946e1fd1717fb841872d0637c67c6f05568",
    "0002_appended_at": "a44364dbd69b02ff85d7b8adfd9420bb9bccf90f2e8d075fbc8f0689406d92f8",
}


def test_a_migration_that_an_earlier_release_applied_stays_applied_though_its_imports_moved(world: World) -> None:
    _apply(world)
    for name, checksum in RECORDED_BEFORE.items():
        world.context().dynamo.write(
            Update(world.tables.runtime_kv, migration_key(name), "SET checksum = :earlier", {":earlier": checksum})
        )

    assert _apply(world) == []
    assert _shortfalls(world) == {""}


def test_a_migration_that_was_changed_after_it_was_begun_stops_too(world: World, folder: Path) -> None:
    with pytest.raises(DeathError):
        _apply(world, Mortal(world.client, at=5))
    world.later()
    changed = folder / "0001_refusal_tallies.py"
    changed.write_text(changed.read_text() + "\n")

    with pytest.raises(ChecksumError, match="was changed after it was begun"):
        _apply(world, folder=folder)


def test_a_checkout_older_than_the_stack_is_refused(world: World, folder: Path) -> None:
    _apply(world)
    (folder / "0002_appended_at.py").unlink()

    with pytest.raises(ChecksumError, match="this stack has 0002_appended_at, which this checkout lacks"):
        _apply(world, folder=folder)
