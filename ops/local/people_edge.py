"""Serve people on this machine as CloudFront does elsewhere: page, API and sign-in under one origin.

For the stack of toy data that runs here, and never for a deployed one. A browser is its only caller, so it takes what
the page's own origin sends and no other page's: nobody is signed in by a cookie, and nobody's page may frame, post to
or read this one.
"""

from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import urllib3

from handshake.api.people import PREFIX
from handshake.core.reasons import ReasonCode
from ops.local.edge_rules import SIDE_CHANNEL, ambiguous, canonical, passed_on, unreadable
from ops.local.http_server import LoopbackServer, Refusal, Request, Response, refused
from ops.local.page import SignIn, answer_page
from ops.local.signing_edge import Upstream

if TYPE_CHECKING:
    from ops.local.stack import LocalStack

SIGN_IN_ROUTES: Final = frozenset(
    {("GET", "/oauth2/authorize"), ("POST", "/login"), ("POST", "/oauth2/token"), ("GET", "/logout")}
)
"""What the emulated pool's own page and endpoints are, to the letter: nothing else of the emulator is reached here."""

_TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)
_ONCE: Final = ("host", "origin", "authorization", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
_FORM: Final = "application/x-www-form-urlencoded"
_PASSED_BACK: Final = frozenset({"content-type", "location", "x-correlation-id", "retry-after"})
# Its form may send a password to itself alone; its referrer stays here, and so its Origin is named and no "null".
_SIGN_IN_HEADERS: Final = (
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)
_HEADERS: Final = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))


class PeopleEdge(LoopbackServer):
    """A server on 127.0.0.1. The port is taken on creation, so that a taken one fails first (OSError)."""

    def start(self, stack: "LocalStack") -> None:
        """Answer from now on, in the background, for ``stack``, whose PageOrigin is this server's."""
        sign_in: SignIn = {
            "clientId": stack.outputs["UserPoolClientId"],
            "authorize": f"{self.url}/oauth2/authorize",
            "token": f"{self.url}/oauth2/token",
            "logout": f"{self.url}/logout",
        }
        # Any key of the run will do, for the pool's page asks for no leave: this one may call the API and nothing else.
        pool = Upstream(stack.endpoint_url, credentials=stack.stranger, region=stack.region)
        self.serve(_PeopleEdge(self.url, sign_in, stack.people_url, pool))


def refusal_of(request: Request, *, origin: str) -> Refusal | None:
    """Return why the edge whose own origin is ``origin`` must not answer ``request``, or None.

    A page of another origin may link here, which opens the page and nothing more. A name that somebody has had resolved
    to this machine (DNS rebinding) is another host than the edge's own.
    """
    given = Counter(name for name, _ in request.headers)
    headers = dict(request.headers)
    if any(given[name] > 1 for name in _ONCE) or headers.get("host") != origin.removeprefix("http://"):
        return Refusal(SIDE_CHANNEL, "this page is served under its own loopback address alone")
    site = headers.get("sec-fetch-site", "none")
    if headers.get("origin", origin) != origin or (
        site not in ("none", "same-origin") and not _opens(request, headers)
    ):
        return Refusal(SIDE_CHANNEL, "this page takes no calls of other pages")
    return ambiguous(request, given) or unreadable(request, headers)


def _opens(request: Request, headers: dict[str, str]) -> bool:
    """Say whether a browser opens the page in a tab of its own, from wherever the link stands."""
    how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return request.method == "GET" and _path(request) == "/" and how == ("navigate", "document")


def _path(request: Request) -> str:
    return request.target.partition("?")[0]


class _PeopleEdge:
    """Answers for the server of an edge; see http_server.Application."""

    def __init__(self, origin: str, sign_in: SignIn, people_url: str, pool: Upstream) -> None:
        self._origin, self._sign_in, self._people_url, self._pool = origin, sign_in, people_url, pool
        self._http = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT, retries=False)

    def refusal_of(self, request: Request) -> Refusal | None:
        return refusal_of(request, origin=self._origin)

    def answer(self, request: Request) -> Response:
        try:
            if _path(request).startswith(f"{PREFIX}/"):
                return self._of_api(request)
            if (request.method, _path(request)) in SIGN_IN_ROUTES:
                return self._of_pool(request)
        except urllib3.exceptions.HTTPError as error:
            return refused(Refusal(ReasonCode.ADAPTER_STORE_UNAVAILABLE, f"the local AWS does not answer: {error}"))
        return answer_page(request.method, request.target, self._sign_in)

    def _of_api(self, request: Request) -> Response:
        headers = passed_on(request)
        if token := dict(request.headers).get("authorization"):
            headers["authorization"] = token
        url = self._people_url + canonical(request.target)
        answer = self._http.request(request.method, url, headers=headers, body=request.body, redirect=False)
        return _passed_back(answer)

    def _of_pool(self, request: Request) -> Response:
        headers = {"content-type": _FORM} if request.method == "POST" else {}
        answer = self._pool.send(request.method, request.target, headers=headers, body=request.body)
        back = _passed_back(answer, *_SIGN_IN_HEADERS)
        to = dict(back.headers).get("location")
        if to is not None and not to.startswith(f"{self._origin}/"):
            return Response(HTTPStatus.BAD_GATEWAY, list(_HEADERS), b"")  # the pool sends people nowhere else
        return back


def _passed_back(answer: urllib3.BaseHTTPResponse, *more: tuple[str, str]) -> Response:
    kept = [(name.lower(), value) for name, value in answer.headers.items() if name.lower() in _PASSED_BACK]
    return Response(answer.status, [*kept, *_HEADERS, *more], answer.data)
