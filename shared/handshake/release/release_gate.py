"""The release gate: are the tables what the code needs, and do the new versions do what they must and refuse the rest?

Everything it does is real and in the reserved tenant, by principals and agents of one run only, so runs at the same
time do not meet and nothing that callers did or do decides how it ends.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from handshake.core.jsonio import canonical
from handshake.core.synthetic import MEMBER, RESERVED
from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.dynamo.context import Context
from handshake.release.preflight import table_shortfalls, unapplied_migrations
from handshake.trust.identity import SCOPE_AGENTS_READ
from handshake.trust.secret import TrustSecret
from handshake.trust.token import Binding, mint_token


class NotReadyError(Exception):
    """The release may not have traffic. The message says why, and quotes no key, token or envelope."""


class Versions(Protocol):
    """The versions that are to have traffic, by the folder of their function."""

    def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give ``function``'s version an event of API Gateway's shape. Raises NotReadyError."""
        ...


@dataclass(frozen=True)
class Release:
    """A release that is to have traffic, and its stack. ``issuer`` is an ARN whose envelopes are believed.

    ``migrations`` are those the release needs, by the SHA-256 of their files; ``dynamodb`` is a botocore client;
    ``stack`` is the stack's name. Where it ``serves_people``, their function is a version of its own.
    """

    context: Context
    dynamodb: Any
    secret: TrustSecret
    versions: Versions
    migrations: Mapping[str, str]
    issuer: str
    stack: str
    serves_people: bool = False


def ensure_ready(release: Release) -> list[str]:
    """Say what was checked, in order. Raises NotReadyError, or whatever kept a check from being made."""
    return [*_preflight(release), *_SyntheticCalls(release).run()]


def _preflight(release: Release) -> Iterator[str]:
    context = release.context
    lacks = list(table_shortfalls(release.dynamodb, context.tables))
    # Without the table there is nowhere to look migrations up. To describe all took a time of its own, and a release is
    # not refused because that was long.
    dynamo = context.dynamo.within(RETRY_BUDGET_S)
    lacks = lacks or list(unapplied_migrations(dynamo, context.tables, release.migrations))
    if lacks:
        raise NotReadyError("; ".join(lacks))
    yield f"tables are what the code needs, {len(release.migrations)} migrations applied"


@dataclass(frozen=True)
class _Route:
    function: str
    method: str
    resource: str


