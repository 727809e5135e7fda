"""Paged lists: how many at once, and where the next page starts."""

import base64
from dataclasses import dataclass
from typing import Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import BadJsonError, canonical, parse
from handshake.core.reasons import ReasonCode

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
_MAX_CURSOR_BYTES: Final = 2048


@dataclass(frozen=True)
class PageRequest:
    """``limit`` items, after the item that ``after`` identifies (empty: from the first)."""

    limit: int
    after: list[str | int]


def parse_page(limit: str | None, cursor: str | None, *, parts: tuple[type, ...]) -> PageRequest:
    """Read the ``limit`` and ``cursor`` query parameters.

    ``parts`` are the types of what a cursor of this list identifies an item by. A cursor names no owner: the list
    is always the caller's own, so a cursor of somebody else's list shows nothing of it. Raises HandshakeError
    trust_context_invalid_request_shape.
    """
    if limit is not None and not (
        limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MAX_LIMIT
    ):
        raise _bad_shape(f"limit must be 1 to {MAX_LIMIT}.")
    return PageRequest(int(limit) if limit else DEFAULT_LIMIT, _read_cursor(cursor, parts) if cursor else [])


def cursor_after(*identity: str | int) -> str:
    """Make the cursor of the page that follows the item of this identity."""
    return base64.urlsafe_b64encode(canonical(list(identity)).encode()).decode()


def _read_cursor(cursor: str, parts: tuple[type, ...]) -> list[str | int]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii")).decode()
        identity = parse(text, max_bytes=_MAX_CURSOR_BYTES)
    except (BadJsonError, ValueError):
        raise _bad_shape("cursor is not one this list gave.") from None
    if not isinstance(identity, list) or tuple(map(type, identity)) != parts or "" in identity:
        raise _bad_shape("cursor is not one this list gave.")
    return identity


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
