"""What a table lacks of what the code needs is told in words, and what it has is read as DescribeTable says it."""

from dataclasses import replace
from typing import Any, Final

import pytest

from handshake.release.schema import ALL, SCHEMA, UNDEFINED, IndexSchema, TableSchema, read_schema, shortfalls
from tests.support.engines import described_tables

KEYS: Final = {"pk": "S", "sk": "S"}
BY_DAY: Final = IndexSchema({"day": "S", "at": "N"}, frozenset({"facts", "tier"}))
NEEDED: Final = TableSchema(KEYS, {"by_day": BY_DAY}, ttl="ttl", stream="NEW_IMAGE")
# Not in the order that keys have.
KEY_SCHEMA: Final = [{"AttributeName": "sk", "KeyType": "RANGE"}, {"AttributeName": "pk", "KeyType": "HASH"}]
ATTRIBUTES: Final = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}]


def _index(**changes: Any) -> TableSchema:
    return replace(NEEDED, indexes={"by_day": replace(BY_DAY, **changes)})


SHORT: Final[dict[str, TableSchema]] = {
    "its key is pk (S), not pk (S), sk (S)": replace(NEEDED, keys={"pk": "S"}),
    "its key is sk (S), pk (S), not pk (S), sk (S)": replace(NEEDED, keys={"sk": "S", "pk": "S"}),
    "its key is pk (S), sk (N), not pk (S), sk (S)": replace(NEEDED, keys={"pk": "S", "sk": "N"}),
    "its TTL attribute is none, not ttl": replace(NEEDED, ttl=""),
    "its TTL attribute is expires, not ttl": replace(NEEDED, ttl="expires"),
    "its stream is off, not NEW_IMAGE": replace(NEEDED, stream=""),
    "its stream is KEYS_ONLY, not NEW_IMAGE": replace(NEEDED, stream="KEYS_ONLY"),
    "it has no active index by_day": replace(NEEDED, indexes={"by_hour": BY_DAY}),
    "the key of index by_day is day (S), not day (S), at (N)": _index(keys={"day": "S"}),
    "the key of index by_day is at (N), day (S), not day (S), at (N)": _index(keys={"at": "N", "day": "S"}),
    "index by_day does not project tier": _index(projected=frozenset({"facts", "more"})),
    "index by_day does not project facts, tier": _index(projected=frozenset()),
}


@pytest.mark.parametrize(("words", "found"), SHORT.items(), ids=list(SHORT))
def test_what_a_table_lacks_is_said_with_what_it_has_instead(words: str, found: TableSchema) -> None:
    assert list(shortfalls(NEEDED, found)) == [words]


@pytest.mark.parametrize("needed", [NEEDED, TableSchema(KEYS), *SCHEMA.values()])
def test_what_is_as_needed_lacks_nothing(needed: TableSchema) -> None:
    assert list(shortfalls(needed, needed)) == []


@pytest.mark.parametrize(
    "found",
    [
        replace(NEEDED, indexes={**NEEDED.indexes, "by_hour": BY_DAY}),
        _index(projected=BY_DAY.projected | {"more"}),
        _index(projected=frozenset({ALL})),
    ],
    ids=["an index", "an attribute in an index", "every attribute in an index"],
)
def test_a_table_may_have_more(found: TableSchema) -> None:
    assert list(shortfalls(NEEDED, found)) == []


def test_a_stream_that_nothing_needs_may_be_there_and_a_ttl_may_not() -> None:
    """Items that nobody meant to expire would."""
    assert list(shortfalls(TableSchema(KEYS), TableSchema(KEYS, stream="NEW_IMAGE"))) == []
    assert list(shortfalls(TableSchema(KEYS), TableSchema(KEYS, ttl="ttl"))) == ["its TTL attribute is ttl, not none"]


def test_every_shortfall_is_said() -> None:
    bare = TableSchema({"id": "S"})

    assert len(list(shortfalls(NEEDED, bare))) == 4


def _described(**more: Any) -> TableSchema:
    return read_schema({"KeySchema": KEY_SCHEMA, "AttributeDefinitions": ATTRIBUTES, **more}, ttl="expires")


def test_the_partition_key_comes_first_and_each_key_has_its_type() -> None:
    assert list(_described().keys.items()) == [("pk", "S"), ("sk", "N")]
    assert _described().ttl == "expires"


@pytest.mark.parametrize("attributes", [ATTRIBUTES[:1], [], None])
def test_a_key_whose_type_is_not_named_is_no_key_that_is_needed(attributes: list[Any] | None) -> None:
    assert _described(AttributeDefinitions=attributes).keys["sk"] == UNDEFINED


def test_what_has_no_key_lacks_its_key() -> None:
    assert list(shortfalls(TableSchema(KEYS), read_schema({}, ttl=""))) == ["its key is , not pk (S), sk (S)"]


@pytest.mark.parametrize(
    ("stream", "read"),
    [
        (None, ""),
        ({}, ""),
        ({"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}, "NEW_IMAGE"),
        ({"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"}, ""),
        ({"StreamViewType": "KEYS_ONLY"}, "KEYS_ONLY"),  # as a template says it
    ],
)
def test_a_stream_is_what_it_shows_while_it_is_on(stream: dict[str, Any] | None, read: str) -> None:
    assert _described(StreamSpecification=stream).stream == read


@pytest.mark.parametrize(
    ("projection", "projected"),
    [
        (None, frozenset()),
        ({"ProjectionType": "KEYS_ONLY"}, frozenset()),
        ({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["facts", "tier"]}, {"facts", "tier"}),
        ({"ProjectionType": "ALL"}, {ALL}),
    ],
)
def test_an_index_has_keys_and_what_it_projects(projection: dict[str, Any] | None, projected: set[str]) -> None:
    index = {"IndexName": "by_sk", "KeySchema": KEY_SCHEMA, "Projection": projection}

    assert _described(GlobalSecondaryIndexes=[index]).indexes == {
        "by_sk": IndexSchema({"pk": "S", "sk": "N"}, frozenset(projected))
    }


@pytest.mark.parametrize(
    ("status", "there"),
    [("ACTIVE", True), ("CREATING", False), ("DELETING", False), ("UPDATING", False), (None, True)],
)
def test_an_index_that_is_not_active_is_not_there(status: str | None, *, there: bool) -> None:
    """A template has no status of an index."""
    index = {"IndexName": "by_sk", "KeySchema": KEY_SCHEMA} | ({"IndexStatus": status} if status else {})

    assert ("by_sk" in _described(GlobalSecondaryIndexes=[index]).indexes) is there


def test_the_template_makes_what_the_code_needs_and_nothing_that_it_does_not() -> None:
    """What the code came to need, and does not say here, would be missed by no gate."""
    # Of TTLs the parameters that create a table say nothing; test_release_gate.py has a store with them.
    made = {name: read_schema(table, ttl=SCHEMA[name].ttl) for name, table in described_tables().items()}

    assert made == SCHEMA
