"""One face for every place the service runs in tests: handlers in this process, or a deployed stack over HTTP."""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, quote, urlencode

from functions.agents.app import handler as agents
from functions.decision_room.app import handler as decision_room
from functions.grants.app import handler as grants
from functions.metrics.app import handler as metrics
from functions.people.app import handler as people
from functions.policy.app import handler as policy
from functions.policy_apply.app import handler as policy_apply
from functions.workflow.app import handler as workflow
from handshake.api.http import HttpHandler
from handshake.api.runtime import Runtime
from handshake.core.jsonio import digest
from handshake.dynamo.client import Store
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.trust.signer import issuer_roles
from handshake.trust.token import TOOLS_SUBJECT, mint_token
from ops.local.signing_edge import Upstream
from ops.local.stack import LocalStack
from tests.support.grants import SIGNER
from tests.support.logs import MARKER
from tests.support.workflow_requests import a_body

PSEUDONYM_KEY = b"a key of the tests"
TRUST_KEY = b"local-trust-secret"
ISSUER_ARN = "arn:aws:iam::000000000000:role/edge/handshake-edge"
SIGNER_ARN = "arn:aws:sts::000000000000:assumed-role/handshake-edge/session"
STRANGER_ARN = "arn:aws:sts::000000000000:assumed-role/handshake-stranger/session"

HANDLERS = (workflow, decision_room, grants, policy_apply, policy, agents, metrics)
"""Those of the API that callers reach; people have a door of their own."""
ROUTES = sorted(route for handler in HANDLERS for route in handler.routes)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; ``body`` is its parsed JSON, header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def reason(self) -> str | None:
        """Give the machine-readable reason code."""
        code: str | None = self.body.get("reasonCode")
        return code

    @property
    def outcome(self) -> tuple[int, str | None]:
        """Status and reason code, which together say how a call ended."""
        return self.status, self.reason


class Service(Protocol):
    """A running service and the store behind it."""

    @property
    def dynamodb(self) -> Any:
        """Give a client of the store."""

    @property
    def tables(self) -> Tables:
        """Return the tables that the service keeps in it."""

    @property
    def trust_key(self) -> bytes:
        """Return the key that trust tokens are signed with."""

    def send(self, method: str, path: str, *, headers: Mapping[str, str], body: str | None) -> Reply:
        """Give one call signed by an envelope issuer."""

    def by_stranger(self) -> "Service":
        """Give the same service, called by somebody the API admits and whose envelopes are not believed."""

    def another(self) -> "Service":
        """Give an environment for one of several calls at once."""


def now_ms() -> int:
    """Give the time, in epoch ms."""
    return time.time_ns() // 1_000_000


@dataclass
class FixedKeys:
    """Trust keys that are simply there."""

    keys: list[bytes]

    def read(self, *, max_age_s: float) -> list[bytes]:  # noqa: ARG002 - never stale
        """See TrustKeys."""
        return self.keys


@dataclass
class InProcess:
    """The handlers themselves, on any DynamoDB; ``dataclasses.replace`` gives one that differs.

    Time stands still for their patience with the store, unless ``clock`` runs: how long tests who share one machine
    take says nothing of the service. ``settings`` are those of Runtime that template parameters make.
    """

    dynamodb: Any
    tables: Tables
    trust_key: bytes = TRUST_KEY
    signer_arn: str = SIGNER_ARN
    now_ms: Callable[[], int] = now_ms
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = lambda: 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    runtime: Runtime = field(init=False)

    def __post_init__(self) -> None:
        self.runtime = Runtime(
            store=Store(self.dynamodb, clock=self.clock, pause=self.pause),
            tables=self.tables,
            now_ms=self.now_ms,
            new_id=lambda: str(uuid.uuid4()),
            trust_keys=FixedKeys([self.trust_key]),
            issuers=issuer_roles([ISSUER_ARN]),
            pseudonym_key=PSEUDONYM_KEY,
            **{"grant_signer": SIGNER, **self.settings},
        )

    @property
    def context(self) -> Context:
        """Give the context of an invocation of its own, for a use case that is called directly."""
        with self.runtime.invocation() as context:
            return context

    def send(self, method: str, path: str, *, headers: Mapping[str, str], body: str | None) -> Reply:
        """Call the handler of the route that ``path`` matches, as API Gateway would."""
        event, handler = self.event(method, path, headers=headers, body=body)
        answer = handler.using(self.runtime)(event, None)
        return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]))

    def by_stranger(self) -> Self:
        """See Service."""
        return replace(self, signer_arn=STRANGER_ARN)

    def another(self) -> Self:
        """See Service."""
        return replace(self)

    def event(
        self, method: str, path: str, *, headers: Mapping[str, str], body: str | None
    ) -> tuple[dict[str, Any], HttpHandler]:
        """Build the event that API Gateway would send for a call, and the handler of its route."""
        path, _, query = path.partition("?")
        # A literal route goes before one with a parameter, as in API Gateway.
        routes = sorted(
            (
                (resource, handler)
                for handler in (*HANDLERS, people)
                for verb, resource in handler.routes
                if verb == method
            ),
            key=lambda route: "{" in route[0],
        )
        for resource, handler in routes:
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource), path)
            if match:
                event = {
                    "httpMethod": method,
                    "resource": resource,
                    "pathParameters": match.groupdict() or None,
                    "multiValueQueryStringParameters": parse_qs(query, keep_blank_values=True) or None,
                    "multiValueHeaders": {name: [value] for name, value in headers.items()},
                    "requestContext": {"identity": {"userArn": self.signer_arn}},
                    "body": body,
                    "isBase64Encoded": False,
                }
                return event, handler
        raise LookupError(f"{method} {path} is no route")


