"""Transactions: all that was added is written or nothing is, and each step says what it lost to."""

import pytest
from botocore.exceptions import ReadTimeoutError

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Put, Update
from handshake.dynamo.tables import Tables
from handshake.dynamo.transaction import Step, Transaction
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.scripted import Scripted, cancelled
from tests.support.workflow_requests import unhurried

NO_TABLES = Tables(workflow="w", policy="p", metrics="m", replay_guards="g", runtime_kv="k")


class Notes(Transaction):
    """Notes in the policy table, for a transaction of a room."""

    def take(self, name: str, *, by: str) -> Step[str]:
        """Take a note, if nobody did; by whom it was taken instead is found."""
        put = Put(self._context.tables.policy, _key(name) | {"by": by}, condition="attribute_not_exists(pk)")
        return self._add(put, _by)

    def count(self, name: str) -> Step[str]:
        """Count a note that is there."""
        table = self._context.tables.policy
        return self._add(Update(table, _key(name), "ADD n :one", {":one": 1}, condition="attribute_exists(pk)"), _by)


def _key(name: str) -> dict[str, str]:
    return {"pk": name, "sk": "note"}


def _by(item: Item | None) -> str:
    return str(item["by"]) if item else "nobody"


def _context(dynamo: Dynamo, tables: Tables) -> Context:
    return Context(dynamo, tables, lambda: NOW_MS, lambda: "id")


@pytest.fixture(params=["moto_tables", "dynamodb_local"])
def context(request: pytest.FixtureRequest) -> Context:
    """On moto, and on DynamoDB Local."""
    engine: Engine = request.getfixturevalue(request.param)
    client, tables = engine
    for name in ("a", "b", "c"):
        client.delete_item(TableName=tables.policy, Key={"pk": {"S": name}, "sk": {"S": "note"}})
    return _context(unhurried(client), tables)


def _stored(context: Context) -> dict[str, Item]:
    keys = [(context.tables.policy, _key(name)) for name in ("a", "b", "c")]
    return {item["pk"]: item for item in context.dynamo.batch_get(keys) if item}


def _taken(context: Context, name: str, *, by: str) -> None:
    tx = Notes(context)
    tx.take(name, by=by)
    assert tx.commit()


def test_what_was_added_is_written_and_no_step_has_lost(context: Context) -> None:
    _taken(context, "b", by="somebody")
    tx = Notes(context)
    steps = [tx.take("a", by="me"), tx.count("b")]

    assert tx.commit()

    assert [step.lost for step in steps] == [False, False]
    assert _stored(context) == {"a": _key("a") | {"by": "me"}, "b": _key("b") | {"by": "somebody", "n": 1}}


def test_where_one_step_loses_nothing_is_written_and_it_alone_says_so(context: Context) -> None:
    _taken(context, "b", by="somebody")
    tx = Notes(context)
    first, losing, last = tx.take("a", by="me"), tx.take("b", by="me"), tx.take("c", by="me")

    assert not tx.commit()

    assert [step.lost for step in (first, losing, last)] == [False, True, False]
    assert losing.found == "somebody"
    assert _stored(context) == {"b": _key("b") | {"by": "somebody"}}


def test_each_step_that_loses_finds_what_was_stored_where_it_writes(context: Context) -> None:
    _taken(context, "a", by="one")
    _taken(context, "b", by="another")
    tx = Notes(context)
    steps = [tx.take("a", by="me"), tx.take("b", by="me"), tx.count("c")]

    assert not tx.commit()

    assert [(step.lost, step.found) for step in steps] == [(True, "one"), (True, "another"), (True, "nobody")]


def test_a_single_write_that_loses_says_what_it_found(context: Context) -> None:
    _taken(context, "a", by="one")
    taken, absent = Notes(context), Notes(context)
    steps = [taken.take("a", by="me"), absent.count("c")]

    assert [taken.commit(), absent.commit()] == [False, False]

    assert [(step.lost, step.found) for step in steps] == [(True, "one"), (True, "nobody")]
    assert context.dynamo.calls[-2:] == ["put_item", "update_item"]
    assert _stored(context) == {"a": _key("a") | {"by": "one"}}


def test_two_steps_that_look_alike_are_told_apart() -> None:
    lost = cancelled("None", "ConditionalCheckFailed", item={"by": {"S": "one"}})
    tx = Notes(_context(Scripted(lost).dynamo(), NO_TABLES))
    steps = [tx.take("a", by="me"), tx.take("a", by="me")]
    assert tx.writes[0] == tx.writes[1]

    assert not tx.commit()

    assert [step.lost for step in steps] == [False, True]


def test_a_store_that_does_not_answer_is_no_step_that_lost() -> None:
    tx = Notes(_context(Scripted(ReadTimeoutError(endpoint_url="x")).dynamo(), NO_TABLES))
    step = tx.take("a", by="me")

    with pytest.raises(StoreUnavailableError):
        tx.commit()

    assert not step.lost


def test_nothing_is_asked_of_the_store_before_it_is_committed_and_one_call_then() -> None:
    client = Scripted({})
    tx = Notes(_context(client.dynamo(), NO_TABLES))
    tx.take("a", by="me")
    tx.count("b")
    assert client.calls == []

    tx.commit()

    assert [operation for operation, _ in client.calls] == ["transact_write_items"]
