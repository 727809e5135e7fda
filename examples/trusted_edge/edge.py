"""A reference trusted edge: people sign in by OpenID Connect, and their calls reach Handshake with its envelope.

It runs under the one role that the stack names in EnvelopeIssuers. What makes it trusted is short: who somebody is,
it reads in an ID token that it fetched and verified itself; what they may do, in a record that operators keep; and
nothing of either comes from the caller. Start it with any ASGI server, one process (sessions are kept in memory):

    hypercorn 'examples.trusted_edge.edge:from_environment()'
"""

import base64
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from examples.trusted_edge.id_tokens import Issuer, SignInError

# What people need, and no route that an agent or an executor needs: method and path.
ROUTES: Final = (
    ("GET", re.compile(r"/workflow/(requests|evidence|decision-room)/[^/]+")),
    ("GET", re.compile(r"/workflow/decision-room")),
    ("POST", re.compile(r"/workflow/decision-room/(action|extend|revoke)")),
)
# Never taken from a caller, who could write anybody's.
OURS: Final = ("x-identity-envelope", "x-internal-trust-context")
PASSED_ON: Final = ("content-type", "x-idempotency-key", "x-correlation-id")
PASSED_BACK: Final = ("content-type", "x-correlation-id", "retry-after")
MAX_BODY_BYTES: Final = 65_536
LOGIN_S: Final = 300
MAX_LOGINS: Final = 10_000


@dataclass(frozen=True)
class Settings:
    """What an edge is told. ``people`` are records by (issuer, subject): principal, tenant and scopes."""

    issuer: str
    client_id: str
    client_secret: str
    own_url: str
    handshake_url: str
    people: Mapping[tuple[str, str], Mapping[str, Any]]

    @property
    def secure(self) -> bool:
        """Say whether it is called by https, as all but one on a developer's machine are."""
        return self.own_url.startswith("https://")


@dataclass
class _Login:
    """A login that was begun here and nowhere else, until ``until`` (epoch seconds)."""

    nonce: str
    verifier: str
    until: float


@dataclass
class _Sessions:
    """Who is signed in, until when (epoch seconds), and which logins are under way."""

    logins: dict[str, _Login] = field(default_factory=dict)
    signed_in: dict[str, tuple[tuple[str, str], float]] = field(default_factory=dict)

    def forget_what_is_over(self, now: float) -> None:
        """Drop logins and sessions whose time is up."""
        self.logins = {state: login for state, login in self.logins.items() if login.until > now}
        self.signed_in = {session: kept for session, kept in self.signed_in.items() if kept[1] > now}


def edge(settings: Settings, *, auth: httpx.Auth | None = None, clock: Callable[[], float] = time.time) -> FastAPI:
    """Make the edge. ``auth`` signs its calls of Handshake, with the credentials of the edge's own role."""
    handshake = httpx.AsyncClient(base_url=settings.handshake_url, auth=auth, timeout=30, trust_env=False)
    issuer = Issuer(settings.issuer, settings.client_id, settings.client_secret, clock=clock)
    sessions = _Sessions()

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await handshake.aclose()
        await issuer.aclose()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=living)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse what brings identity along, and a change that another site's page asks for."""
        if any(name in request.headers for name in OURS):
            return _refused(400, "identity is asserted here and by nobody else")
        if request.method != "GET" and request.headers.get("origin") != settings.own_url:
            return _refused(403, "a call of another site")
        return await call_next(request)

    _add_sign_in(app, settings, issuer, sessions, clock)
    _add_api(app, settings, handshake, sessions, clock)
    return app


