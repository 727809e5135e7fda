"""No log line, metric or refusal repeats a token, an envelope or a payload: planted markers are looked for."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from handshake.dynamo.client import Dynamo
from handshake.trust.token import mint_token
from tests.hostile.calls import DOCUMENT, send
from tests.hostile.payloads import WELL_FORMED
from tests.support.logs import standard_output, traces
from tests.support.service import InProcess, human, now_ms, token

MARKER: Final = "planted-marker"
ROUTES: Final = [
    (method.upper(), path.replace("{requestId}", "nobody"))
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
]
SIGNED_BY_OTHERS: Final = mint_token(b"another key", now_s=now_ms() // 1000, jti=f"{MARKER}-jti", trace_id=MARKER)

ENVELOPES: Final = {
    "plain text": MARKER,
    "cut short": f'{{"principalId":"{MARKER}',
    "an unknown field": json.dumps(human("operator") | {MARKER: MARKER}),
    "an unknown field inside": json.dumps(human("operator") | {"roles": [{MARKER: MARKER}]}),
    "a wrong value": json.dumps(human("operator") | {"subjectType": MARKER}),
    "a control character": json.dumps(human(f"{MARKER}\x00")),
    "a key twice": f'{{"{MARKER}":1,"{MARKER}":2}}',
    "a principal nobody knows": json.dumps(human(MARKER, tenantId=MARKER, sessionId=MARKER, scopes=[MARKER])),
}
TOKENS: Final = {
    "plain text": MARKER,
    "three parts": f"{MARKER}.{MARKER}.{MARKER}",
    "another key": SIGNED_BY_OTHERS,
    "stripped of its signature": SIGNED_BY_OTHERS.rpartition(".")[0] + ".",
    "an unsigned one": base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": MARKER}).encode()).decode() + ".e30.",
}
BODIES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "plain text": lambda _: MARKER,
    "cut short": lambda body: json.dumps(body | {"payloadRef": MARKER})[:-1],
    "a key twice": lambda _: f'{{"{MARKER}":1,"{MARKER}":2}}',
    "a text for everything": lambda body: json.dumps(dict.fromkeys(body, MARKER)),
    "an object for everything": lambda body: json.dumps({name: {MARKER: MARKER} for name in body}),
    "a list for everything": lambda body: json.dumps({name: [MARKER] for name in body}),
    "a control character": lambda body: json.dumps(dict.fromkeys(body, f"{MARKER}\x00")),
    "unknown fields": lambda body: json.dumps({MARKER: MARKER, "context": {MARKER: MARKER}} | body | {"action": 1}),
    "a rule of no known key": lambda body: json.dumps(
        body | {"rules": [{"id": MARKER, "key": MARKER, "value": MARKER}]}
    ),
}
every_route: Final = pytest.mark.parametrize(("method", "path"), ROUTES)
every_post: Final = pytest.mark.parametrize("path", sorted(WELL_FORMED))


def credentials(service: InProcess, *, envelope: str | None = None, shown: str | None = None) -> list[tuple[str, str]]:
    """Good ones, but for what a test plants in them."""
    return [
        ("x-identity-envelope", envelope or json.dumps(human("operator", scopes=["workflow:submit:any"]))),
        ("x-internal-trust-context", shown or token(service)),
    ]


def _without_request_id(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_request_id(value) if name == "artifact" and isinstance(value, dict) else value
        for name, value in body.items()
        if name != "requestId"
    }


def assert_unrepeated(service: InProcess, method: str, path: str, **sent: Any) -> None:
    """Send it, and look for the marker in all that comes of it but an answer that was asked for."""
    with standard_output() as output:
        reply = send(service, method, path, **sent)
    assert '"message":"handled"' in output.getvalue(), "nothing was captured, so nothing was looked at"
    # Section 3 has a refusal, and its artifact, name its requestId, so that callers can tell answers apart.
    told = _without_request_id(reply.body) if reply.status >= 400 else {}
    for place in (output.getvalue(), json.dumps(told), json.dumps(dict(reply.headers))):
        assert [trace for trace in traces(MARKER) if trace.lower() in place.lower()] == [], place


@every_route
@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_no_envelope_is_repeated(service: InProcess, method: str, path: str, envelope: str) -> None:
    assert_unrepeated(service, method, path, headers=credentials(service, envelope=envelope), body="{}")


@every_route
@pytest.mark.parametrize("shown", TOKENS.values(), ids=TOKENS.keys())
def test_no_token_is_repeated(service: InProcess, method: str, path: str, shown: str) -> None:
    assert_unrepeated(service, method, path, headers=credentials(service, shown=shown), body="{}")


@every_post
@pytest.mark.parametrize("spoil", BODIES.values(), ids=BODIES.keys())
def test_no_payload_is_repeated(service: InProcess, path: str, spoil: Callable[[dict[str, Any]], str]) -> None:
    body = spoil(WELL_FORMED[path](service))

    assert_unrepeated(service, "POST", path, headers=credentials(service), body=body)


@every_route
def test_no_path_query_or_unread_header_is_repeated(service: InProcess, method: str, path: str) -> None:
    unread = [(name, f"{MARKER}\x00") for name in ("authorization", "cookie", "x-correlation-id")]
    query = {name: [MARKER] for name in ("scope", "scopeId", "limit", "cursor", "window", "metric", "bucket")}

    assert_unrepeated(
        service,
        method,
        path.replace("nobody", MARKER),
        headers=[*credentials(service), *unread],
        multiValueQueryStringParameters=query,
    )


@every_post
@pytest.mark.parametrize("refused", [False, True], ids=["allowed otherwise", "refused otherwise"])
def test_a_fault_of_our_own_is_an_answer_that_repeats_nothing(
    service: InProcess, monkeypatch: pytest.MonkeyPatch, path: str, *, refused: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot digest {MARKER}")

    body = "{}" if refused else json.dumps(WELL_FORMED[path](service))
    for operation in ("batch_get", "write", "query"):
        monkeypatch.setattr(Dynamo, operation, fail)

    with standard_output() as output:
        event, handler = service.event("POST", path, headers=dict(credentials(service)), body=body)
        answer = handler.using(service.runtime)(event, None)

    assert answer["statusCode"] in ({400, 403} if refused else {503})
    assert MARKER not in output.getvalue() + answer["body"]
