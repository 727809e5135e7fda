"""One call of one operation, before anything about HTTP clients."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from handshake_rail._generated.models import IdentityEnvelope

Envelope = IdentityEnvelope
"""Says whom a call is for: what ``x-identity-envelope`` holds."""

SUBMITTING = frozenset({"submitRequest", "authorizeExecution"})
"""Operations that an envelope may go with, and must where the stack has SubmissionIdentity=envelope."""

_REPEATABLE: Final = frozenset(
    {"submitRequest", "authorizeExecution", "simulatePolicy", "projectEvent", "reportOutcome"}
)

# Sent as SigV4 encodes, so that what is signed is what arrives.
_SAFE = "-_.~"
_DOTS = {".": "%2E", "..": "%2E%2E"}  # as path segments they would lead elsewhere


@dataclass(frozen=True)
class Operation:
    """One route, and what it takes beside a signature."""

    id: str
    method: str
    path: str
    envelope: bool = False
    token: bool = False
    idempotency_key: bool = False

    @property
    def repeatable(self) -> bool:
        """Say whether carrying it out twice comes to what once does: reads, what has an id or a key of its own."""
        return self.method == "GET" or self.idempotency_key or self.id in _REPEATABLE


@dataclass(frozen=True)
class Call:
    """``query`` values that are None are left out. What has no key or correlation id is given one, for all attempts."""

    operation: Operation
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    envelope: Envelope | None = None
    trust_token: str | None = None
    idempotency_key: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True)
class Request:
    """Everything that each attempt of a call sends."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    correlation_id: str


def content_of(call: Call) -> bytes | None:
    """Give the bytes of the body of ``call``, None where it has none."""
    return None if call.body is None else json.dumps(call.body, allow_nan=False).encode()


def request_of(call: Call, base_url: str, *, envelope: Envelope | None, trust_token: str | None) -> Request:
    """Give ``call`` as HTTP. ``envelope`` and ``trust_token`` are the ones to use, wherever they come from."""
    operation = call.operation
    correlation_id = call.correlation_id or str(uuid.uuid4())
    headers = {"accept": "application/json", "x-correlation-id": correlation_id}
    if envelope is not None:
        headers["x-identity-envelope"] = json.dumps(envelope)
    if trust_token is not None:
        headers["x-internal-trust-context"] = trust_token
    if operation.idempotency_key:
        headers["x-idempotency-key"] = str(uuid.uuid4()) if call.idempotency_key is None else call.idempotency_key
    content = content_of(call)
    if content is not None:
        headers["content-type"] = "application/json"
    path = operation.path.format_map(
        {name: _DOTS.get(value) or quote(value, _SAFE) for name, value in call.path.items()}
    )
    query = urlencode({k: v for k, v in call.query.items() if v is not None}, quote_via=quote, safe=_SAFE)
    url = base_url.rstrip("/") + path + (f"?{query}" if query else "")
    return Request(operation.method, url, headers, content, correlation_id)
