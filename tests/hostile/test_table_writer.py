"""Whoever can write the tables changes nothing unseen but what is listed: attacks, and what verification says."""

import json
import os
from collections import Counter
from itertools import islice
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.dynamo.marshalling import marshal
from handshake.dynamo.tables import Tables
from ops.commands.app import app
from tests.conftest import Engine
from tests.hostile.table_writer import KINDS, attacks, changed, verify
from tests.support import engines
from tests.support.operated import operated
from tests.support.service import InProcess
from tests.support.worlds import Items, Stored, a_world

# `make faults` makes ten thousand, in `python -m tests.hostile.table_writer`.
IN_MEMORY = 4 * len(KINDS)
ON_THE_ENGINE = int(os.environ.get("HANDSHAKE_ATTACKS_ON_ENGINE", "60"))

# A hang and no busy machine: verification reads all of the world after each attack.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def world(dynamodb_local_endpoint: str) -> Stored:
    """Give what this release stored on top of the one before it."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return a_world(client, engines.create_tables(client))


def test_what_nobody_touched_holds_and_so_does_what_the_release_before_stored(world: Stored) -> None:
    assert verify(world) == []
    assert verify(Stored(world.history[0])) == []


def test_nothing_that_a_table_writer_does_goes_unseen_but_what_is_listed(world: Stored) -> None:
    unseen = [
        (kind, changed(world, stored))
        for kind, stored in islice(attacks(world, seed=13), IN_MEMORY)
        if not verify(stored)
    ]

    assert [(kind.name, what) for kind, what in unseen if not kind.residual] == []


def test_a_kind_that_is_listed_as_residual_does_go_unseen(world: Stored) -> None:
    """A list that claims too little would let a kind rot that verification sees."""
    made = list(islice(attacks(world, seed=5), IN_MEMORY))
    unseen = Counter(kind.name for kind, stored in made if kind.residual and not verify(stored))

    assert unseen.keys() == {kind.name for kind, _ in made if kind.residual}


@pytest.mark.timeout(60 + ON_THE_ENGINE)
def test_on_a_real_store_the_command_names_what_was_attacked_and_nothing_once_it_is_put_right(
    dynamodb_local: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, tables = dynamodb_local
    operated(InProcess(client, tables), monkeypatch)
    world = a_world(client, tables)
    made = [(kind, stored) for kind, stored in islice(attacks(world, seed=7), 2 * ON_THE_ENGINE) if not kind.residual]

    for kind, stored in made[:ON_THE_ENGINE]:
        _write(client, tables, world.items, stored.items)
        verified = CliRunner().invoke(app, ["evidence", "verify", "--json"])
        assert verified.exit_code == 1, (kind.name, changed(world, stored), verified.output)
        assert json.loads(verified.stdout)["broken"]
        _write(client, tables, stored.items, world.items)

    assert CliRunner().invoke(app, ["evidence", "verify"]).exit_code == 0


def _write(client: Any, tables: Tables, before: Items, after: Items) -> None:
    """Have the tables hold ``after`` where they hold ``before``."""
    for place in before.keys() - after.keys():
        key = {
            name: {"S": before[place][name]} for name in ("pk", "sk", "guard_key", "kv_key") if name in before[place]
        }
        client.delete_item(TableName=getattr(tables, place.table), Key=key)
    for place, item in after.items():
        if before.get(place) != item:
            client.put_item(TableName=getattr(tables, place.table), Item=marshal(item))
