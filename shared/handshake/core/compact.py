"""Reads and writes the parts of compact JWTs: base64url without padding, one text for one value."""

import base64
from typing import Any

from handshake.core.jsonio import BadJsonError, parse


class BadPartError(ValueError):
    """Says why what was read is no part of a compact JWT, and quotes nothing of it."""


def encoded(raw: bytes) -> str:
    """Encode bytes as a part."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    """Decode a part as ``encoded`` writes it, in no other spelling. Raises BadPartError.

    So no token can be altered and still be the same token.
    """
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise BadPartError("it is not base64url") from None
    if encoded(raw) != part:
        raise BadPartError("it is not canonical base64url")
    return raw


def decoded_object(part: str) -> dict[str, Any]:
    """Decode a part that is a JSON object. Raises BadPartError."""
    raw = decoded(part)
    try:
        value = parse(raw.decode(), max_bytes=len(raw))
    except (BadJsonError, UnicodeDecodeError):
        raise BadPartError("a part of it is not JSON") from None
    if not isinstance(value, dict):
        raise BadPartError("a part of it is not a JSON object")
    return value
