"""Call handlers in this process, each time without one protection, on a store that refuses everything."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from handshake.api import telemetry
from handshake.api.http import HttpHandler, Route
from handshake.api.runtime import Runtime
from handshake.dynamo.client import Store
from handshake.dynamo.tables import Tables
from handshake.trust.signer import issuer_roles
from handshake.trust.token import MAX_LIFETIME_S, SUBJECT, TOOLS_SUBJECT, Subject, mint_token

_KEY: Final = b"a key of this probe's own"
_ISSUER: Final = "arn:aws:iam::000000000000:role/handshake-edge"
_SIGNER: Final = "arn:aws:sts::000000000000:assumed-role/handshake-edge/probe"
_STRANGER: Final = "arn:aws:sts::000000000000:assumed-role/somebody-else/probe"
_ENVELOPE: Final = json.dumps({"principalId": "probe", "subjectType": "human"})
_METRICS: Final = "metrics"

ENVELOPE_CODES: Final = frozenset(
    {
        "security_missing_identity_envelope",
        "security_invalid_identity_envelope",
        "security_identity_envelope_required",
    }
)
TOKEN_CODES: Final = frozenset(
    {
        "security_missing_internal_trust_context",
        "security_invalid_internal_trust_context",
        "security_internal_trust_context_expired",
        "security_internal_trust_config_missing",
    }
)


@dataclass(frozen=True)
class Probe:
    """A call that lacks ``without``, and the code that must refuse it."""

    without: str
    code: str
    envelope: str | None = _ENVELOPE
    token: str | None = None
    signer: str = _SIGNER
    keys: tuple[bytes, ...] = (_KEY,)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A handler's answer. ``touched`` are its calls to the store beyond the count of the refusal."""

    code: str
    touched: tuple[str, ...]


def envelope_probes(subject: Subject) -> Iterator[Probe]:
    """Yield a call for every way to lack a believed envelope, with all else in place: a token for ``subject``."""
    token = _token(subject)
    missing, invalid = "security_missing_identity_envelope", "security_invalid_identity_envelope"
    yield Probe("an envelope", missing, envelope=None, token=token)
    yield Probe("an envelope, Authorization in its place", missing, None, token, headers={"Authorization": "Bearer x"})
    yield Probe("an envelope that is JSON", invalid, "{", token)
    yield Probe("an envelope with a principal", invalid, '{"principalId":" "}', token)
    yield Probe("a signer who is an envelope issuer", invalid, token=token, signer=_STRANGER)


def token_probes(subject: Subject) -> Iterator[Probe]:
    """Yield a call for every way to lack a valid trust token for ``subject``, with all else in place."""
    now, invalid = int(time.time()), "security_invalid_internal_trust_context"
    forged = mint_token(b"another key", now_s=now, jti=_jti(), subject=subject)
    other = TOOLS_SUBJECT if subject == SUBJECT else SUBJECT
    yield Probe("a trust token", "security_missing_internal_trust_context")
    yield Probe("a trust token signed with the trust key", invalid, token=forged)
    yield Probe("a trust token that is whole", invalid, token=_token(subject).rpartition(".")[0] + ".")
    yield Probe("a trust token for what it does", invalid, token=_token(other))
    yield Probe(
        "a trust token still valid", "security_internal_trust_context_expired", token=_token(subject, now - 7200)
    )
    yield Probe("a trust token of at most 15 minutes", invalid, token=_token(subject, lifetime_s=MAX_LIFETIME_S + 1))
    yield Probe("a configured trust key", "security_internal_trust_config_missing", token=_token(subject), keys=())


def complete(subject: Subject) -> Probe:
    """Make a call that lacks nothing, its token for ``subject``."""
    return Probe("nothing", "", token=_token(subject))


def without_identity() -> Probe:
    """Make a call as the gateway admits it, with neither envelope nor token."""
    return Probe("envelope and token", "", envelope=None)


def answer_to(route: Route, probe: Probe) -> Outcome:
    """Call the handler of ``route`` with ``probe``, on a store that refuses everything."""
    store = _RefusingStore()
    runtime = Runtime(
        store=Store(store, pause=lambda _: None),
        tables=Tables("workflow", "policy", _METRICS, "replay_guards", "runtime_kv"),
        now_ms=lambda: time.time_ns() // 1_000_000,
        new_id=lambda: str(uuid.uuid4()),
        trust_keys=_Keys(list(probe.keys)),
        issuers=issuer_roles([_ISSUER]),
    )
    headers = {"x-identity-envelope": probe.envelope, "x-internal-trust-context": probe.token, **probe.headers}
    event = {
        "httpMethod": route.method,
        "resource": route.resource,
        "pathParameters": {"requestId": "probe"} if "{requestId}" in route.resource else None,
        "multiValueHeaders": {name: [value] for name, value in headers.items() if value is not None},
        "requestContext": {"identity": {"userArn": probe.signer}},
        "body": "{}" if route.method == "POST" else None,
    }
    telemetry_level = telemetry.logger.log_level
    telemetry.logger.setLevel("CRITICAL")
    try:
        answer = HttpHandler(route).using(runtime)(event, None)
    finally:
        telemetry.logger.setLevel(telemetry_level)
    return Outcome(str(json.loads(answer["body"]).get("reasonCode", "")), tuple(store.touched))


def _token(subject: Subject, now_s: int | None = None, *, lifetime_s: int = 300) -> str:
    return mint_token(_KEY, now_s=now_s or int(time.time()), jti=_jti(), lifetime_s=lifetime_s, subject=subject)


def _jti() -> str:
    return f"probe-{uuid.uuid4()}"


@dataclass
class _Keys:
    keys: list[bytes]

    def read(self, *, max_age_s: float) -> list[bytes]:  # noqa: ARG002 - never stale
        return self.keys


@dataclass
class _RefusingStore:
    """A DynamoDB that records its calls and does nothing. Counting a denial is not recorded."""

    touched: list[str] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            if (operation, parameters.get("TableName")) != ("put_item", _METRICS):
                self.touched.append(operation)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)

        return call
