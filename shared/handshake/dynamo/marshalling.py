"""Items as DynamoDB's wire has them: every value tagged with its type, every number as text.

boto3's own serializer would bring boto3 into every cold start, and looks a method up by name for every attribute; a
metrics read spent more time in it than anywhere else (docs/performance.md).
"""

from collections.abc import Callable, Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any, Final

# DynamoDB keeps 38 digits. A number that would not come back as it went in is refused here, not rounded there.
_NUMBERS: Final = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """``item`` for the wire; attributes that are None are left out.

    Takes text, bool, int, Decimal, and lists, tuples and dicts of them. Raises TypeError for anything else,
    decimal.DecimalException for a number that DynamoDB would not keep exactly.
    """
    return {name: marshalled(value) for name, value in item.items() if value is not None}


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as Python values, numbers as Decimal; the same in answers and in streams."""
    return {name: _untagged(value) for name, value in item.items()}


def marshalled(value: Any) -> dict[str, Any]:
    """One value for the wire: what ``marshal`` takes, and raises, of each."""
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


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": str,
    "N": Decimal,
    "BOOL": bool,
    "NULL": lambda _: None,
    "L": lambda values: [_untagged(one) for one in values],
    "M": unmarshal,
}


def _untagged(value: Mapping[str, Any]) -> Any:
    [(tag, content)] = value.items()
    return _READ[tag](content)