class _SyntheticCalls:
    """One run through the new versions."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._run = release.context.new_id()
        self._name = f"{RESERVED}-{self._run}"
        self._envelope = canonical(
            {
                "principalId": self._name,
                "subjectType": "human",
                "tenantId": RESERVED,
                "roles": [],
                "scopes": [SCOPE_AGENTS_READ],
            }
        )

    def run(self) -> Iterator[str]:
        """Give the checks, one by one."""
        checks = [self._escalate, self._approve, self._authorize, self._claim, self._apply, self._read]
        if self._release.serves_people:
            checks.append(self._people)
        for check in checks:
            yield check()

    def _escalate(self) -> str:
        # Data access is decided by no stored policy, so no policy in force decides how the calls end.
        self._request = {
            "requestId": self._name,
            "principalId": self._name,
            "agentId": self._name,
            "tenantId": RESERVED,
            "actionType": "data_access",
            "payloadRef": "rehearsal",
            "timestamp": self._release.context.now_ms(),
            "context": {"sensitivity": "ambiguous"},
        }
        submit = _Route("workflow", "POST", "/workflow/requests")
        escalated = self._call(submit, self._request, answers=(200, "hitl_sensitive_ambiguous_escalated"))
        self._digest = escalated["actionDigest"]
        read = _Route("workflow", "GET", "/workflow/decision-room/{requestId}")
        self._call(read, envelope=False, answers=(401, "security_missing_identity_envelope"))
        return "an ambiguous request escalates, and nobody without an envelope reads it"

    def _approve(self) -> str:
        action, key = {"requestId": self._name, "action": "approve"}, {"x-idempotency-key": self._run}
        act = _Route("decision_room", "POST", "/workflow/decision-room/action")
        approved = self._call(act, action, headers=key, answers=(200, "hitl_approved"))
        self._call(act, action, headers=key, answers=(409, "security_replay_detected"))
        self._artifact = approved["artifact"]
        return "its approval counts once, and its replay is refused"

    def _authorize(self) -> str:
        authorize = _Route("workflow", "POST", "/workflow/authorize-execution")
        own = {"request": self._request, "artifact": self._artifact}
        self._call(authorize, own, answers=(200, "security_artifact_authorized"))
        other = own | {"request": self._request | {"payloadRef": "another"}}
        self._call(authorize, other, answers=(409, "security_decision_context_mismatch"))
        return "the approved request may be carried out, and no other on its artifact"

    def _claim(self) -> str:
        claim = _Route("grants", "POST", "/workflow/grants")
        body = {"requestId": self._name, "actionDigest": self._digest}
        claimed = self._call(claim, body, answers=(200, None))
        self._call(claim, body, answers=(409, "security_grant_consumed"))
        keys = self._call(_Route("grants", "GET", "/.well-known/jwks.json"), answers=(200, None))["keys"]
        if not (keys and claimed.get("grant")):
            raise NotReadyError("a grant was claimed, and nothing that verifies it is published")
        return "its grant is signed and claimed once"

    def _apply(self) -> str:
        rules = [{"id": "rehearsal", "key": "max_transaction", "value": 1}]
        policy = {"scope": "agent", "scopeId": self._name, "rules": rules}
        apply, token = (
            _Route("policy_apply", "POST", "/policy/apply"),
            {"x-internal-trust-context": self._token(policy)},
        )
        self._call(apply, policy, answers=(401, "security_missing_internal_trust_context"))
        applied = self._call(apply, policy, headers=token, answers=(200, None))
        self._call(apply, policy, headers=token, answers=(409, "security_replay_detected"))
        self._version = applied["policyVersion"]
        return "a policy is applied with a token and not without, and the replay of the token is refused"

    def _read(self) -> str:
        query = {"scope": ["agent"], "scopeId": [self._name]}
        config = self._call(_Route("policy", "GET", "/policy/config"), query=query, answers=(200, None))
        if config.get("policyVersion") != self._version:
            raise NotReadyError("the policy that was applied is not the one that is read")
        agent = _Route("agents", "GET", "/agents/{agentId}")
        self._call(agent, answers=(404, "security_agent_not_found"))
        self._call(agent, envelope=False, answers=(401, "security_missing_identity_envelope"))
        self._call(_Route("metrics", "GET", "/metrics/summary"), answers=(200, None))
        return "the policy that was applied is read, agents are looked up, and metrics are answered"

    def _people(self) -> str:
        me = _Route("people", "GET", "/api/me")
        self._call(me, answers=(401, "security_token_invalid"))
        return "nobody comes in by the people's door without an ID token"

    def _token(self, body: Any) -> str:
        labels = self._release.secret.labels()
        current = self._release.secret.version(labels.current) if labels.current else None
        if current is None:
            raise NotReadyError("the trust secret has no current version: security_internal_trust_config_missing")
        binding = Binding.to(canonical(body).encode(), self._release.stack)
        return mint_token(current.key, now_s=self._release.context.now_ms() // 1000, jti=self._name, binding=binding)

    def _call(
        self,
        route: _Route,
        body: Any = None,
        *,
        answers: tuple[int, str | None],
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, list[str]] | None = None,
        envelope: bool = True,
    ) -> Mapping[str, Any]:
        """Give the answer's body. Raises NotReadyError unless status and reason code are what the call ``answers``."""
        sent = {"x-correlation-id": self._name, **(headers or {})}
        if envelope:
            sent["x-identity-envelope"] = self._envelope
        event = {
            MEMBER: True,
            "httpMethod": route.method,
            "resource": route.resource,
            "pathParameters": {name: self._name for name in ("requestId", "agentId") if f"{{{name}}}" in route.resource}
            or None,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "multiValueQueryStringParameters": query,
            "requestContext": {"identity": {"userArn": self._release.issuer}},
            "body": None if body is None else canonical(body),
            "isBase64Encoded": False,
        }
        answer = self._release.versions.invoke(route.function, event)
        said: Mapping[str, Any] = json.loads(answer["body"])
        found = (answer["statusCode"], said.get("reasonCode"))
        if found != answers:
            raise NotReadyError(f"{route.method} {route.resource} answered {_said(found)} instead of {_said(answers)}")
        return said


def _said(answer: tuple[int, str | None]) -> str:
    return " ".join(map(str, filter(None, answer)))
