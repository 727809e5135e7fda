"""The reference edge: who is signed in, what reaches Handshake for them, and what its role and an agent's may call."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from examples.trusted_edge.edge import ROUTES, Settings, edge
from ops.local.settings import ROOT
from ops.openapi.operations import OPERATIONS
from tests.aws.iam import matches
from tests.examples.oidc import CLIENT_ID, CLIENT_SECRET, KEY, OTHER_KEY, Oidc, oidc
from tests.sdk.serving import Answer, handlers_of, served
from tests.support.service import InProcess, escalated, get, human

OWN: Final = "http://edge.test"
ANA: Final = {"principalId": "ana", "tenantId": "acme"}
POLICIES: Final = ROOT / "examples/trusted_edge/policies"


@pytest.fixture
def issuer() -> Iterator[Oidc]:
    """An issuer of this test."""
    with oidc() as running:
        yield running


class Edge:
    """An edge and a browser at it. ``envelopes`` are those that reached Handshake, ``people`` whom operators named."""

    def __init__(self, issuer: Oidc, handshake_url: str, envelopes: list[Any]) -> None:
        self.issuer, self.envelopes = issuer, envelopes
        self.people: dict[tuple[str, str], dict[str, Any]] = {(issuer.url, "ana-at-issuer"): dict(ANA)}
        self.now = time.time()
        settings = Settings(issuer.url, CLIENT_ID, CLIENT_SECRET, OWN, handshake_url, self.people)
        self._app = edge(settings, clock=lambda: self.now)

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """Open a browser, with cookies of its own, and keep the edge up meanwhile."""
        async with (
            self._app.router.lifespan_context(self._app),
            httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=OWN) as client,
        ):
            yield client

    async def sign_in(self, browser: httpx.AsyncClient, subject: str = "ana-at-issuer") -> httpx.Response:
        """Go to the issuer, sign in there, and come back."""
        begun = await browser.get("/login")
        assert begun.status_code == 302, begun.text
        return await browser.get(self.issuer.authorize(begun.headers["location"], subject))


@pytest.fixture
def at(issuer: Oidc, service: InProcess) -> Iterator[Edge]:
    """The edge, in front of the handlers."""
    answering, envelopes = handlers_of(service), list[Any]()

    def answer(method: str, target: str, headers: dict[str, str], body: str | None) -> Answer | None:
        envelopes.append(json.loads(headers["x-identity-envelope"]))
        return answering(method, target, headers, body)

    with served(answer) as url:
        yield Edge(issuer, url, envelopes)


def _run(test: Any) -> None:
    anyio.run(test)


def test_a_person_who_signs_in_decides_as_the_record_has_them(at: Edge, service: InProcess) -> None:
    request = escalated(service, principalId="ana", tenantId="acme")

    async def go() -> None:
        async with at.browser() as browser:
            assert (await browser.get("/api/workflow/decision-room")).status_code == 401
            signed_in = await at.sign_in(browser)
            assert signed_in.status_code == 303
            cookie = signed_in.headers.get_list("set-cookie")[0]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            body = {"requestId": request["requestId"], "action": "approve"}
            done = await browser.post(
                "/api/workflow/decision-room/action", json=body, headers={"origin": OWN, "x-idempotency-key": "k-1"}
            )
            assert (done.status_code, done.json()["reasonCode"]) == (200, "hitl_approved")

    _run(go)
    assert at.envelopes == [{**ANA, "scopes": [], "subjectType": "human", "issuer": at.issuer.url}]
    stored = get(service, f"/workflow/requests/{request['requestId']}", envelope=human("ana", tenantId="acme"))
    assert stored.body["state"] == "escalated_approved_terminal"


@pytest.mark.parametrize("name", ["x-identity-envelope", "X-Internal-Trust-Context"])
def test_identity_is_never_taken_from_a_caller(at: Edge, name: str) -> None:
    async def go() -> None:
        async with at.browser() as browser:
            await at.sign_in(browser)
            given = {name: json.dumps({"principalId": "root", "subjectType": "human"})}
            assert (await browser.get("/api/workflow/decision-room", headers=given)).status_code == 400

    _run(go)
    assert at.envelopes == []


def _alg_none(issuer: Oidc) -> None:
    issuer.token = jwt.encode({"iss": issuer.url, "sub": "ana-at-issuer"}, "", algorithm="none")


def _signed_with_the_public_key(issuer: Oidc) -> None:
    now = int(time.time())
    claims = {"iss": issuer.url, "sub": "ana-at-issuer", "aud": CLIENT_ID, "iat": now, "exp": now + 600, "nonce": "n"}
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "key-1"}, claims]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed, "sha256")).rstrip(b"=")
    issuer.token = b".".join([signed, signature]).decode()


FORGED: Final[dict[str, Callable[[Oidc], None]]] = {
    "another issuer": lambda issuer: issuer.claims.update(iss="https://elsewhere.test"),
    "another client": lambda issuer: issuer.claims.update(aud="another"),
    "several clients, none of them named": lambda issuer: issuer.claims.update(aud=[CLIENT_ID, "another"]),
    "another party": lambda issuer: issuer.claims.update(azp="another"),
    "expired": lambda issuer: issuer.claims.update(iat=int(time.time()) - 900, exp=int(time.time()) - 60),
    "without an end": lambda issuer: issuer.claims.update(exp=None),
    "of tomorrow": lambda issuer: issuer.claims.update(iat=int(time.time()) + 3600),
    "of long ago": lambda issuer: issuer.claims.update(iat=int(time.time()) - 7200),
    "a time that is text": lambda issuer: issuer.claims.update(exp=str(int(time.time()) + 600)),
    "another nonce": lambda issuer: issuer.claims.update(nonce="of another login"),
    "no nonce": lambda issuer: issuer.claims.update(nonce=None),
    "no subject": lambda issuer: issuer.claims.update(sub=None),
    "another key": lambda issuer: setattr(issuer, "key", OTHER_KEY),
    "an unknown key": lambda issuer: setattr(issuer, "kid", "key-2"),
    "no signature": _alg_none,
    "the public key as a secret": _signed_with_the_public_key,
    "no token": lambda issuer: setattr(issuer, "token", "no token"),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_token_that_is_not_of_this_login_signs_nobody_in(at: Edge, forgery: str) -> None:
    FORGED[forgery](at.issuer)

    async def go() -> None:
        async with at.browser() as browser:
            refused = await at.sign_in(browser)
            assert refused.status_code == 401, refused.text
            assert "set-cookie" not in refused.headers
            assert (await browser.get("/api/workflow/decision-room")).status_code == 401

    _run(go)
    assert at.envelopes == []


def test_a_login_ends_in_the_browser_that_began_it_once_and_soon(at: Edge) -> None:
    async def go() -> None:
        async with at.browser() as browser, at.browser() as other:
            begun = await browser.get("/login")
            back = at.issuer.authorize(begun.headers["location"])
            assert (await other.get(back)).status_code == 401  # a link that somebody was sent
            assert (await browser.get(back)).status_code == 401  # the state is used up
            begun = await browser.get("/login")
            back = at.issuer.authorize(begun.headers["location"])
            at.now += 301
            assert (await browser.get(back)).status_code == 401

    _run(go)


def test_who_is_in_no_record_is_nobody_and_who_is_taken_out_is_out_at_once(at: Edge) -> None:
    async def go() -> None:
        async with at.browser() as browser:
            assert (await at.sign_in(browser, subject="mallory")).status_code == 403
            await at.sign_in(browser)
            assert (await browser.get("/api/workflow/decision-room")).status_code == 200
            at.people.clear()
            assert (await browser.get("/api/workflow/decision-room")).status_code == 401

    _run(go)


def test_a_session_ends_with_its_token(at: Edge) -> None:
    async def go() -> None:
        async with at.browser() as browser:
            await at.sign_in(browser)
            at.now += 601
            assert (await browser.get("/api/workflow/decision-room")).status_code == 401

    _run(go)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/workflow/decision-room/action", {}, 403),
        ("POST", "/workflow/decision-room/action", {"origin": "https://elsewhere.test"}, 403),
        ("POST", "/workflow/requests", {"origin": OWN}, 404),
        ("POST", "/workflow/grants", {"origin": OWN}, 404),
        ("POST", "/policy/apply", {"origin": OWN}, 404),
        ("GET", "/agents", {}, 404),
        ("GET", "/workflow/requests/a/b", {}, 404),
        ("GET", "/workflow/requests/..%2f..%2fagents", {}, 200),
    ],
)
def test_what_is_passed_on_is_what_people_need(
    at: Edge, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async def go() -> None:
        async with at.browser() as browser:
            await at.sign_in(browser)
            answer = await browser.request(method, f"/api{path}", headers=headers)
            # One segment stays one: Handshake is asked for a request of that very id, and has none.
            assert answer.status_code == (404 if status == 200 else status)
            assert ("reasonCode" in answer.json()) == (status == 200)

    _run(go)


def test_made_up_keys_do_not_have_the_keys_fetched_again_and_again(at: Edge) -> None:
    at.issuer.kid = "made up"

    async def go() -> None:
        async with at.browser() as browser:
            for _ in range(3):
                assert (await at.sign_in(browser)).status_code == 401

    _run(go)
    assert at.issuer.keys_fetched == 1


def _allowed(policy: str) -> set[tuple[str, str]]:
    """Give the routes of the API that a policy lets its role call."""
    statements = json.loads((POLICIES / policy).read_text())["Statement"]
    patterns = [
        resource
        for statement in statements
        if statement["Effect"] == "Allow" and statement["Action"] == "execute-api:Invoke"
        for resource in statement["Resource"]
    ]
    called = "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE"
    return {
        (method, path)
        for method, path in OPERATIONS
        if any(matches(f"{called}/{method}{path.replace('{', '').replace('}', '')}", pattern) for pattern in patterns)
    }


def test_the_edges_role_may_call_what_the_edge_passes_on_and_no_more() -> None:
    passed_on = {
        (method, path)
        for method, path in OPERATIONS
        if any(verb == method and route.fullmatch(path) for verb, route in ROUTES)
    }

    assert _allowed("edge.json") == passed_on
    assert len(passed_on) == 7


def test_an_agents_role_decides_nothing_and_never_becomes_the_edge() -> None:
    assert _allowed("agent.json") == {("POST", "/workflow/requests"), ("GET", "/.well-known/jwks.json")}
    denied = [one for one in json.loads((POLICIES / "agent.json").read_text())["Statement"] if one["Effect"] == "Deny"]
    assert [(one["Action"], one["Resource"]) for one in denied] == [
        ("sts:AssumeRole", "arn:aws:iam::ACCOUNT:role/EDGE_ROLE")
    ]


def test_only_tasks_of_the_own_account_become_the_edge() -> None:
    [statement] = json.loads((POLICIES / "edge-trust.json").read_text())["Statement"]

    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "ACCOUNT"}
