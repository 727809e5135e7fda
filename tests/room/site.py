"""The page as people meet it: under one origin with an API that answers from the real use cases, beside a sign-in page.

The pool's page is a stand-in of the few lines of OpenID Connect that the page relies on, PKCE included, on an origin of
its own, as Cognito's is. What admits its tokens here is a look into a table.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from ops.local.http_server import LoopbackServer, Refusal, Request, Response
from ops.local.page import SignIn, answer_page
from tests.support.service import Reply, Service

CLIENT_ID: Final = "room"
SESSION_S: Final = 3600


@dataclass
class Person:
    """Somebody who can sign in; ``envelope`` is what their record makes of it."""

    name: str
    envelope: dict[str, Any]
    disabled: bool = False

    @property
    def me(self) -> dict[str, Any]:
        """Say who they are, as GET /me does."""
        tenant = {"tenantId": self.envelope["tenantId"]} if "tenantId" in self.envelope else {}
        return {"principalId": self.envelope["principalId"], **tenant, "scopes": self.envelope["scopes"]}


def resolver(name: str, tenant: str, *more_scopes: str) -> Person:
    """Give somebody who decides for a tenant."""
    scopes = sorted({"workflow:resolve", "workflow:read:tenant", "agents:read", *more_scopes})
    return Person(
        name,
        {"principalId": name, "subjectType": "human", "roles": [], "scopes": scopes, "tenantId": tenant},
    )


@dataclass
class Pool:
    """Signs people in: a form for the name, then a code that is good once, for whoever holds the verifier."""

    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, Person] = field(default_factory=dict)
    signed_out: int = 0
    origin: str = ""
    page: str = ""
    _codes: dict[str, tuple[Person, str]] = field(default_factory=dict)

    @property
    def sign_in(self) -> SignIn:
        """Say where, as the page is told."""
        names = {"authorize": "authorize", "token": "token", "logout": "logout"}
        return {"clientId": CLIENT_ID, **{name: f"{self.origin}/{path}" for name, path in names.items()}}  # type: ignore[typeddict-item] # the three names stand above

    def add(self, person: Person) -> Person:
        """Let somebody sign in."""
        self.people[person.name] = person
        return person

    def refusal_of(self, _request: Request) -> Refusal | None:
        """See Application."""
        return None

    def answer(self, request: Request) -> Response:
        """See Application."""
        url = urlsplit(request.target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        match request.method, url.path:
            case "GET", "/authorize":
                return self._form(asked)
            case "POST", "/authorize":
                return self._signed_in(asked, form["name"])
            case "POST", "/token":
                return self._token(form, dict(request.headers).get("origin", ""))
            case "GET", "/logout":
                self.signed_out += 1
                return Response(302, [("location", asked["logout_uri"])], b"")
            case _:
                return Response(404, [], b"")

    def _form(self, asked: Mapping[str, str]) -> Response:
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT_ID, "openid")
        assert (asked["redirect_uri"], asked["code_challenge_method"]) == (f"{self.page}/", "S256")
        action = escape(f"/authorize?{urlencode(asked)}")
        form = f'<form method=post action="{action}"><input name=name><button>Go</button></form>'
        return Response(
            200,
            [("content-type", "text/html")],
            f"<!doctype html><meta charset=utf-8><title>Sign in</title>{form}".encode(),
        )

    def _signed_in(self, asked: Mapping[str, str], name: str) -> Response:
        code = secrets.token_urlsafe(16)
        self._codes[code] = (self.people[name], asked["code_challenge"])
        back = urlencode({"code": code, "state": asked["state"]})
        return Response(302, [("location", f"{asked['redirect_uri']}?{back}")], b"")

    def _token(self, form: Mapping[str, str], origin: str) -> Response:
        person, challenge = self._codes.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        now = int(time.time())
        claims = json.dumps({"auth_time": now, "exp": now + SESSION_S, "jti": secrets.token_hex(8)}).encode()
        token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.e30"
        self.tokens[token] = person
        headers = [("content-type", "application/json"), ("access-control-allow-origin", origin)]
        return Response(200, headers, json.dumps({"id_token": token}).encode())


@dataclass
class Site:
    """Serves the page, and the API below /api as whoever a token is of. ``calls`` are those that the API had.

    ``before`` is called ahead of each call of the API with its method and path, ``lose`` says of an answer that it
    never arrives.
    """

    service: Service
    pool: Pool
    url: str = ""
    calls: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda _method, _path: None
    lose: Callable[[str, str], bool] = lambda _method, _path: False

    def refusal_of(self, _request: Request) -> Refusal | None:
        """See Application."""
        return None

    def answer(self, request: Request) -> Response:
        """See Application."""
        if not request.target.startswith("/api/"):
            return answer_page(request.method, request.target, self.pool.sign_in)
        path, headers = request.target.removeprefix("/api"), dict(request.headers)
        self.calls.append((request.method, path, headers))
        self.before(request.method, path)
        reply = self._call(request.method, path, headers, request.body)
        if self.lose(request.method, path):
            return Response(504, [("content-type", "text/html")], b"<p>no answer came in time</p>")
        passed = [("content-type", "application/json"), ("cache-control", "no-store")]
        return Response(reply.status, passed, json.dumps(reply.body).encode())

    def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        person = self.pool.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return _refused(401, "security_token_invalid")
        if person.disabled:
            return _refused(403, "security_person_disabled")
        if path == "/me":
            return Reply(200, {}, person.me)
        kept = {name: value for name, value in headers.items() if name.startswith("x-idempotency")}
        envelope = {"x-identity-envelope": json.dumps(person.envelope)}
        return self.service.send(method, path, headers={**envelope, **kept}, body=body.decode() or None)


def _refused(status: int, code: str) -> Reply:
    answer = {"status": "error", "error": code, "reasonCode": code, "responseClass": "blocked", "message": "No."}
    return Reply(status, {}, answer)


@contextmanager
def site_of(service: Service) -> Iterator[Site]:
    """Run both on loopback. Their hosts differ, so that each is foreign to the other as Cognito is to CloudFront."""
    with LoopbackServer(0) as page, LoopbackServer(0) as pool_server:
        pool = Pool(origin=pool_server.url, page=page.url)
        site = Site(service, pool, url=page.url)
        pool_server.serve(pool)
        page.serve(site)
        yield site
