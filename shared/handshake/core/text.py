"""Ids and names, in anything a caller sends (contract.md sections 2 and 3)."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeGuard

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


class IdFaults(NamedTuple):
    """The fields of a body that should be ids: those that are ``absent``, and those that are ``wrong``."""

    absent: list[str]
    wrong: list[str]


def id_faults(fields: Mapping[str, Any], required: Iterable[str], *, optional: Iterable[str] = ()) -> IdFaults:
    """Look for what is wrong with ids in ``fields``, in their order; an ``optional`` one may be missing or null."""
    absent = [name for name in required if is_absent(fields.get(name))]
    given = [*required, *(name for name in optional if fields.get(name) is not None)]
    return IdFaults(absent, [name for name in given if not is_id(fields.get(name))])


def folded(value: str) -> str:
    """Fold a category or sensitivity to what it is compared by: without case and surrounding white space."""
    return value.strip().casefold()
