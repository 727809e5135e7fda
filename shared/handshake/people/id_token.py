"""Reads ID tokens of the stack's user pool: who has signed in, and when (contract.md section 13).

Read here rather than by a JWT library, as trust tokens are: one algorithm, one use and one issuer leave nothing to
negotiate. The signature is checked before any claim is looked at, and no claim but these says anything to us: what a
pool puts into others may be the user's own choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from handshake.core.compact import BadPartError, decoded, decoded_object
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault
from handshake.trust.identity import SignIn

T = TypeVar("T")

MAX_TOKEN_BYTES: Final = 8192
CLOCK_SKEW_S: Final = 30
"""How far ahead of ours the pool's clock may be. What is over is over: an expired token has no grace."""
_ALGORITHM: Final = "RS256"
_USE: Final = "id"

Verify = Callable[[bytes, bytes], bool]
"""Says whether a signature (the second) is of what was signed (the first)."""


class Audience(NamedTuple):
    """Whose tokens are taken: those of the user pool ``issuer``, for the page's own app client ``client_id``."""

    issuer: str
    client_id: str


@dataclass(frozen=True)
class SignedToken:
    """A token as it is sent, taken apart and not yet believed. ``key_id`` names who is to have signed it."""

    key_id: str
    signed: bytes
    signature: bytes
    claims: str


def take_apart(token: str | None) -> SignedToken:
    """Take a compact JWT apart, at most MAX_TOKEN_BYTES long. Raises HandshakeError security_token_invalid."""
    if token is None or not token.strip():
        raise _invalid("there is none")
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise _invalid("it is over-long or not ASCII")
    parts = token.split(".")
    if len(parts) != 3:
        raise _invalid("it is not a compact JWT")
    header = _read(decoded_object, parts[0])
    key_id = header.get("kid")
    if header.get("alg") != _ALGORITHM or "crit" in header or not isinstance(key_id, str):
        raise _invalid("its header is not of a user pool")
    return SignedToken(key_id, f"{parts[0]}.{parts[1]}".encode(), _read(decoded, parts[2]), parts[1])


def signed_in(token: SignedToken, verify: Verify | None, audience: Audience, *, now_s: float) -> tuple[SignIn, int]:
    """Give who signed in by ``token``, and when it expires (epoch s); ``verify`` is of the key that it names, if any.

    Raises HandshakeError security_token_invalid: for another pool's, client's or use, and for one that is expired.
    """
    if verify is None:
        raise _invalid("the user pool has no such key")
    if not verify(token.signed, token.signature):
        raise _invalid("its signature does not verify")
    claims = _read(decoded_object, token.claims)
    if claims.get("iss") != audience.issuer:
        raise _invalid("it is of another user pool")
    if claims.get("token_use") != _USE:
        raise _invalid("it is no ID token")
    if claims.get("aud") != audience.client_id:
        raise _invalid("it was made for another client")
    subject: Any = claims.get("sub")
    if id_fault(subject):
        raise _invalid("it names nobody")
    expires, issued, at = (number(claims.get(name)) for name in ("exp", "iat", "auth_time"))
    if expires is None or issued is None or at is None:
        raise _invalid("its times are not numbers")
    if expires <= now_s or max(issued, at) - CLOCK_SKEW_S > now_s:
        raise _invalid("it is expired, or not valid yet")
    return SignIn(audience.issuer, subject, int(at)), int(expires)


def public_numbers(key: Mapping[str, Any]) -> tuple[int, int] | None:
    """Give exponent and modulus of a key of a JWK set, None for one that signs no ID tokens of a pool's."""
    if key.get("kty") != "RSA" or key.get("alg") != _ALGORITHM or key.get("use") != "sig":
        return None
    try:
        exponent, modulus = (int.from_bytes(decoded(key[name])) for name in ("e", "n"))
    except (BadPartError, KeyError, TypeError):
        return None
    return exponent, modulus


def _read(reader: Callable[[str], T], part: str) -> T:
    try:
        return reader(part)
    except BadPartError as fault:
        raise _invalid(str(fault)) from None


def _invalid(why: str) -> HandshakeError:
    return HandshakeError(ReasonCode.SECURITY_TOKEN_INVALID, f"The ID token is refused: {why}.")
