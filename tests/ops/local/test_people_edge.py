"""The edge that serves people on this machine: what it takes from browsers, what it passes on, and what it refuses."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from ops.local.http_server import LoopbackServer, Refusal, Request, Response
from ops.local.people_edge import SIGN_IN_ROUTES, PeopleEdge, refusal_of

ORIGIN: Final = "http://127.0.0.1:3001"
HOST: Final = ("host", "127.0.0.1:3001")
OPENED: Final = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))


def refused(method: str, target: str, *headers: tuple[str, str], host: tuple[str, str] = HOST) -> bool:
    return refusal_of(Request(method, target, [host, *headers]), origin=ORIGIN) is not None


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", ()),
        ("GET", "/", OPENED),
        ("GET", "/?code=c&state=s", OPENED),
        ("GET", "/api/me", (("sec-fetch-site", "same-origin"), ("authorization", "Bearer t"))),
        ("POST", "/api/workflow/decision-room/action", (("origin", ORIGIN), ("sec-fetch-site", "same-origin"))),
        ("POST", "/login", (("origin", ORIGIN), ("sec-fetch-site", "same-origin"))),
        ("GET", "/oauth2/authorize?client_id=c", (("sec-fetch-site", "same-origin"),)),
    ],
)
def test_the_page_and_whoever_opens_it_are_answered(method: str, target: str, headers: Any) -> None:
    assert not refused(method, target, *headers)


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        # Another page calls, posts, frames, begins a sign-in, or has a name of its own resolved to this machine.
        ("GET", "/api/me", (("origin", "http://evil.example"),)),
        ("GET", "/api/me", (("sec-fetch-site", "cross-site"),)),
        ("GET", "/api/me", (("sec-fetch-site", "same-site"),)),
        ("GET", "/api/me", OPENED),
        ("POST", "/", OPENED),
        ("POST", "/login", (("origin", "null"),)),
        ("POST", "/login", OPENED),
        ("GET", "/oauth2/authorize", OPENED),
        ("GET", "/logout", OPENED),
        ("GET", "/", (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"))),
        ("GET", "/", (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script"))),
        ("GET", "/", (("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin"))),
        ("GET", "/api/me", (("authorization", "Bearer a"), ("authorization", "Bearer b"))),
        # Two readers of the path could disagree.
        ("GET", "/api/../login", ()),
        ("GET", "/api/%2e%2e/oauth2/token", ()),
        ("GET", "/api//me", ()),
        ("GET", "http://127.0.0.1:3001/api/me", ()),
    ],
)
def test_what_another_page_sends_or_two_could_read_is_refused(method: str, target: str, headers: Any) -> None:
    assert refused(method, target, *headers)


@given(
    st.sampled_from(["localhost:3001", "127.0.0.1", "evil.example", "127.0.0.1:3000", "127.0.0.1:3001."]) | st.text()
)
def test_it_answers_to_its_own_name_alone(host: str) -> None:
    assert refused("GET", "/", host=("host", host)) is (host != "127.0.0.1:3001")


class Behind:
    """What stands behind the edge: says how it was called."""

    def refusal_of(self, _request: Request) -> Refusal | None:
        """See Application."""
        return None

    def answer(self, request: Request) -> Response:
        """See Application."""
        seen = {"method": request.method, "target": request.target, "headers": dict(request.headers)}
        if request.target.startswith("/logout"):
            return Response(302, [("location", "https://evil.example/")], b"")
        headers = [
            ("content-type", "application/json"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "session=1"),
        ]
        return Response(200, headers, json.dumps(seen).encode())


class Keys:
    """Credentials of no account."""

    access_key, secret_key, token = "AKIA", "secret", None

    def get_frozen_credentials(self) -> "Keys":
        """Give them."""
        return self


@contextmanager
def edge() -> Iterator[str]:
    """Run an edge before something that says how it was called; yields its URL."""
    with LoopbackServer(0) as behind, PeopleEdge(0) as server:
        behind.serve(Behind())
        stack: Any = SimpleNamespace(
            outputs={"UserPoolClientId": "client"},
            endpoint_url=behind.url,
            people_url=f"{behind.url}/people",
            stranger=Keys(),
            region="us-east-1",
        )
        server.start(stack)
        yield server.url


def ask(method: str, url: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    answer = urllib3.request(method, url, headers=headers, body=b"a=b", redirect=False, retries=False)
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data


def test_the_api_gets_the_token_and_no_signature_and_answers_no_other_page() -> None:
    with edge() as url:
        status, headers, body = ask("GET", f"{url}/api/me?a=1", authorization="Bearer t", cookie="c=1", accept="*/*")

    seen = json.loads(body)
    assert (status, seen["method"], seen["target"]) == (200, "GET", "/people/api/me?a=1")
    assert seen["headers"]["authorization"] == "Bearer t"
    assert not {"cookie", "x-amz-date"} & seen["headers"].keys()
    assert not {"access-control-allow-origin", "set-cookie"} & headers.keys()
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(("method", "path"), sorted(SIGN_IN_ROUTES - {("GET", "/logout")}))
def test_the_sign_in_is_signed_for_and_takes_none_of_the_callers_headers(method: str, path: str) -> None:
    """Else a caller could have the key of this run carry out whatever they name in a header."""
    target = {"x-amz-target": "AWSCognitoIdentityProviderService.AdminCreateUser"}
    with edge() as url:
        status, headers, body = ask(method, url + path, authorization="Bearer t", **target)

    seen = json.loads(body)["headers"]
    assert status == 200
    assert seen["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert "x-amz-target" not in seen
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(("method", "path"), [("POST", "/oauth2/authorize"), ("GET", "/oauth2/token"), ("POST", "/")])
def test_nothing_else_of_the_emulator_is_reached(method: str, path: str) -> None:
    with edge() as url:
        status, headers, _ = ask(method, url + path)

    assert status in (404, 405)
    assert "require-trusted-types-for" in headers["content-security-policy"]


def test_nobody_is_sent_anywhere_else() -> None:
    with edge() as url:
        assert ask("GET", f"{url}/logout")[0] == 502


def test_the_page_is_told_where_to_sign_in_under_its_own_origin() -> None:
    with edge() as url:
        _, _, body = ask("GET", f"{url}/signin.json")

    told = json.loads(body)
    assert told.pop("clientId") == "client"
    assert {place.removeprefix(url) for place in told.values()} == {"/oauth2/authorize", "/oauth2/token", "/logout"}
