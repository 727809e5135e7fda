"""The trust token: a short-lived HS256 JWT, good for one change of policies or tools (contract.md section 2).

Verified here rather than by a JWT library: one algorithm, one type and one key family leave nothing to
negotiate, which is what algorithm-confusion attacks need. The signature is checked before any claim, so a
caller without the key learns nothing about claims, by answer or by time.
"""

import hashlib
import hmac
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from handshake.core.compact import BadPartError, decoded, decoded_object, encoded
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import canonical, number
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault

T = TypeVar("T")

MAX_TOKEN_BYTES: Final = 4096
ISSUER: Final = "handshake-edge"
AUDIENCE: Final = "handshake-core"
Subject = Literal["policy.apply", "policy.tools"]
SUBJECT: Final[Subject] = "policy.apply"
TOOLS_SUBJECT: Final[Subject] = "policy.tools"
CLOCK_SKEW_S: Final = 30
MAX_LIFETIME_S: Final = 15 * 60
MIN_GUARD_LIFETIME_S: Final = 300
MIN_JTI_LENGTH: Final = 8


@dataclass(frozen=True)
class TrustClaims:
    """The claims of a verified token. ``guard_until_s`` is when its jti can be forgotten, in epoch seconds."""

    jti: str
    issuer: str
    guard_until_s: int
    principal_id: str | None
    trace_id: str | None


@dataclass(frozen=True)
class Binding:
    """The call that a token may be bound to: the SHA-256 of its body's bytes, in lower-case hex, and the stack's name.

    What a token claims of either must be this, and where it is ``required`` it must claim both. None is unknown, and
    nothing that a token claims is that.
    """

    body_sha256: str | None = None
    stack: str | None = None
    required: bool = False

    @classmethod
    def to(cls, body: bytes, stack: str | None, *, required: bool = False) -> "Binding":
        """Give the binding to a call with ``body``."""
        return cls(hashlib.sha256(body).hexdigest(), stack, required)


UNBOUND: Final = Binding()


def verify_token(
    token: str | None,
    *,
    keys: Sequence[bytes],
    now_s: float,
    binding: Binding = UNBOUND,
    subject: Subject = SUBJECT,
) -> TrustClaims:
    """Verify a compact JWT against each of ``keys`` (the current one first) at ``now_s`` epoch seconds.

    ``subject`` is what it must be good for.

    Raises HandshakeError: security_missing_internal_trust_context (absent or blank),
    security_internal_trust_config_missing (no usable key), security_invalid_internal_trust_context
    (anything malformed or wrong) or security_internal_trust_context_expired (too old or not yet valid).
    """
    if token is None or not token.strip():
        raise HandshakeError(
            ReasonCode.SECURITY_MISSING_INTERNAL_TRUST_CONTEXT,
            "The x-internal-trust-context header is required.",
        )
    usable = [key for key in keys if key]
    if not usable:
        raise HandshakeError(
            ReasonCode.SECURITY_INTERNAL_TRUST_CONFIG_MISSING,
            "No trust key is configured, so no token is believed.",
        )
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise _invalid("it is over-long or not ASCII")
    parts = token.split(".")
    if len(parts) != 3:
        raise _invalid("it is not a compact JWT")
    signed = f"{parts[0]}.{parts[1]}".encode()
    signature = _read(decoded, parts[2])
    matches = [hmac.compare_digest(_sign(key, signed), signature) for key in usable]
    if not any(matches):
        raise _invalid("its signature does not verify")
    header = _read(decoded_object, parts[0])
    if header.get("alg") != "HS256" or header.get("typ") != "JWT" or "crit" in header:
        raise _invalid("its header is not HS256 and JWT")
    return _check_claims(_read(decoded_object, parts[1]), now_s, binding, subject)


def mint_token(
    key: bytes,
    *,
    now_s: int,
    jti: str,
    lifetime_s: int = 300,
    principal_id: str | None = None,
    trace_id: str | None = None,
    binding: Binding = UNBOUND,
    subject: Subject = SUBJECT,
) -> str:
    """Sign a token as the trusted edge does, bound to what ``binding`` knows.

    ``lifetime_s`` above MAX_LIFETIME_S makes one nobody accepts.
    """
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now_s,
        "exp": now_s + lifetime_s,
        "jti": jti,
    }
    optional = {
        "principalId": principal_id,
        "traceId": trace_id,
        "bodySha256": binding.body_sha256,
        "stack": binding.stack,
    }
    claims |= {name: value for name, value in optional.items() if value}
    signed = f"{encoded(canonical({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{encoded(canonical(claims).encode())}"
    return f"{signed}.{encoded(_sign(key, signed.encode()))}"


def _check_claims(claims: dict[str, Any], now_s: float, binding: Binding, subject: Subject) -> TrustClaims:
    if (claims.get("iss"), claims.get("aud"), claims.get("sub")) != (ISSUER, AUDIENCE, subject):
        raise _invalid("its issuer, audience or subject is not the trusted edge's")
    jti: Any = claims.get("jti")
    if fault := id_fault(jti):
        raise _invalid(f"its jti {fault}")
    if len(jti) < MIN_JTI_LENGTH:
        raise _invalid(f"its jti has fewer than {MIN_JTI_LENGTH} characters")
    issued, expires = number(claims.get("iat")), number(claims.get("exp"))
    not_before = number(claims["nbf"]) if "nbf" in claims else issued
    if issued is None or expires is None or not_before is None:
        raise _invalid("its times are not numbers")
    if expires <= issued or expires - issued > MAX_LIFETIME_S:
        raise _invalid("it is valid for no time, or for longer than 15 minutes")
    for name in ("principalId", "traceId"):
        if name in claims and (fault := id_fault(claims[name])):
            raise _invalid(f"its {name} {fault}")
    for name, bound_to, what in (("bodySha256", binding.body_sha256, "body"), ("stack", binding.stack, "stack")):
        if name not in claims and binding.required:
            raise _invalid(f"it is bound to no {what}: {name} is required")
        if name in claims and (bound_to is None or claims[name] != bound_to):
            raise _invalid(f"it is bound to another {what}")
    if max(issued, not_before) - CLOCK_SKEW_S > now_s or expires + CLOCK_SKEW_S <= now_s:
        raise HandshakeError(
            ReasonCode.SECURITY_INTERNAL_TRUST_CONTEXT_EXPIRED, "The trust token is too old or not yet valid."
        )
    # The guard outlives the last moment the token could pass, so a jti cannot come back with its token.
    guard_until = max(math.ceil(expires) + CLOCK_SKEW_S, math.ceil(now_s) + MIN_GUARD_LIFETIME_S)
    return TrustClaims(jti, ISSUER, guard_until, claims.get("principalId"), claims.get("traceId"))


def _sign(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, hashlib.sha256)


def _read(reader: Callable[[str], T], part: str) -> T:
    try:
        return reader(part)
    except BadPartError as fault:
        raise _invalid(str(fault)) from None


def _invalid(why: str) -> HandshakeError:
    return HandshakeError(ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT, f"The trust token is refused: {why}.")
