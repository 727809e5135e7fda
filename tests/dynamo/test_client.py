"""The one door to DynamoDB: what it asks, and what it makes of answers."""

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import ConditionFailedError
from handshake.dynamo.marshalling import Put, Update
from tests.conftest import Engine
from tests.support.scripted import ITEM, PUT, TABLE, TOUCH, TRIES, Scripted, fault
from tests.support.workflow_requests import unhurried

# -- reading ----------------------------------------------------------------------------------------------------


def test_items_come_back_in_the_order_they_were_asked_for_and_none_where_there_is_none(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    for key in ("a", "b"):
        dynamo.write(Put(tables.policy, {"pk": key, "sk": "x", "n": Decimal("1.50")}))
    dynamo.write(Put(tables.runtime_kv, {"kv_key": "a"}))
    before = len(dynamo.calls)

    found = dynamo.batch_get(
        [
            (tables.policy, {"pk": "b", "sk": "x"}),
            (tables.policy, {"pk": "missing", "sk": "x"}),
            (tables.runtime_kv, {"kv_key": "a"}),
            (tables.policy, {"pk": "a", "sk": "x"}),
            (tables.policy, {"pk": "b", "sk": "x"}),
        ]
    )

    item = {"sk": "x", "n": Decimal("1.50")}
    assert found == [{"pk": "b"} | item, None, {"kv_key": "a"}, {"pk": "a"} | item, {"pk": "b"} | item]
    assert len(dynamo.calls) == before + 1


def test_reads_by_key_are_strongly_consistent_and_ask_for_no_key_twice() -> None:
    client = Scripted({"Responses": {}})

    client.dynamo().batch_get([(TABLE, {"pk": "a"}), (TABLE, {"pk": "a"}), ("other", {"pk": "a"})])

    [(operation, parameters)] = client.calls
    request = {"Keys": [{"pk": {"S": "a"}}], "ConsistentRead": True}
    assert (operation, parameters) == ("batch_get_item", {"RequestItems": {TABLE: request, "other": request}})


def test_only_what_was_left_unprocessed_is_asked_for_again() -> None:
    left = {TABLE: {"Keys": [{"pk": {"S": "b"}}], "ConsistentRead": True}}
    client = Scripted(
        {"Responses": {TABLE: [{"pk": {"S": "a"}}]}, "UnprocessedKeys": left},
        {"Responses": {TABLE: []}, "UnprocessedKeys": left},
        {"Responses": {TABLE: [{"pk": {"S": "b"}}]}, "UnprocessedKeys": {}},
    )

    found = client.dynamo().batch_get([(TABLE, {"pk": "a"}), (TABLE, {"pk": "b"})])

    assert found == [{"pk": "a"}, {"pk": "b"}]
    assert [parameters["RequestItems"] for _, parameters in client.calls[1:]] == [left, left]


def test_keys_that_stay_unprocessed_make_the_store_unavailable_and_are_not_taken_for_missing() -> None:
    left = {TABLE: {"Keys": [{"pk": {"S": "a"}}]}}
    client = Scripted({"Responses": {}, "UnprocessedKeys": left})

    with pytest.raises(StoreUnavailableError):
        client.dynamo().batch_get([(TABLE, {"pk": "a"})])

    assert len(client.calls) == TRIES


def test_a_query_is_followed_page_by_page(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    for number in range(5):
        dynamo.write(Put(tables.policy, {"pk": "a", "sk": f"{number}"}))
    dynamo.write(Put(tables.policy, {"pk": "b", "sk": "0"}))
    before = len(dynamo.calls)

    first = dynamo.query(tables.policy, "pk = :pk", {":pk": "a"}, Limit=2)
    second = dynamo.query(tables.policy, "pk = :pk", {":pk": "a"}, start=first.next_key, Limit=2)
    everything = dynamo.query_all(tables.policy, "pk = :pk", {":pk": "a"}, Limit=2)

    assert [[item["sk"] for item in page.items] for page in (first, second)] == [["0", "1"], ["2", "3"]]
    assert [item["sk"] for item in everything] == ["0", "1", "2", "3", "4"]
    assert len(dynamo.calls) == before + 2 + 3


# -- writing ----------------------------------------------------------------------------------------------------


def test_a_single_write_goes_as_itself_and_several_as_one_transaction(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    put = Put(tables.policy, {"pk": "a", "sk": "x", "n": 1, "nothing": None})

    dynamo.write(put)
    dynamo.write(
        Update(tables.policy, {"pk": "a", "sk": "x"}, "SET #n = :n", {":n": 2}, names={"#n": "n"}, condition="#n < :n"),
        Put(tables.runtime_kv, {"kv_key": "k"}),
    )

    assert dynamo.calls == ["put_item", "transact_write_items"]
    assert dynamo.batch_get([(tables.policy, {"pk": "a", "sk": "x"}), (tables.runtime_kv, {"kv_key": "k"})]) == [
        {"pk": "a", "sk": "x", "n": 2},
        {"kv_key": "k"},
    ]


def test_a_failed_condition_says_which_write_failed_and_what_was_stored_and_nothing_is_written(
    moto_tables: Engine,
) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    dynamo.write(Put(tables.policy, {"pk": "taken", "sk": "x", "by": "me"}))
    free = Put(tables.policy, {"pk": "free", "sk": "x"}, condition="attribute_not_exists(pk)")
    taken = Put(tables.policy, {"pk": "taken", "sk": "x"}, condition="attribute_not_exists(pk)")
    absent = Update(tables.policy, {"pk": "no", "sk": "x"}, "SET n = :n", {":n": 1}, condition="attribute_exists(pk)")

    with pytest.raises(ConditionFailedError) as lost:
        dynamo.write(free, taken, absent)

    assert lost.value.found == {1: {"pk": "taken", "sk": "x", "by": "me"}, 2: None}
    assert dynamo.batch_get([(tables.policy, {"pk": key, "sk": "x"}) for key in ("free", "taken", "no")]) == [
        None,
        {"pk": "taken", "sk": "x", "by": "me"},
        None,
    ]


@pytest.mark.parametrize("item", [None, ITEM])
def test_a_single_write_that_loses_says_what_was_stored(item: Any) -> None:
    put = Put(TABLE, {"pk": "a"}, condition="attribute_not_exists(pk)")
    client = Scripted(fault("ConditionalCheckFailedException", **({"Item": item} if item else {})))

    with pytest.raises(ConditionFailedError) as lost:
        client.dynamo().write(put)

    assert lost.value.found == {0: {"pk": "a", "sk": "b", "n": 1} if item else None}
    assert client.calls[0][1]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert len(client.calls) == 1


def test_all_tries_of_one_transaction_carry_one_token_and_two_transactions_two() -> None:
    client = Scripted(fault("InternalServerError"), ReadTimeoutError(endpoint_url="x"), {}, {})
    dynamo = client.dynamo()

    dynamo.write(PUT, TOUCH)
    dynamo.write(PUT, TOUCH)

    tokens = [parameters["ClientRequestToken"] for _, parameters in client.calls]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]


def test_numbers_are_kept_exactly(moto_tables: Engine) -> None:
    client, tables = moto_tables
    dynamo = unhurried(client)
    numbers = [Decimal("0.000000001"), Decimal("1000000000000000.000000001"), 0, -(10**37), 16**24]

    dynamo.write(Put(tables.runtime_kv, {"kv_key": "k", "numbers": numbers}))

    [item] = dynamo.batch_get([(tables.runtime_kv, {"kv_key": "k"})])
    assert item is not None
    assert item["numbers"] == numbers
