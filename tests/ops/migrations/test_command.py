"""``python -m ops migrate`` on the deployed stack, and what it means to the stream behind the metrics table."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.dynamo.marshalling import unmarshal
from handshake.release.schema import migration_key, migration_shortfall
from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from ops.migrations.runner import migrations_in
from tests.ops.migrations.stored import World, old_event
from tests.support.service import Deployed, unique

# An hour in which nothing else happened.
AT_MS = 1_583_416_800_000  # 2020-03-05T14:00:00Z
NAMES = [migration.name for migration in migrations_in()]


@pytest.fixture
def world(operated: LocalStack) -> Iterator[World]:
    """The deployed tables, as if nothing had been migrated or rebuilt, and an operator in the environment."""
    service = Deployed.on(operated)
    for name in NAMES:
        _forget(service, name)
    _forget_rebuilds(service)
    yield World(service.dynamodb, service.tables)
    assert _migrate("--apply")[0] == 0


def _forget(service: Any, name: str) -> None:
    service.dynamodb.delete_item(
        TableName=service.tables.runtime_kv, Key={"kv_key": {"S": migration_key(name)["kv_key"]}}
    )


def _forget_rebuilds(service: Any) -> None:
    """A rebuild has counted whatever does not say when it was appended, so the projector would pass it over."""
    pages = service.dynamodb.get_paginator("scan").paginate(
        TableName=service.tables.metrics,
        FilterExpression="begins_with(pk, :checkpoint)",
        ExpressionAttributeValues={":checkpoint": {"S": "CHECKPOINT#"}},
    )
    for item in (item for page in pages for item in page["Items"]):
        service.dynamodb.update_item(
            TableName=service.tables.metrics,
            Key={name: item[name] for name in ("pk", "sk")},
            UpdateExpression="REMOVE counted_before",
        )


def _migrate(*words: str) -> tuple[int, Any]:
    answer = CliRunner().invoke(app, ["migrate", *words, "--json", "--stack", STACK_NAME])
    return answer.exit_code, json.loads(answer.stdout) if answer.stdout else answer.stderr


def _gate_lacks(world: World) -> list[str]:
    """Give what the release gate finds lacking in each migration's record."""
    return [
        migration_shortfall(
            world.context().dynamo.batch_get([(world.tables.runtime_kv, migration_key(one.name))])[0],
            checksum=one.checksum,
        )
        for one in migrations_in()
    ]


def _wait_for_events(world: World, count: int) -> dict[str, Any]:
    """The roll-up of the hour, once it counts so many events."""
    key = {"pk": {"S": "ROLLUP#hour"}, "sk": {"S": "2020-03-05T14:00:00Z"}}
    deadline = time.monotonic() + 240  # behind whatever else the stream holds
    while True:
        found = world.client.get_item(TableName=world.tables.metrics, Key=key, ConsistentRead=True).get("Item")
        rollup = unmarshal(found) if found else {}
        if rollup.get("events", 0) >= count:
            return rollup
        assert time.monotonic() < deadline, rollup
        time.sleep(0.2)


@pytest.mark.timeout(600)
def test_the_command_plans_applies_and_has_nothing_left_and_changed_events_are_not_counted_again(world: World) -> None:
    ids = [unique("event") for _ in range(3)]
    world.put(world.tables.metrics, [old_event(name, at_ms=AT_MS) for name in ids])
    before = _wait_for_events(world, 3)

    code, planned = _migrate()
    assert code == 3
    assert [one["migration"] for one in planned["pending"]] == NAMES
    assert planned["pending"][1]["items"] >= 3
    assert all("appended_at" not in world.events()[name] for name in ids)

    code, done = _migrate("--apply", "--rate", "1000")
    assert code == 0
    assert [one["migration"] for one in done["applied"]] == NAMES
    assert {world.events()[name]["appended_at"] for name in ids} == {AT_MS}
    assert _migrate() == (0, {"applied": done["applied"], "pending": []})
    assert _gate_lacks(world) == [""] * len(NAMES)

    # The stream delivers in order: once a later event of each shard is counted, the changes have been seen.
    later = [unique("event") for _ in range(100)]
    world.put(world.tables.metrics, [old_event(name, at_ms=AT_MS) for name in later])
    after = _wait_for_events(world, before["events"] + len(later))
    assert after["events"] == before["events"] + len(later)


def test_a_recorded_checksum_that_is_not_the_files_ends_with_five_and_names_the_file(world: World) -> None:
    assert _migrate("--apply")[0] == 0
    world.client.update_item(
        TableName=world.tables.runtime_kv,
        Key={"kv_key": {"S": migration_key(NAMES[0])["kv_key"]}},
        UpdateExpression="SET checksum = :other",
        ExpressionAttributeValues={":other": {"S": "0" * 64}},
    )

    code, said = _migrate("--apply")

    assert code == 5
    assert f"migrations/{NAMES[0]}.py was changed after it was applied" in " ".join(said.split())
    world.client.delete_item(
        TableName=world.tables.runtime_kv, Key={"kv_key": {"S": migration_key(NAMES[0])["kv_key"]}}
    )


def test_while_somebody_else_migrates_the_command_ends_with_four(world: World) -> None:
    lock = {"kv_key": {"S": "lock#migrations"}}
    held = {"run_id": {"S": "another"}, "operator": {"S": "bea"}, "expires_at": {"N": str(10**14)}}
    world.client.put_item(TableName=world.tables.runtime_kv, Item=lock | held)
    try:
        code, said = _migrate("--apply")
    finally:
        world.client.delete_item(TableName=world.tables.runtime_kv, Key=lock)

    assert code == 4
    assert "bea is running migrations" in said


@pytest.mark.usefixtures("world")
def test_a_rate_of_nothing_is_a_usage_error_and_an_unknown_stack_a_failure() -> None:
    assert CliRunner().invoke(app, ["migrate", "--rate", "0"]).exit_code == 2
    assert CliRunner().invoke(app, ["migrate", "--stack", "no-such-stack"]).exit_code == 69
