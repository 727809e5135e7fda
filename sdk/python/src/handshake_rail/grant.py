"""Verifies an execution grant where the effect is about to happen: offline, and before anything is done."""

import base64
import binascii
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from handshake_rail._generated.models import KeySet, Submission
from handshake_rail.action import action_digest
from handshake_rail.replays import Replays

AUDIENCE: Final = "handshake-executor"
SKEW_S: Final = 30
# The longest that a stack makes, each id 256 characters of four bytes, has some 10 000.
MAX_BYTES: Final = 16_384

_ALGORITHM: Final = "ES256"
_TYPE: Final = "handshake-grant+jwt"
_NO_TIME: Final = 2**53
_COORDINATE_BYTES: Final = 32
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_TEXTS: Final = ("iss", "aud", "sub", "jti", "req", "act", "prn")
_TIMES: Final = ("iat", "nbf", "exp")

Fault = Literal[
    "malformed",
    "wrong_type",
    "unknown_key",
    "wrong_signature",
    "other_issuer",
    "other_audience",
    "other_action",
    "not_yet_valid",
    "expired",
    "used",
]
"""Names what a grant is refused for. Up to ``wrong_signature`` it is not known to be the service's at all."""


class GrantError(Exception):
    """A grant that nothing may be done on. ``fault`` says why, to programs; the message says it to people."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


@dataclass(frozen=True)
class Grant:
    """Holds what a grant says, once it is verified. Times are epoch seconds, as in its token.

    ``grant_id`` is what the system acted on takes as its idempotency key, and what an outcome is reported for.
    """

    grant_id: str
    request_id: str
    action_digest: str
    agent_id: str
    tenant_id: str | None
    principal_id: str
    issuer: str
    audience: str
    issued_at: float
    not_before: float
    expires_at: float
    claims: Mapping[str, Any]


def verify_grant(
    grant: str,
    action: Submission,
    jwks: KeySet,
    *,
    replays: Replays,
    issuer: str | None = None,
    audience: str = AUDIENCE,
    now: float | None = None,
) -> Grant:
    """Verify that ``grant`` allows ``action``, once, now. Raises GrantError, and ActionError for no action at all.

    ``action`` is what is about to be executed, in the members of a submission; its digest is computed here and not
    believed. ``jwks`` are the stack's public keys, from ``/.well-known/jwks.json``, fetched by whoever calls and kept
    for a day at most. ``replays`` remembers which grants were used; one of several processes must be theirs together.
    ``issuer`` is ``handshake:`` and the stack's name, for who has the keys of several. ``now`` is epoch seconds.
    """
    now = time.time() if now is None else now
    claims = _claims_of(grant, jwks)
    if issuer is not None and claims["iss"] != issuer:
        raise GrantError("other_issuer", "the grant is another stack's")
    if claims["aud"] != audience:
        raise GrantError("other_audience", "the grant is for another executor")
    if now < max(claims["nbf"], claims["iat"]) - SKEW_S:
        raise GrantError("not_yet_valid", "the grant is not valid yet, or this machine's clock is slow")
    if now >= claims["exp"] + SKEW_S:
        raise GrantError("expired", "the grant has expired, or this machine's clock is fast")
    if not hmac.compare_digest(claims["act"].encode(), action_digest(action).encode()):
        raise GrantError("other_action", "the grant is for another action than the one about to be executed")
    if not replays.first_use(claims["jti"], claims["exp"] + SKEW_S, now):
        raise GrantError("used", "the grant was used before")
    return Grant(
        grant_id=claims["jti"],
        request_id=claims["req"],
        action_digest=claims["act"],
        agent_id=claims["sub"],
        tenant_id=claims.get("ten"),
        principal_id=claims["prn"],
        issuer=claims["iss"],
        audience=claims["aud"],
        issued_at=claims["iat"],
        not_before=claims["nbf"],
        expires_at=claims["exp"],
        claims=claims,
    )


def _claims_of(grant: Any, jwks: KeySet) -> dict[str, Any]:
    """Give what a grant says that one of ``jwks`` signed. Raises GrantError."""
    if not isinstance(grant, str) or len(grant) > MAX_BYTES or grant.count(".") != 2:
        raise GrantError("malformed", "the grant is no compact token")
    head, body, tail = grant.split(".")
    header, signature = _object(head), _bytes(tail)
    if header.get("alg") != _ALGORITHM or header.get("typ") != _TYPE or "crit" in header:
        raise GrantError("wrong_type", f"the token is no {_TYPE} signed by {_ALGORITHM}")
    # From the stack's keys alone: a key that the token brings, or points to, is whoever made it's.
    key = _key_called(header.get("kid"), jwks)
    if len(signature) != 2 * _COORDINATE_BYTES:
        raise GrantError("wrong_signature", "the grant's signature is not its key's")
    r, s = (int.from_bytes(half) for half in (signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{head}.{body}".encode(), ECDSA(SHA256()))
    except InvalidSignature:
        raise GrantError("wrong_signature", "the grant's signature is not its key's") from None
    claims = _object(body)
    if not all(isinstance(claims.get(name), str) and claims[name] for name in _TEXTS):
        raise GrantError("malformed", "the grant lacks a claim")
    if not all(type(claims.get(name)) in (int, float) and abs(claims[name]) < _NO_TIME for name in _TIMES):
        raise GrantError("malformed", "a time of the grant is no number of seconds")
    return claims


def _key_called(kid: Any, jwks: KeySet) -> EllipticCurvePublicKey:
    published = cast("Any", jwks)  # read from wherever, and held to nothing so far
    keys = published.get("keys") if isinstance(published, dict) else None
    named = [key for key in keys if isinstance(key, dict) and key.get("kid") == kid] if isinstance(keys, list) else []
    if not isinstance(kid, str) or len(named) != 1:
        raise GrantError("unknown_key", "the grant's key is none of the stack's, or newer than the keys at hand")
    [key] = named
    kinds = {"kty": "EC", "crv": "P-256", "alg": key.get("alg", _ALGORITHM), "use": key.get("use", "sig")}
    if kinds != {"kty": key.get("kty"), "crv": key.get("crv"), "alg": _ALGORITHM, "use": "sig"}:
        raise GrantError("unknown_key", "the grant's key is none to verify grants with")
    try:
        x, y = (int.from_bytes(_bytes(key[name])) for name in ("x", "y"))
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except (KeyError, TypeError, ValueError, GrantError):
        raise GrantError("unknown_key", "the grant's key is no point of P-256") from None


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        raise GrantError("malformed", "a part of the grant is no JSON") from None
    if not isinstance(value, dict):
        raise GrantError("malformed", "a part of the grant is no JSON object")
    return value


def _bytes(part: str) -> bytes:
    """Decode base64url without padding, in the one spelling that it has. Raises GrantError."""
    try:
        content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) if _BASE64URL.fullmatch(part) else b""
    except (binascii.Error, TypeError):
        content = b""
    if not content or base64.urlsafe_b64encode(content).rstrip(b"=") != part.encode():
        raise GrantError("malformed", "a part of the grant is no base64url")
    return content
