"""Strict JSON in, canonical JSON out.

Parsers disagree on duplicate keys, NaN, huge numbers and lone surrogates; every such disagreement is a way
to be judged on one reading and executed on another, so all of them are refused here.
"""

import hashlib
import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 32
# Longer integers are read as floats: exact for no caller's purpose, and int() of long digits is quadratic.
_MAX_INT_DIGITS: Final = 18


class BadJsonError(ValueError):
    """The text is not JSON that every parser reads alike.

    The message is a predicate for whatever was to be read ("is not valid JSON"); it names the fault, never the content.
    """


class InexactNumber(float):
    """A number whose text says another value than its nearest double does: what was written is lost."""


def _refuse_constant(name: str) -> NoReturn:
    raise BadJsonError(f"holds {name}, which is no JSON number")


def _bounded_int(text: str) -> int | float:
    return int(text) if len(text.lstrip("-")) <= _MAX_INT_DIGITS else float(text)


def _float(text: str) -> float:
    nearest = float(text)
    try:
        exact = Decimal(text) == Decimal(repr(nearest))
    except InvalidOperation:  # an exponent beyond those of any decimal
        exact = False
    return nearest if exact else InexactNumber(nearest)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJsonError("names a key of an object twice")
    return result


def depth_within(value: Any, levels: int) -> bool:
    """Say whether ``value`` holds no more than ``levels`` of objects and arrays, one inside the other."""
    if not isinstance(value, dict | list):
        return True
    if levels == 0:
        return False
    children = value.values() if isinstance(value, dict) else value
    return all(depth_within(child, levels - 1) for child in children)


def parse(text: str, *, max_bytes: int) -> Any:
    """Parse ``text`` strictly.

    Raises BadJsonError when it is longer than ``max_bytes`` in UTF-8, is not JSON, nests deeper than
    MAX_DEPTH, repeats a key in an object, or holds NaN, Infinity or a lone surrogate. A number whose text its nearest
    double does not keep becomes an InexactNumber.
    """
    # Characters are at least one byte each, so the cheap test bounds the work of the exact one.
    if len(text) > max_bytes:
        raise BadJsonError(f"is longer than {max_bytes} bytes")
    try:
        if len(text.encode()) > max_bytes:
            raise BadJsonError(f"is longer than {max_bytes} bytes")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_float,
            object_pairs_hook=_unique_keys,
        )
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except BadJsonError:
        raise
    except UnicodeEncodeError:
        raise BadJsonError("holds a lone surrogate") from None
    except RecursionError:
        raise BadJsonError(f"nests deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise BadJsonError("is not valid JSON") from None
    if not depth_within(value, MAX_DEPTH):
        raise BadJsonError(f"nests deeper than {MAX_DEPTH} levels")
    return value


def number(value: Any) -> Decimal | None:
    """Give the exact decimal a JSON number stands for (its shortest float form), or None if it is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    result = Decimal(str(value))
    return result if result.is_finite() else None


def plain(value: Decimal) -> int | float:
    """Give ``value`` as the JSON number a caller reads: integral values without a fraction."""
    return int(value) if value == value.to_integral_value() else float(value)


def plain_text(value: Decimal) -> str:
    """Write ``value`` without an exponent, and without zeros that say nothing."""
    return f"{value.normalize():f}"


def normal(value: Any) -> Any:
    """Write numbers that are equal alike (100, 100.0 and 1e2); containers keep their order."""
    if isinstance(value, dict):
        return {name: normal(child) for name, child in value.items()}
    if isinstance(value, list):
        return [normal(child) for child in value]
    amount = number(value)
    if amount is not None:
        return plain(amount)
    # Kept as something no fact can be: a number too large for JSON must not turn into a word.
    return {"notFinite": str(value)} if isinstance(value, float) else value


def with_numbers_as_text(value: Any) -> Any:
    """Give ``value`` with each number in it as plain_text writes it, for readers that keep no such number."""
    if isinstance(value, dict):
        return {name: with_numbers_as_text(child) for name, child in value.items()}
    if isinstance(value, list):
        return [with_numbers_as_text(child) for child in value]
    amount = number(value)
    return value if amount is None else plain_text(amount)


def canonical(value: Any) -> str:
    """Give one text for one meaning: sorted keys, no white space, no escapes beyond JSON's own."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Give the SHA-256, in hex, of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


GENESIS: Final = "0" * 64
"""Stands in evidence for the digest of what came before the first."""
