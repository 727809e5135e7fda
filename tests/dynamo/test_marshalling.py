"""Items on the wire: what went in comes back, as boto3's own serializer would have it."""

from decimal import Decimal, DecimalException
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from handshake.dynamo.marshalling import marshal, unmarshal

NUMBERS = st.integers(-(10**37), 10**37) | st.decimals(-(10**20), 10**20, places=9)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.text() | st.booleans() | NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
ITEMS = st.dictionaries(st.text(min_size=1), VALUES, max_size=6)


@given(ITEMS)
def test_an_item_is_written_as_boto3_writes_it(item: dict[str, Any]) -> None:
    assert marshal(item) == {name: TypeSerializer().serialize(value) for name, value in item.items()}


@given(ITEMS)
def test_what_was_written_is_read_as_it_was(item: dict[str, Any]) -> None:
    assert unmarshal(marshal(item)) == item


@given(ITEMS)
def test_an_item_is_read_as_boto3_reads_it(item: dict[str, Any]) -> None:
    wire = marshal(item)
    read = {name: TypeDeserializer().deserialize(value) for name, value in wire.items()}

    assert unmarshal(wire) == read
    assert {name: type(value) for name, value in unmarshal(wire).items()} == {
        name: type(value) for name, value in read.items()
    }


def test_nothing_is_not_written_and_a_stored_null_is_nothing() -> None:
    assert marshal({"a": None, "b": 1}) == {"b": {"N": "1"}}
    assert unmarshal({"a": {"NULL": True}}) == {"a": None}


@pytest.mark.parametrize("value", [1.5, b"x", {1}, object(), [1.5], {"a": b"x"}, Decimal("NaN"), Decimal("Infinity")])
def test_what_the_store_does_not_keep_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, DecimalException)):
        marshal({"a": value})


@pytest.mark.parametrize("value", [10**38 + 1, Decimal("0." + "1" * 39), Decimal("1e126") * 10, Decimal("1e-200")])
def test_a_number_that_would_be_rounded_is_refused(value: Any) -> None:
    with pytest.raises(DecimalException):
        marshal({"a": value})
