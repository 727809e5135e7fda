"""Items and writes as DynamoDB's wire has them: every value tagged with its type, every number as text.

boto3's own serializer would bring boto3 into every cold start, and looks a method up by name for every attribute; a
metrics read spent more time in it than anywhere else (docs/performance.md).
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from types import MappingProxyType
from typing import Any, Final, NamedTuple

# DynamoDB keeps 38 digits. A number that would not come back as it went in is refused here, not rounded there.
_NUMBERS: Final = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])


_NONE: Final[Mapping[str, Any]] = MappingProxyType({})

Item = dict[str, Any]
Key = Mapping[str, str]

UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, IndexError, RecursionError)
"""Names what reading an item raises that is not as any release wrote it."""


class Put(NamedTuple):
    """Write a whole item, if ``condition`` holds of what is there now."""

    table: str
    item: Item
    condition: str = ""
    values: Mapping[str, Any] = _NONE
    names: Mapping[str, str] = _NONE


class Update(NamedTuple):
    """Change an item by ``expression``, if ``condition`` holds. ``names`` are #placeholders for attributes."""

    table: str
    key: Key
    expression: str
    values: Mapping[str, Any]
    names: Mapping[str, str] = _NONE
    condition: str = ""


class Delete(NamedTuple):
    """Remove an item, if ``condition`` holds of it."""

    table: str
    key: Key
    condition: str
    values: Mapping[str, Any]
    names: Mapping[str, str] = _NONE


class Check(NamedTuple):
    """Write nothing, and fail the transaction that it is in unless ``condition`` holds of what is stored."""

    table: str
    key: Key
    condition: str
    values: Mapping[str, Any] = _NONE
    names: Mapping[str, str] = _NONE


Write = Put | Update | Delete | Check


def transact_items(writes: Iterable[Write]) -> list[dict[str, Any]]:
    """Give ``writes`` as TransactWriteItems takes them; a failed condition is to answer with what it found."""
    return [_transact_item(write) for write in writes]


def requested_keys(keys: Iterable[tuple[str, Key]]) -> dict[str, Any]:
    """Ask BatchGetItem for each key once, strongly consistent. ``keys`` are (table, key)."""
    wanted: dict[str, Any] = {}
    for table, key in keys:
        request = wanted.setdefault(table, {"Keys": [], "ConsistentRead": True})
        on_wire = marshal(key)
        if on_wire not in request["Keys"]:
            request["Keys"].append(on_wire)
    return wanted


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Give ``item`` for the wire; attributes that are None are left out.

    Takes text, bool, int, Decimal, and lists, tuples and dicts of them. Raises TypeError for anything else,
    decimal.DecimalException for a number that DynamoDB would not keep exactly.
    """
    return {name: marshalled(value) for name, value in item.items() if value is not None}


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Give an item as Python values, numbers as Decimal; the same in answers and in streams."""
    return {name: _untagged(value) for name, value in item.items()}


def answered_items(responses: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, list[Item]]:
    """Give the items of a BatchGetItem answer, by table."""
    return {table: [unmarshal(item) for item in items] for table, items in responses.items()}


def unmarshal_all(items: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Give several items as Python values."""
    return [unmarshal(item) for item in items]


def marshalled(value: Any) -> dict[str, Any]:
    """Give one value for the wire: what ``marshal`` takes, and raises, of each."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        number = _NUMBERS.create_decimal(value)
        if not number.is_finite():
            raise TypeError(f"{value} is no number that DynamoDB keeps")
        return {"N": str(number)}
    if isinstance(value, list | tuple):
        return {"L": [marshalled(one) for one in value]}
    if isinstance(value, dict):
        return {"M": {name: marshalled(one) for name, one in value.items()}}
    raise TypeError(f"{type(value).__name__} is no type that the store keeps")


def _transact_item(write: Write) -> dict[str, Any]:
    body: dict[str, Any] = {"TableName": write.table}
    if write.condition:
        body["ConditionExpression"] = write.condition
        body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if write.values:
        body["ExpressionAttributeValues"] = marshal(write.values)
    if write.names:
        body["ExpressionAttributeNames"] = dict(write.names)
    if isinstance(write, Put):
        return {"Put": body | {"Item": marshal(write.item)}}
    if isinstance(write, Delete):
        return {"Delete": body | {"Key": marshal(write.key)}}
    if isinstance(write, Check):
        return {"ConditionCheck": body | {"Key": marshal(write.key)}}
    return {"Update": body | {"Key": marshal(write.key), "UpdateExpression": write.expression}}


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": str,
    "N": Decimal,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda values: [_untagged(one) for one in values],
    "M": unmarshal,
    # Nothing of ours writes these. Whoever does must not end an audit with it.
    **dict.fromkeys(("B", "SS", "NS", "BS"), lambda value: value),
}


def _untagged(value: Mapping[str, Any]) -> Any:
    [(tag, content)] = value.items()
    return _READ[tag](content)