def _add_sign_in(
    app: FastAPI, settings: Settings, issuer: Issuer, sessions: _Sessions, clock: Callable[[], float]
) -> None:
    """Add the two ends of a sign-in: to the issuer, and back from it."""

    @app.get("/login")
    async def login() -> Response:
        """Send the browser to the issuer, with a state, a nonce and a challenge that only this edge knows."""
        sessions.forget_what_is_over(clock())
        if len(sessions.logins) >= MAX_LOGINS:
            return _refused(503, "too many logins are under way")
        state = secrets.token_urlsafe(32)
        begun = _Login(secrets.token_urlsafe(32), secrets.token_urlsafe(64), clock() + LOGIN_S)
        sessions.logins[state] = begun
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "scope": "openid",
            "client_id": settings.client_id,
            "redirect_uri": f"{settings.own_url}/callback",
            "state": state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        answer = RedirectResponse(f"{await issuer.authorization_endpoint()}?{urlencode(asked)}", status_code=302)
        answer.set_cookie("login", state, max_age=LOGIN_S, httponly=True, secure=settings.secure, samesite="lax")
        return answer

    @app.get("/callback")
    async def callback(request: Request, code: str = "", state: str = "") -> Response:
        """Take the code of a login that this browser began here, once, and sign its person in."""
        begun = sessions.logins.pop(state, None)
        same_browser = secrets.compare_digest(request.cookies.get("login", "").encode(), state.encode())
        if begun is None or begun.until <= clock() or not same_browser:
            return _refused(401, "no login of this browser")
        try:
            claims = await issuer.signed_in(code, f"{settings.own_url}/callback", begun.verifier, nonce=begun.nonce)
        except SignInError as error:
            return _refused(401, str(error))
        who = (claims["iss"], claims["sub"])
        if who not in settings.people:
            return _refused(403, "nobody that operators have named")
        session = secrets.token_urlsafe(32)
        sessions.signed_in[session] = (who, claims["exp"])
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie("session", session, httponly=True, secure=settings.secure, samesite="strict")
        answer.delete_cookie("login")
        return answer


def _add_api(
    app: FastAPI,
    settings: Settings,
    handshake: httpx.AsyncClient,
    sessions: _Sessions,
    clock: Callable[[], float],
) -> None:
    """Add what is passed on to Handshake."""

    @app.api_route("/api/{_path:path}", methods=["GET", "POST"])
    async def passed_on(request: Request) -> Response:
        """Call Handshake for the person who is signed in, as the record of now has them."""
        who, until = sessions.signed_in.get(request.cookies.get("session", ""), (("", ""), 0.0))
        # The record is looked up at each call: whom operators take out of it is out at once.
        person = settings.people.get(who)
        if until <= clock() or person is None:
            return _refused(401, "sign in at /login")
        target = request.scope["raw_path"].decode("ascii").removeprefix("/api")
        if not any(method == request.method and route.fullmatch(target) for method, route in ROUTES):
            return _refused(404, "no route of people's")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return _refused(413, "too much")
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        headers["x-identity-envelope"] = json.dumps(envelope_of(person, issuer=settings.issuer))
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            answer = await handshake.request(request.method, f"{target}{query}", content=body or None, headers=headers)
        except httpx.TransportError:
            return _refused(502, "Handshake does not answer; what was asked may have been done")
        back = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        return Response(answer.content, answer.status_code, headers=back | {"cache-control": "no-store"})


def envelope_of(person: Mapping[str, Any], *, issuer: str) -> dict[str, Any]:
    """Write a person's envelope, from the operators' record alone: no claim of a token grants anything."""
    return {
        "principalId": person["principalId"],
        "tenantId": person["tenantId"],
        "scopes": person.get("scopes", []),
        "subjectType": "human",
        "issuer": issuer,
    }


def _refused(status: int, why: str) -> Response:
    return JSONResponse({"status": "error", "message": why}, status, headers={"cache-control": "no-store"})


def from_environment() -> FastAPI:
    """Make the edge that the environment describes, which signs with the credentials that it finds there."""
    from handshake_rail.signing import SigV4  # noqa: PLC0415 - needs credentials, which tests do without

    given = os.environ
    records = json.loads(Path(given["EDGE_PEOPLE"]).read_text(encoding="utf-8"))
    settings = Settings(
        issuer=given["OIDC_ISSUER"],
        client_id=given["OIDC_CLIENT_ID"],
        client_secret=given["OIDC_CLIENT_SECRET"],
        own_url=given["EDGE_URL"],
        handshake_url=given["HANDSHAKE_URL"],
        people={(given["OIDC_ISSUER"], subject): record for subject, record in records.items()},
    )
    return edge(settings, auth=SigV4(given["AWS_REGION"]))
