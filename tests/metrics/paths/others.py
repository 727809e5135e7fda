"""Paths of everything else: reads, policy, metrics, and a store that does not answer."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from functions.workflow.app import handler as workflow
from handshake.core.errors import StoreUnavailableError
from handshake.core.synthetic import MEMBER
from handshake.trust.token import TOOLS_SUBJECT
from ops.openapi.operations import OPERATIONS
from tests.hostile.calls import send
from tests.metrics.paths.path import (
    BINDING,
    DENIED,
    PAUSED,
    REPLAY,
    SHAPE,
    SUBJECT,
    TENANT,
    Counted,
    Path,
    nothing,
    while_paused,
)
from tests.support.clients import FAULTS
from tests.support.endpoints import ENDPOINTS, READS, WRITES, Endpoint, apply, change, failing, register, tool_list
from tests.support.service import (
    HANDLERS,
    InProcess,
    Reply,
    Service,
    apply_policy,
    artifact_in,
    decided,
    for_agent,
    get,
    human,
    post,
    register_tools,
    reported_event,
    submission,
    submit,
    token,
    unique,
)
from tests.support.tokens import claims, forged

_ROOMS: Final = "/workflow/decision-room"
_READS: Final = ("/workflow/requests/{}", "/workflow/evidence/{}", f"{_ROOMS}/{{}}")
_ENVELOPED: Final = (
    (("GET", path) for path in (*_READS, _ROOMS, "/workflow/decisions")),
    (("POST", f"{_ROOMS}/{act}") for act in ("action", "extend", "revoke")),
    (("POST", "/policy/apply"), ("POST", "/policy/tools")),
    (("POST", "/workflow/grants"), ("POST", "/workflow/grants/{}/outcome")),
    (("GET", "/agents"), ("GET", "/agents/{}"), ("PUT", "/agents/{}")),
)


def _sent(method: str, path: str, envelope: str | None) -> Callable[[InProcess, Any], Reply]:
    headers = {} if envelope is None else {"x-identity-envelope": envelope}
    body = None if method == "GET" else "{}"
    return lambda service, _: service.send(method, path.format("r"), headers=headers, body=body)


def _without_identity() -> list[Path]:
    return [
        Path(code, words, nothing, _sent(method, path, envelope), DENIED)
        for method, path in (route for routes in _ENVELOPED for route in routes)
        for code, words, envelope in (
            ("security_missing_identity_envelope", "no envelope", None),
            ("security_invalid_identity_envelope", "an envelope that cannot be believed", "{}"),
        )
    ]


def _by_a_stranger(service: InProcess, _: object) -> Reply:
    return get(service.by_stranger(), "/workflow/requests/r", envelope=human("p"))


def _read(path: str, code: str, words: str, counted: Counted | None, **reader: Any) -> Path:
    def read(service: InProcess, request: Any) -> Reply:
        return get(service, path.format(request["requestId"]), envelope=human("somebody else", **reader))

    missing = code == "hitl_request_not_found"
    return Path(code, words, lambda s: submission() if missing else decided(s, "allow"), read, counted)


def _reads() -> list[Path]:
    return [
        read
        for path in _READS
        for read in (
            _read(path, "hitl_request_not_found", "a read of nothing", None),
            _read(path, "security_read_scope_denied", "a read without scope", DENIED),
            _read(path, TENANT, "a read of another tenant's", DENIED, scopes=["workflow:read:tenant"]),
        )
    ]


def _synthetic(service: InProcess, body: Any) -> Reply:
    event, _ = service.event("POST", "/workflow/requests", headers={}, body=json.dumps(body))
    answer = workflow.using(service.runtime)(event | {MEMBER: True}, None)
    return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def _tried(code: str, words: str, counted: Counted | None = None, /, **how: Any) -> Path:
    """An apply; ``how`` of what can be made of the service only then is a function of it."""

    def call(service: InProcess, _: object) -> Reply:
        options = {name: value(service) if callable(value) else value for name, value in how.items()}
        return apply_policy(service, options.pop("body", for_agent(unique("agent"), max_transaction=1)), **options)

    return Path(code, words, nothing, call, counted)


def _used(service: InProcess) -> dict[str, Any]:
    given = change(service)
    assert apply(service, given).status == 200
    return given


class _NoAnswer:
    def read(self, *, max_age_s: float) -> list[bytes]:  # noqa: ARG002 - it never comes to that
        raise StoreUnavailableError


def _without_secret(send: Callable[..., Reply]) -> Callable[[InProcess, object], Reply]:
    def call(service: InProcess, _: object) -> Reply:
        broken = replace(service)
        broken.runtime = replace(broken.runtime, trust_keys=_NoAnswer())
        return send(broken, {})

    return call


def _agent_scope(**more: Any) -> dict[str, Any]:
    return {"scope": "agent", "scopeId": unique("agent"), **more}


def _listed(code: str, words: str, counted: Counted | None = None, *, body: Any = None, token: Any = ...) -> Path:
    """Give the path of a registration of ``body``, no tools where it is None, by a fresh token or ``token``."""

    def call(service: InProcess, given: Any) -> Reply:
        shown = given["token"] if token is ... else token(service) if callable(token) else token
        return register_tools(service, given["body"] if body is None else body, token=shown)

    return Path(code, words, tool_list, call, counted)


def _used_for_tools(service: Service) -> Any:
    given = tool_list(service)
    assert register(service, given).status == 200
    return given


def _for_tools(service: Service, **changes: Any) -> str:
    return token(service, subject=TOOLS_SUBJECT, **changes)


_INVALID: Final = "security_invalid_internal_trust_context"
APPLIES: Final = (
    _tried("security_missing_internal_trust_context", "an apply without token", DENIED, token=None),
    _tried(_INVALID, "an apply by a forged token", DENIED, token="x.y.z"),
    _tried(_INVALID, "an apply by a token for more than 15 minutes", DENIED, token=lambda s: token(s, lifetime_s=901)),
    _tried(
        "security_internal_trust_context_expired",
        "an apply by an old token",
        DENIED,
        token=lambda s: forged(s, claims(now_s=0)),
    ),
    Path(
        "security_internal_trust_config_missing",
        "an apply where no key is configured",
        nothing,
        lambda service, _: apply_policy(replace(service, trust_key=b""), {}, token="x.y.z"),
        DENIED,
    ),
    _tried(SUBJECT, "an apply by another's token", DENIED, token=lambda s: token(s, principal_id="somebody else")),
    Path(REPLAY, "an apply by a used token", _used, apply, DENIED),
    _tried(SHAPE, "an apply of no scope", body={}),
    _tried(BINDING, "an apply to no agent", body={"scope": "agent", "rules": []}),
    _tried("policy_invalid_policy", "an apply without meaning", body=for_agent("agent", colour="red")),
    _tried(
        "policy_version_conflict",
        "an apply that expects another version",
        body=lambda _: _agent_scope(rules=[], expectedPolicyVersion="v9"),
    ),
    _tried("policy_version_not_found", "an apply of no known version", body=lambda _: _agent_scope(policyVersion="v9")),
    Path(PAUSED, "an apply while mutations are paused", change, while_paused(apply)),
    Path(
        "adapter_store_unavailable",
        "an apply while Secrets Manager does not answer",
        nothing,
        _without_secret(apply_policy),
    ),
    Path("", "an apply", change, apply),
)


REGISTRATIONS: Final = (
    _listed("security_missing_internal_trust_context", "a registration without token", DENIED, token=None),
    _listed(_INVALID, "a registration by a token for policies", DENIED, token=token),
    _listed(
        "security_internal_trust_context_expired",
        "a registration by an old token",
        DENIED,
        token=lambda s: _for_tools(s, now_s=0),
    ),
    Path(
        "security_internal_trust_config_missing",
        "a registration where no key is configured",
        nothing,
        lambda service, _: register_tools(replace(service, trust_key=b""), {}, token="x.y.z"),
        DENIED,
    ),
    _listed(
        SUBJECT,
        "a registration by another's token",
        DENIED,
        token=lambda s: _for_tools(s, principal_id="somebody else"),
    ),
    Path(REPLAY, "a registration by a used token", _used_for_tools, register, DENIED),
    _listed(SHAPE, "a registration of no type", body={}),
    _listed(
        "policy_invalid_policy",
        "a registration of a tool that bears an action type's name",
        body={"actionType": "other", "tools": [{"name": "payment", "inputSchema": {}}]},
    ),
    Path(PAUSED, "a registration while mutations are paused", tool_list, while_paused(register)),
    Path(
        "adapter_store_unavailable",
        "a registration while Secrets Manager does not answer",
        nothing,
        _without_secret(register_tools),
    ),
    Path("", "a registration", tool_list, register),
)


def _asked(code: str, words: str, path: str, envelope: Any = None) -> Path:
    return Path(code, words, nothing, lambda service, _: get(service, path, envelope=envelope))


def _posted(code: str, words: str, path: str, body: Any) -> Path:
    return Path(code, words, nothing, lambda service, _: post(service, path, body))


_REPORTED: Final = Counted("deny", "critical")
QUESTIONS: Final = (
    _asked(SHAPE, "a page that no queue has", f"{_ROOMS}?limit=0", human("anybody")),
    _asked(SHAPE, "a history of no outcome", "/workflow/decisions?outcome=allowed", human("anybody")),
    _asked(SHAPE, "the policy of no scope", "/policy/config?scope="),
    _asked(BINDING, "the policy of no agent", "/policy/config?scope=agent"),
    _asked(SHAPE, "the versions of no scope", "/policy/versions"),
    _asked(BINDING, "the versions of no agent", "/policy/versions?scope=agent"),
    _asked("policy_version_not_found", "the policy of a version that never was", "/policy/config?policyVersion=v999"),
    _asked(SHAPE, "the shadow of no scope", "/policy/shadow"),
    _asked(BINDING, "the shadow of no tenant", "/policy/shadow?scope=tenant"),
    _posted(SHAPE, "a simulation of no scope", "/policy/simulate", {}),
    _posted(BINDING, "a simulation for no agent", "/policy/simulate", {"scope": "agent", "rules": []}),
    _posted("policy_invalid_policy", "a simulation without meaning", "/policy/simulate", for_agent("a", colour="red")),
    _posted("", "a simulation", "/policy/simulate", for_agent("a", max_transaction=1)),
    *(
        _asked("invalid_metric_query", "a metric query outside the allowed values", f"/metrics/{read}?window=1y")
        for read in ("summary", "series", "reasons")
    ),
    _posted(SHAPE, "a reported event that is no JSON", "/metrics/project", "{"),
    _posted("invalid_metrics_event", "a reported event without its fields", "/metrics/project", {}),
    Path(
        "",
        "an event that a caller reports",
        lambda _: reported_event(),
        lambda service, event: post(service, "/metrics/project", event),
        _REPORTED,
        reports="security_token_invalid",
    ),
)


def _twice(code: str, method: str, path: str, header: str) -> Path:
    counted = DENIED if code != SHAPE or "decision" in _REFUSED_WITH.get((method, path), {}) else None
    headers = [(header, "one"), (header, "another")]

    def call(service: InProcess, _: object) -> Reply:
        return send(service, method, re.sub(r"\{\w+\}", "r", path), headers=headers, body="{}")

    return Path(code, f"{header} given twice", nothing, call, counted)


_EXECUTE: Final = "/workflow/authorize-execution"


def _by_whom(code: str, words: str, path: str, envelope: Mapping[str, Any] | None) -> Path:
    def prepare(service: InProcess) -> dict[str, Any]:
        request = submission()
        if path != _EXECUTE:
            return request
        return {"request": request, "artifact": artifact_in(submit(service, request).body)}

    def call(service: InProcess, body: dict[str, Any]) -> Reply:
        strict = replace(service, settings={"needs_submitter": True})
        return post(strict, path, body, envelope=envelope)

    return Path(code, words, prepare, call, DENIED)


SUBMITTERS: Final = tuple(
    _by_whom(code, f"{words}, where SubmissionIdentity is envelope", path, envelope)
    for path in ("/workflow/requests", _EXECUTE)
    for code, words, envelope in (
        ("security_missing_identity_envelope", "nobody's envelope", None),
        (SUBJECT, "somebody else's envelope", human("somebody-else")),
        (TENANT, "another tenant's envelope", human("x", tenantId="another", scopes=["workflow:submit:any"])),
    )
)
_REFUSED_WITH: Final = {at: route.refused for handler in HANDLERS for at, route in handler.routes.items()}
REPEATED: Final = tuple(
    _twice(code, method, path, header)
    for method, path in OPERATIONS
    for code, header in (
        ("security_invalid_identity_envelope", "x-identity-envelope"),
        ("security_invalid_internal_trust_context", "x-internal-trust-context"),
        (SHAPE, "x-correlation-id"),
    )
)


def _unanswered(name: str, endpoint: Endpoint) -> Path:
    operations = READS if endpoint.reads else WRITES
    _, code = endpoint.outcome

    def call(service: InProcess, given: Any) -> Reply:
        return endpoint.call(failing(service, FAULTS["no answer"], operations=operations), given)

    counted = DENIED if code == "security_replay_guard_unavailable" else None
    return Path(code, f"{name}: the store does not answer", endpoint.prepare, call, counted)


def _uncountable(service: InProcess, _: object) -> Reply:
    return get(failing(service, FAULTS["no answer"], operations=WRITES), "/workflow/requests/r")


# Those whose twins stand for them.
_ALIKE: Final = ("submit, escalated", "reject with key", "approve too late")
OUTAGES: Final = (
    *(_unanswered(name, endpoint) for name, endpoint in ENDPOINTS.items() if name not in _ALIKE),
    Path("security_missing_identity_envelope", "no envelope, and the store takes no event", nothing, _uncountable),
)
IDENTITIES: Final = (
    *_without_identity(),
    Path(
        "security_invalid_identity_envelope",
        "an envelope from a caller who is no issuer",
        nothing,
        _by_a_stranger,
        DENIED,
    ),
)
READINGS: Final = (
    *_reads(),
    Path(
        TENANT,
        "a synthetic call of the release gate for a real tenant",
        lambda _: submission(),
        _synthetic,
        synthetic=True,
    ),
)
