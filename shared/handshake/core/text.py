"""Ids and names, in anything a caller sends (contract.md sections 2 and 3)."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeGuard

from handshake.core.characters import BOUNDARIES

MAX_ID_LENGTH: Final = 256
MAX_PAYLOAD_REF_LENGTH: Final = 1024


def id_fault(value: Any, *, max_length: int = MAX_ID_LENGTH) -> str | None:
    """Say what keeps ``value`` from naming something new, as a predicate ("is not a string"), or None for an id.

    An id has one spelling, so that no two that look alike act as two: it is Unicode text in NFC of 1 to ``max_length``
    characters, none of them unseen or unassigned in the pinned Unicode, the outermost no white space.
    """
    if not isinstance(value, str):
        return "is not a string"
    if not value:
        return "is empty"
    if len(value) > max_length:
        return f"has more than {max_length} characters"
    if value[0].isspace() or value[-1].isspace():
        return "begins or ends with white space"
    if value.isascii() and value.isprintable():
        return None
    for char in value:
        if not is_seen(char):
            return f"holds U+{ord(char):04X}, which is not a visible character"
    # Stable for ever for the characters that got here, whichever Unicode the interpreter has (UAX #15, 3).
    return None if unicodedata.is_normalized("NFC", value) else "is not in Unicode's normal form NFC"


def is_seen(char: str) -> bool:
    """Say whether an id may hold ``char``.

    It may be no control, format, surrogate, private-use, unassigned or default-ignorable character of the pinned
    version of Unicode, and not U+2800, the blank of Braille.
    """
    return bisect_right(BOUNDARIES, char) % 2 == 0


def is_label(value: Any, *, max_length: int = MAX_ID_LENGTH) -> TypeGuard[str]:
    """Say whether ``value`` can be what something stored is called, ids of earlier releases included.

    It is a non-blank string of up to ``max_length`` characters, none of them a control character or half of a surrogate
    pair. Who looks something up by it is not held to ``id_fault``: the id may be older than that rule.
    """
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= max_length
        and (value.isprintable() or not any(unicodedata.category(char) in {"Cc", "Cs"} for char in value))
    )


def has_lone_surrogates(value: str) -> bool:
    """Say whether ``value`` is no Unicode text: it holds half of a surrogate pair, which no encoding can write."""
    return any("\ud800" <= char <= "\udfff" for char in value)


def is_absent(value: Any) -> bool:
    """Say whether a required id was not given at all: missing, null or blank."""
    return value is None or (isinstance(value, str) and not value.strip())


class IdFaults(NamedTuple):
    """The fields of a body that should be ids: those ``absent``, and what is ``wrong`` with others, by their names."""

    absent: list[str]
    wrong: dict[str, str]


def id_faults(
    fields: Mapping[str, Any], required: Iterable[str], *, optional: Iterable[str] = (), stored: bool = False
) -> IdFaults:
    """Look for what is wrong with ids in ``fields``, in their order; an ``optional`` one may be missing, null or "".

    Where they name what is ``stored``, they are taken as an earlier release may have stored them.
    """
    absent = [name for name in required if is_absent(fields.get(name))]
    given = [*required, *(name for name in optional if fields.get(name) not in (None, ""))]
    faults = {name: _fault_of(name, fields.get(name), stored=stored) for name in given}
    return IdFaults(absent, {name: fault for name, fault in faults.items() if fault})


def _fault_of(name: str, value: Any, *, stored: bool) -> str | None:
    max_length = MAX_PAYLOAD_REF_LENGTH if name == "payloadRef" else MAX_ID_LENGTH
    if not stored:
        return id_fault(value, max_length=max_length)
    if is_label(value, max_length=max_length):
        return None
    return f"is not a string of 1 to {max_length} characters without control characters"


def lowered(value: str) -> str:
    """Give a category or sensitivity as it is kept: in lower case, by Unicode's default full mapping, and trimmed."""
    return value.strip().lower()


def folded(value: str) -> str:
    """Fold a category or sensitivity to what it is compared by: without case and surrounding white space."""
    return value.strip().casefold()
