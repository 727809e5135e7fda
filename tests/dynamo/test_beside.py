"""What is read beside the first read of an invocation: before anything else counts, and in no call of its own."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Put
from tests.conftest import Engine
from tests.support.clients import FAULTS, Counting, Failing

GUARD: Final = {"pk": "PERSON#somebody", "sk": "RECORD"}
KEY: Final = {"pk": "REQ#r", "sk": "STATE"}


class RefusedError(Exception):
    """The item says that the invocation must not go on."""


def refuse(_item: Item | None) -> None:
    raise RefusedError


def _tables(engine: Engine) -> tuple[Counting, str, str]:
    client, tables = engine
    client.put_item(TableName=tables.policy, Item={name: {"S": value} for name, value in GUARD.items()})
    return Counting(client), tables.policy, tables.workflow


def test_it_is_one_more_key_of_the_first_read_and_of_no_other(moto_tables: Engine) -> None:
    client, policy, workflow = _tables(moto_tables)
    dynamo = Dynamo(client)
    seen: list[Item | None] = []
    dynamo.read_beside(policy, GUARD, seen.append)

    assert dynamo.batch_get([(workflow, KEY)]) == [None]
    assert dynamo.batch_get([(workflow, KEY)]) == [None]
    dynamo.settle()
    assert seen == [GUARD]
    assert client.operations == ["batch_get_item"] * 2


@pytest.mark.parametrize(
    "use",
    [
        lambda dynamo, table: dynamo.batch_get([(table, KEY)]),
        lambda dynamo, table: dynamo.query(table, "pk = :pk", {":pk": "x"}),
        lambda dynamo, table: list(dynamo.scan(table, "pk = :pk", {":pk": "x"})),
        lambda dynamo, table: dynamo.write(Put(table, dict(KEY))),
        lambda dynamo, table: dynamo.delete_each(table, "pk = ? AND sk = ?", [["x", "y"]]),
        lambda dynamo, _: dynamo.settle(),
        lambda dynamo, table: dynamo.within(1).batch_get([(table, KEY)]),
    ],
    ids=["read", "query", "scan", "write", "delete", "settle", "within"],
)
def test_whatever_comes_first_does_not_happen_where_it_refuses(
    moto_tables: Engine, use: Callable[[Dynamo, str], Any]
) -> None:
    client, policy, workflow = _tables(moto_tables)
    dynamo = Dynamo(client)
    dynamo.read_beside(policy, GUARD, refuse)

    with pytest.raises(RefusedError):
        use(dynamo, workflow)

    assert client.operations == ["batch_get_item"]
    assert client.client.scan(TableName=workflow)["Count"] == 0


def test_where_it_cannot_be_read_nothing_goes_on(moto_tables: Engine) -> None:
    client, policy, workflow = _tables(moto_tables)
    failing = Failing(client, FAULTS["no answer"], operations=["batch_get_item"])
    dynamo = Dynamo(failing, pause=lambda _: None)
    dynamo.read_beside(policy, GUARD, lambda _: None)

    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            dynamo.write(Put(workflow, dict(KEY)))
    assert "put_item" not in client.operations
