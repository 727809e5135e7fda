"""The page as people meet it: under one origin with an API that answers from the real use cases, beside a sign-in page.

The pool's page is a stand-in of the few lines of OpenID Connect that the page relies on, PKCE included, on an origin of
its own, as Cognito's is. Its tokens are signed, and admitted by the people's door as it is deployed.
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
from urllib.parse import parse_qs, urlencode, urlsplit

from handshake.api.people import PREFIX
from handshake.people.standing import Identity
from handshake.trust.identity import SCOPE_AGENTS_READ, SCOPE_READ_TENANT, SCOPE_RESOLVE
from ops.local.http_server import LoopbackServer, Refusal, Request, Response
from ops.local.page import SignIn, answer_page
from tests.support.people import POOL, let_in, somebody, token_of, with_people
from tests.support.service import InProcess


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in, and what operators say of them."""

    principal: str
    tenant: str
    scopes: tuple[str, ...]
    identity: Identity = field(default_factory=somebody)


def resolver(principal: str, tenant: str, *more_scopes: str) -> Person:
    """Give somebody who decides for a tenant."""
    return Person(principal, tenant, (SCOPE_RESOLVE, SCOPE_READ_TENANT, SCOPE_AGENTS_READ, *more_scopes))


@dataclass
class Pool:
    """Signs people in: a form for the name, then a code that is good once, for whoever holds the verifier.

    Tokens are good for ``token_s`` seconds, and may be renewed where it ``renews`` them.
    """

    people: dict[str, Person] = field(default_factory=dict)
    token_s: int = 3600
    renews: bool = True
    renewed: int = 0
    signed_out: int = 0
    origin: str = ""
    page: str = ""
    _codes: dict[str, tuple[Person, str]] = field(default_factory=dict)

    @property
    def sign_in(self) -> SignIn:
        """Say where, as the page is told."""
        names = {"authorize": "authorize", "token": "token", "logout": "logout"}
        return {"clientId": POOL.client_id, **{name: f"{self.origin}/{path}" for name, path in names.items()}}  # type: ignore[typeddict-item] # the three names stand above

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
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", POOL.client_id, "openid")
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
        assert form["client_id"] == POOL.client_id
        if form["grant_type"] == "refresh_token":
            person = self.people[form["refresh_token"].removeprefix("renews-")]
            self.renewed += 1
        else:
            person, challenge = self._codes.pop(form["code"])
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        given = {"id_token": token_of(person.identity, exp=int(time.time()) + self.token_s)}
        if self.renews and form["grant_type"] == "authorization_code":
            given["refresh_token"] = f"renews-{person.principal}"
        headers = [("content-type", "application/json"), ("access-control-allow-origin", origin)]
        return Response(200, headers, json.dumps(given).encode())


@dataclass
class Site:
    """Serves the page, and the people's API below /api. ``calls`` are those that the API had: method, path, headers.

    ``lose`` says of a call, by its method, that its answer never arrives.
    """

    service: InProcess
    pool: Pool
    url: str = ""
    calls: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    lose: Callable[[str], bool] = lambda _method: False

    def add(self, person: Person) -> Person:
        """Let somebody sign in, and give them their record."""
        self.pool.people[person.principal] = person
        let_in(self.service, person.identity, tenant=person.tenant, scopes=person.scopes, principal=person.principal)
        return person

    def refusal_of(self, _request: Request) -> Refusal | None:
        """See Application."""
        return None

    def answer(self, request: Request) -> Response:
        """See Application."""
        if not request.target.startswith(f"{PREFIX}/"):
            return answer_page(request.method, request.target, self.pool.sign_in)
        headers = dict(request.headers)
        self.calls.append((request.method, request.target.removeprefix(PREFIX), headers))
        reply = self.service.send(request.method, request.target, headers=headers, body=request.body.decode() or None)
        if self.lose(request.method):
            return Response(504, [("content-type", "text/html")], b"<p>no answer came in time</p>")
        passed = [("content-type", "application/json"), ("cache-control", "no-store")]
        return Response(reply.status, passed, json.dumps(reply.body).encode())


@contextmanager
def site_of(service: InProcess) -> Iterator[Site]:
    """Run both on loopback. Their ports differ, so each is another origin to the other, as Cognito is to CloudFront."""
    with LoopbackServer(0) as page, LoopbackServer(0) as pool_server:
        pool = Pool(origin=pool_server.url, page=page.url)
        site = Site(with_people(service), pool, url=page.url)
        pool_server.serve(pool)
        page.serve(site)
        yield site
