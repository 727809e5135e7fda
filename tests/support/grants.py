"""Read grants as an executor does: verified with published keys alone."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256


def header_of(token: str) -> dict[str, Any]:
    """Give what a token's header says."""
    header: dict[str, Any] = json.loads(_bytes(token.split(".", maxsplit=1)[0]))
    return header


def claims_of(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the claims of a token that one of ``keys`` (JWKs), the one it names, verifies; raises where none does."""
    [key] = [key for key in keys if key["kid"] == header_of(token)["kid"]]
    x, y = (int.from_bytes(_bytes(key[name]), "big") for name in ("x", "y"))
    signed, _, signature = token.rpartition(".")
    numbers = _bytes(signature)
    assert len(numbers) == 64
    der = utils.encode_dss_signature(int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    claims: dict[str, Any] = json.loads(_bytes(signed.split(".")[1]))
    return claims


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