@dataclass(frozen=True)
class Deployed:
    """The stack as deployed, called over HTTP with signatures that API Gateway checks."""

    dynamodb: Any
    tables: Tables
    trust_key: bytes
    caller: Upstream
    stranger: Upstream

    @classmethod
    def on(cls, stack: LocalStack) -> Self:
        """Give the service that ``stack`` runs."""
        return cls(
            dynamodb=stack.client("dynamodb"),
            tables=Tables(**stack.tables),
            trust_key=stack.trust_secret.encode(),
            caller=Upstream(stack.api_url, credentials=stack.issuer, region=stack.region),
            stranger=Upstream(stack.api_url, credentials=stack.stranger, region=stack.region),
        )

    def send(self, method: str, path: str, *, headers: Mapping[str, str], body: str | None) -> Reply:
        """Sign and send."""
        content = {} if body is None else {"content-type": "application/json"}
        answer = self.caller.send(method, path, headers=content | dict(headers), body=(body or "").encode())
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, names, json.loads(answer.data))

    def by_stranger(self) -> Self:
        """See Service."""
        return replace(self, caller=self.stranger)

    def another(self) -> Self:
        """See Service."""
        return self


def get(
    service: Service,
    path: str,
    *,
    envelope: Any = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Give a GET for the principal of ``envelope`` (a dict, or the header's own text)."""
    target = f"{path}?{urlencode(query)}" if query else path
    return service.send("GET", target, headers={**_identity(envelope), **(headers or {})}, body=None)


def post(
    service: Service,
    path: str,
    body: Any,
    *,
    envelope: Any = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Give a POST of ``body`` (text is sent as it is, anything else as JSON)."""
    text = body if isinstance(body, str) else json.dumps(body)
    trust = {"x-internal-trust-context": token} if token is not None else {}
    return service.send("POST", path, headers={**_identity(envelope), **trust, **(headers or {})}, body=text)


def unique(kind: str) -> str:
    """Give a name that nothing else in the store has."""
    return f"{kind}-{MARKER}-{uuid.uuid4().hex[:12]}"


def tenant_of(agent_id: Any) -> str:
    """Give the tenant of an agent's submissions, where a test names none: the same for the same agent."""
    return f"tenant-{MARKER}-{digest(str(agent_id))[:12]}"


def submission(action_type: str = "payment", /, **changes: Any) -> dict[str, Any]:
    """Build a body (see ``a_body``) that is due now, of a request, principal, agent and tenant of its own."""
    agent_id = changes.get("agentId", unique("agent"))
    fresh = {
        "requestId": unique("req"),
        "principalId": unique("principal"),
        "agentId": agent_id,
        "tenantId": tenant_of(agent_id),
        "timestamp": now_ms(),
    }
    return a_body(action_type, **(fresh | changes))


def submit(service: Service, body: Any) -> Reply:
    """Submit ``body`` as it is."""
    return post(service, "/workflow/requests", body)


def artifact_in(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Give the decision artifact in the answer to a submission."""
    others = ("state", "requestTimestamp", "actionDigest", "pollAfterMs")
    return {name: value for name, value in answer.items() if name not in others}


def decided(service: Service, decision: str, **changes: Any) -> dict[str, Any]:
    """Give a submitted request that was decided so: ``allow``, ``deny`` or ``escalate``."""
    amount = {"allow": 10, "deny": 5000, "escalate": 150}[decision]
    body = submission(**{"context": {"amount": amount, "category": "ops"}, **changes})
    reply = submit(service, body)
    if reply.status == 503 and isinstance(service, Deployed):
        # A busy machine's emulator may take longer than the service waits for its store; callers come again.
        reply = submit(service, body)
    assert (reply.status, reply.body.get("decision")) == (200, decision), reply
    return body


def escalated(service: Service, **changes: Any) -> dict[str, Any]:
    """Give a submitted request that waits for a person."""
    return decided(service, "escalate", **changes)


def human(principal_id: str, **changes: Any) -> dict[str, Any]:
    """Give the envelope of a person."""
    return {"principalId": principal_id, "subjectType": "human", "roles": [], "scopes": []} | changes


def own(request: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Give the envelope of the request's own principal, a person."""
    return human(request["principalId"]) | changes


def token(service: Service, **changes: Any) -> str:
    """Give a fresh trust token."""
    claims: dict[str, Any] = {"now_s": int(time.time()), "jti": unique("jti")}
    return mint_token(service.trust_key, **(claims | changes))


def act(
    service: Service, request: Mapping[str, Any], action: Any = "approve", *, key: str | None = None, **changes: Any
) -> Reply:
    """Give a decision action on ``request`` by its own principal, unless ``envelope`` says otherwise."""
    envelope = changes.pop("envelope", own(request))
    headers = {"x-idempotency-key": key} if key is not None else {}
    body = {"requestId": request["requestId"], "action": action} | changes
    return post(service, "/workflow/decision-room/action", body, envelope=envelope, headers=headers)


def extend(
    service: Service, request: Mapping[str, Any], seconds: Any = 600, *, key: str | None = None, **changes: Any
) -> Reply:
    """Give an extension of the deadline of ``request`` by its own principal, unless ``envelope`` says otherwise."""
    envelope = changes.pop("envelope", own(request))
    headers = {"x-idempotency-key": key} if key is not None else {}
    body = {"requestId": request["requestId"], "seconds": seconds} | changes
    return post(service, "/workflow/decision-room/extend", body, envelope=envelope, headers=headers)


def revoke(service: Service, request: Mapping[str, Any], **changes: Any) -> Reply:
    """Give a revocation of ``request`` by its own principal, unless ``envelope`` says otherwise."""
    envelope = changes.pop("envelope", own(request))
    body = {"requestId": request["requestId"], "reason": "it was a mistake"} | changes
    return post(service, "/workflow/decision-room/revoke", body, envelope=envelope)


def claim(
    service: Service, request: Mapping[str, Any], *, key: str | None = None, digest: Any = None, **changes: Any
) -> Reply:
    """Give a claim of the grant of ``request`` by its own principal, unless ``envelope`` says otherwise.

    Without a ``digest`` the claim has that of the request, as it is shown to who submits it again.
    """
    envelope = changes.pop("envelope", own(request))
    shown = digest or submit(service, {**request, "timestamp": now_ms()}).body["actionDigest"]
    headers = {"x-idempotency-key": key} if key is not None else {}
    body = {"requestId": request["requestId"], "actionDigest": shown} | changes
    return post(service, "/workflow/grants", body, envelope=envelope, headers=headers)


def report(service: Service, grant_id: str, *, envelope: Any, **changes: Any) -> Reply:
    """Give the report that what a grant allowed has succeeded, unless ``changes`` say otherwise."""
    body = {"status": "succeeded"} | changes
    return post(service, f"/workflow/grants/{quote(grant_id, safe='')}/outcome", body, envelope=envelope)


def apply_policy(service: Service, body: Any, **options: Any) -> Reply:
    """Give a policy apply by an operator with a fresh token, unless ``envelope`` or ``token`` say otherwise."""
    options = {"envelope": human("operator"), "token": token(service)} | options
    return post(service, "/policy/apply", body, **options)


def register_tools(service: Service, body: Any, **options: Any) -> Reply:
    """Give a registration of tools by an operator, with a fresh token unless ``options`` say otherwise."""
    options = {"envelope": human("operator"), "token": token(service, subject=TOOLS_SUBJECT)} | options
    return post(service, "/policy/tools", body, **options)


def rules(**values: Any) -> list[dict[str, Any]]:
    """Give well-formed rules, one a key."""
    return [{"id": f"rule-{key}", "key": key, "value": value} for key, value in values.items()]


def for_agent(agent_id: str, **values: Any) -> dict[str, Any]:
    """Give the body that gives an agent a policy of its own."""
    return {"scope": "agent", "scopeId": agent_id, "rules": rules(**values)}


def reported_event(**changes: Any) -> dict[str, Any]:
    """Give a well-formed metrics event, changed as asked."""
    event = {
        "eventId": unique("event"),
        "requestId": unique("req"),
        "timestampMs": now_ms(),
        "decision": "deny",
        "reasonCode": "security_token_invalid",
        "reasonFamily": "security",
        "riskTier": "critical",
    }
    return event | changes


def _identity(envelope: Any) -> dict[str, str]:
    if envelope is None:
        return {}
    return {"x-identity-envelope": envelope if isinstance(envelope, str) else json.dumps(envelope)}
