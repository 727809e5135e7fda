"""The grant as a token: a JWS that says what may be executed once, and the public keys that verify it (section 11).

Only what is signed, and how it is written. The key that signs stays in KMS (``trust.grant_signer``).
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

from handshake.core.compact import encoded
from handshake.core.jsonio import canonical

ALGORITHM: Final = "ES256"
TYPE: Final = "handshake-grant+jwt"

_COORDINATE_BYTES: Final = 32
# A SubjectPublicKeyInfo of an uncompressed point of P-256, up to the point's coordinates (RFC 5480).
_P256_PREFIX: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02


class Jwk(TypedDict):
    """A public key that verifies grants (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


def signing_input(claims: Mapping[str, Any], *, kid: str) -> bytes:
    """Give what is signed: header and claims, each in base64url, joined by a dot (RFC 7515)."""
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
    return f"{encoded(canonical(header).encode())}.{encoded(canonical(dict(claims)).encode())}".encode()


def compact(signed: bytes, signature: bytes) -> str:
    """Give the token of a ``signing_input`` and the DER signature that KMS made of it.

    A JWS has the two numbers side by side, each of 32 bytes (RFC 7518, 3.4). Raises ValueError for anything that is no
    DER of exactly two such numbers.
    """
    return f"{signed.decode()}.{encoded(_side_by_side(signature))}"


def public_jwk(public_key: bytes, *, kid: str) -> Jwk:
    """Give a public key, as KMS has it in DER, the way verifiers read it. Raises ValueError for another kind of key."""
    point = public_key.removeprefix(_P256_PREFIX)
    if point == public_key or len(point) != 2 * _COORDINATE_BYTES:
        raise ValueError("is no public key of P-256")
    x, y = point[:_COORDINATE_BYTES], point[_COORDINATE_BYTES:]
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": encoded(x),
        "y": encoded(y),
        "kid": kid,
        "use": "sig",
        "alg": ALGORITHM,
    }


def _side_by_side(signature: bytes) -> bytes:
    # Both numbers fit 33 bytes, so every length is one byte.
    if len(signature) < 2 or signature[0] != _SEQUENCE or signature[1] != len(signature) - 2:
        raise ValueError("is no DER signature")
    first, rest = _number(signature[2:])
    second, rest = _number(rest)
    if rest:
        raise ValueError("is no DER signature")
    return first + second


def _number(text: bytes) -> tuple[bytes, bytes]:
    """Give the unsigned number that ``text`` begins with, in 32 bytes, and what follows it."""
    if len(text) < 3 or text[0] != _INTEGER or not 1 <= text[1] <= len(text) - 2:
        raise ValueError("is no DER signature")
    end = 2 + text[1]
    value = int.from_bytes(text[2:end], "big", signed=True)
    if value <= 0 or value.bit_length() > 8 * _COORDINATE_BYTES:
        raise ValueError("is no number of P-256")
    return value.to_bytes(_COORDINATE_BYTES, "big"), text[end:]
