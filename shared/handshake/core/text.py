"""Ids and names, in anything a caller sends (contract.md sections 2 and 3)."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeGuard

MAX_ID_LENGTH: Final = 256


def has_control_characters(value: str) -> bool:
    """Say whether ``value`` holds a control character (Unicode category Cc: C0, DEL, C1)."""
    return not value.isprintable() and any(unicodedata.category(char) == "Cc" for char in value)


def has_lone_surrogates(value: str) -> bool:
    """Say whether ``value`` is no Unicode text: it holds half of a surrogate pair, which no encoding can write."""
    return any("\ud800" <= char <= "\udfff" for char in value)


def is_id(value: Any) -> TypeGuard[str]:
    """Say whether ``value`` is an id: a non-blank string of 1 to 256 characters without control characters."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= MAX_ID_LENGTH
        and not has_control_characters(value)
    )


def is_absent(value: Any) -> bool:
    """Say whether a required id was not given at all: missing, null or blank."""
    return value is None or (isinstance(value, str) and not value.strip())


def first_absent(fields: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of ``names`` that ``fields`` does not give, or None."""
    return next((name for name in names if is_absent(fields.get(name))), None)


def first_not_id(fields: Mapping[str, Any], names: Iterable[str], *, optional: Iterable[str] = ()) -> str | None:
    """The first of ``names`` that is not an id in ``fields``, or None; an ``optional`` one may be missing or null."""
    wrong = next((name for name in names if not is_id(fields.get(name))), None)
    return wrong or next((name for name in optional if fields.get(name) is not None and not is_id(fields[name])), None)


def folded(value: str) -> str:
    """Fold a category or sensitivity to what it is compared by: without case and surrounding white space."""
    return value.strip().casefold()
