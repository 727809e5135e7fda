"""Trust tokens that say anything, and what presenting one comes to."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.service import Reply, Service, apply_policy, for_agent, unique
from tests.support.store import kept

INVALID = (401, "security_invalid_internal_trust_context")
EXPIRED = (401, "security_internal_trust_context_expired")

HEADER = {"alg": "HS256", "typ": "JWT"}
NOW_S = 1_772_720_700


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def json_part(value: Any) -> str:
    return encoded(json.dumps(value).encode())


def signed(text: str, key: bytes, digest: Callable[..., Any] = hashlib.sha256) -> str:
    return f"{text}.{encoded(hmac.new(key, text.encode(), digest).digest())}"


def forged(service: Service, claims: Mapping[str, Any], header: Mapping[str, Any] = HEADER) -> str:
    """Give a token that says anything, properly signed."""
    return signed(f"{json_part(header)}.{json_part(claims)}", service.trust_key)


def claims(now_s: float | None = None, **changes: Any) -> dict[str, Any]:
    """Give good claims, changed; a change to None leaves one out."""
    issued = int(time.time()) if now_s is None else now_s
    claims = {
        "iss": "handshake-edge",
        "aud": "handshake-core",
        "sub": "policy.apply",
        "iat": issued,
        "exp": issued + 300,
        "jti": uuid.uuid4().hex,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def present(service: Service, shown: str | None) -> Reply:
    """Apply a policy to an agent of its own, by the authority of ``shown``."""
    agent = unique("agent")
    reply = apply_policy(service, for_agent(agent, max_transaction=1), token=shown)
    stored = kept(service, service.tables.policy, pk=f"SCOPE#agent#{agent}")
    assert bool(stored) is (reply.status == 200), "the answer and the store tell different stories"
    return reply
