"""What counts as an id or a name in anything a caller sends (contract.md sections 2 and 3)."""

import unicodedata
from typing import Any, Final, TypeGuard

MAX_ID_LENGTH: Final = 256


def has_control_characters(value: str) -> bool:
    """Whether ``value`` holds a control character (Unicode category Cc: C0, DEL, C1)."""
    return not value.isprintable() and any(unicodedata.category(char) == "Cc" for char in value)


def has_lone_surrogates(value: str) -> bool:
    """Whether ``value`` is no Unicode text: it holds half of a surrogate pair, which no encoding can write."""
    return any("\ud800" <= char <= "\udfff" for char in value)


def is_id(value: Any) -> TypeGuard[str]:
    """Whether ``value`` is an id: a non-blank string of 1 to 256 characters without control characters."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= MAX_ID_LENGTH
        and not has_control_characters(value)
    )


def is_absent(value: Any) -> bool:
    """Whether a required id was not given at all: missing, null or blank."""
    return value is None or (isinstance(value, str) and not value.strip())


def folded(value: str) -> str:
    """How categories and sensitivities compare: without case and surrounding white space."""
    return value.strip().casefold()
