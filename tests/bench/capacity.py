"""Count a request's capacity units by DynamoDB's published rules and the sizes of what is stored.

DynamoDB Local reports four units a table for any transaction, and nothing for an item that is not there; Amazon charges
two a kilobyte of each item written in a transaction, one a kilobyte of each index entry that changes, and a read for a
miss too.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.support import engines

Wire = Mapping[str, Any]

_WRITE_UNIT: Final = 1024
_READ_UNIT: Final = 4096


class Units(NamedTuple):
    """Read and write request units."""

    read: float = 0.0
    write: float = 0.0

    def __add__(self, other: Any) -> "Units":
        return Units(self.read + other.read, self.write + other.write)


def size_of(item: Wire) -> int:
    """Bytes of an item as DynamoDB counts them: names and values, with numbers at two digits a byte."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Wire) -> int:
    [(tag, content)] = value.items()
    if tag == "S":
        return len(content.encode())
    if tag == "N":
        return math.ceil(len(content.strip("-").replace(".", "").strip("0")) / 2) + 1
    if tag == "L":
        return 3 + sum(1 + _value_size(one) for one in content)
    if tag == "M":
        return 3 + len(content) + size_of(content)
    return 1


def keys_written(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Wire]]:
    """Table and key of every item that a request writes."""
    writes = [*body.get("TransactItems", ())] if operation == "TransactWriteItems" else [{operation[:-4]: body}]
    for [(kind, write)] in (one.items() for one in writes):
        names = _key_names(write["TableName"])
        yield write["TableName"], {name: write["Item" if kind == "Put" else "Key"][name] for name in names}


def written(table: str, before: Wire | None, after: Wire | None, *, transactional: bool) -> Units:
    """Count what turning an item ``before`` into ``after`` costs: the item, and the index entries that change."""
    item = _write_units(max(size_of(before or {}), size_of(after or {})))
    entries = 0
    for index in _described(table).get("GlobalSecondaryIndexes", ()):
        old, new = _projected(index, table, before), _projected(index, table, after)
        if old == new:
            continue
        names = [key["AttributeName"] for key in index["KeySchema"]]
        moved = old and new and any(old[name] != new[name] for name in names)
        sizes = [size_of(one) for one in (old, new) if one]
        entries += sum(map(_write_units, sizes)) if moved else _write_units(max(sizes))
    return Units(write=item * (2 if transactional else 1) + entries)


def read(operation: str, body: Mapping[str, Any], answer: Mapping[str, Any]) -> Units:
    """Count what a read costs: a batch by the item, those that are not there too, a query by all it looked at."""
    if operation == "BatchGetItem":
        asked = sum(len(request["Keys"]) for request in body["RequestItems"].values())
        found = [item for items in answer["Responses"].values() for item in items]
        return Units(read=asked - len(found) + sum(_read_units(size_of(item)) for item in found))
    units = _read_units(sum(size_of(item) for item in answer["Items"]))
    return Units(read=units if body.get("ConsistentRead") else units / 2)


def _projected(index: Mapping[str, Any], table: str, item: Wire | None) -> dict[str, Any] | None:
    names = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or any(name not in item for name in names):
        return None
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return dict(item)
    kept = {*names, *_key_names(table), *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in kept}


def _described(table: str) -> dict[str, Any]:
    return engines.described_tables()[table.rpartition("-")[0]]


def _key_names(table: str) -> list[str]:
    return [key["AttributeName"] for key in _described(table)["KeySchema"]]


def _write_units(size: int) -> int:
    return max(1, math.ceil(size / _WRITE_UNIT))


def _read_units(size: int) -> int:
    return max(1, math.ceil(size / _READ_UNIT))
