"""Makes grants as the service does, with keys of the tests, and whatever else calls itself one."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from handshake_rail import action_digest, models

NOW: Final = 1_772_720_700
REQUEST: Final[models.Submission] = {
    "requestId": "pay-1",
    "principalId": "ana",
    "agentId": "buyer",
    "tenantId": "acme",
    "actionType": "payment",
    "payloadRef": "invoice:17",
    "timestamp": NOW * 1000,
    "context": {"amount": 150, "category": "ops"},
}
HEADER: Final = {"alg": "ES256", "typ": "handshake-grant+jwt"}


def claims(**changed: Any) -> dict[str, Any]:
    """Give the claims of a grant for REQUEST, issued now; what is changed to None is left out."""
    whole = {
        "iss": "handshake:local",
        "aud": "handshake-executor",
        "sub": "buyer",
        "jti": "grant-1",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 60,
        "req": "pay-1",
        "act": action_digest(REQUEST),
        "ten": "acme",
        "prn": "ana",
        "apr": "ana",
        "pol": {"global": "v1"},
        "evh": "0" * 64,
    } | changed
    return {name: value for name, value in whole.items() if value is not None}


@dataclass(frozen=True)
class Signer:
    """A key of a stack, and its name there."""

    kid: str = "key-1"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def sign(self, content: bytes | Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """Give a grant with ``content``."""
        head: dict[str, Any] = {**HEADER, "kid": self.kid, **(header or {})}
        signed = f"{b64(head)}.{b64(content)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"

    @property
    def jwk(self) -> dict[str, str]:
        """Give its public half as the stack publishes it."""
        numbers = self.key.public_key().public_numbers()
        point = {"x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256", **point}


def published(*signers: Signer) -> models.KeySet:
    """Give what ``/.well-known/jwks.json`` says of ``signers``."""
    return cast("models.KeySet", {"keys": [signer.jwk for signer in signers]})


def b64(value: bytes | Mapping[str, Any]) -> str:
    """Write bytes, or the JSON of an object, in base64url."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
