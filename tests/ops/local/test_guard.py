"""The guard before the emulated AWS: what a client of this run signs passes, and nothing else does."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from ops.local import guard
from ops.local.guard import MAX_BODY_BYTES, Guard, Message, Receive, Send

HOST = "127.0.0.1:4566"
KEY = ("AKIAROOT", "the-secret-of-this-run")
SESSION = ("ASIASESSION", "the-secret-of-a-session", "its-token")
CALLED = "/2015-03-31/functions/"


def _secret_of(key_id: str, token: str) -> str | None:
    return {KEY[0]: KEY[1] if not token else None, SESSION[0]: SESSION[1] if token == SESSION[2] else None}.get(key_id)


@dataclass
class Door:
    """A guard before an application that keeps what reaches it, and answers as one that lets every page read."""

    reached: list[tuple[str, bytes]] = field(default_factory=list)
    read: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def app(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer 200."""
        self.reached.append((scope["type"], (await receive())["body"]))
        headers = [(b"content-type", b"text/plain"), (b"Access-Control-Allow-Origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"in", "more_body": False})

    def send(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        chunks: Sequence[bytes] = (b"",),
        *,
        kind: str = "http",
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request. Returns status (a WebSocket's close code), headers and body of the answer."""
        path, _, query = target.partition("?")
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        coming, answer = list(chunks), dict[str, Any](headers=(), body=b"", status=0)

        async def receive() -> Message:
            self.read += 1
            return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

        async def send(message: Message) -> None:
            answer.update({**message, "status": message.get("code", message.get("status", answer["status"]))})

        asyncio.run(Guard(self.app, [HOST, "localhost:4566"], _secret_of, now=self.now)(scope, receive, send))
        read = {name.decode().lower(): value.decode() for name, value in answer["headers"]}
        return answer["status"], read, answer["body"]


def _signed(
    method: str = "POST",
    target: str = CALLED,
    body: bytes = b"{}",
    *,
    key: tuple[str, ...] = KEY,
    service: str = "lambda",
    host: str = HOST,
    more: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """Sign as AWS's own client does. Returns the headers that it would send."""
    request = AWSRequest(method, f"http://{host}{target}", data=body, headers=dict(more or {}))
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(*key), service, "us-east-1").add_auth(request)
    return [("host", host), *((name, value) for name, value in request.headers.items())]


def _with(headers: Sequence[tuple[str, str]], *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Headers with others in place of those of the same name."""
    names = {name.lower() for name, _ in more}
    return [*((name, value) for name, value in headers if name.lower() not in names), *more]


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
_SEGMENTS = st.lists(_TEXT.filter(lambda text: text not in (".", "..")), max_size=4)


@given(
    segments=_SEGMENTS,
    query=st.lists(st.tuples(_TEXT, _TEXT), max_size=4),
    body=st.binary(max_size=64),
    service=st.sampled_from(["lambda", "s3", "execute-api", "dynamodb"]),
    key=st.sampled_from([KEY, SESSION]),
)
def test_whatever_a_client_of_this_run_signs_passes_as_it_is(
    segments: list[str],
    query: list[tuple[str, str]],
    body: bytes,
    service: str,
    key: tuple[str, ...],
) -> None:
    path = "/" + "/".join(quote(segment, safe="-_.~") for segment in segments)
    url = path + (f"?{urlencode(query, quote_via=quote, safe='-_.~')}" if query else "")
    door = Door()

    status, _, answered = door.send(
        "POST",
        url,
        _signed("POST", url, body, key=key, service=service, more={"x-amz-target": "Lambda.Invoke"}),
        [body],
    )

    assert (status, answered, door.reached) == (200, b"in", [("http", body)])


@given(data=st.data())
def test_a_request_of_which_anything_signed_is_changed_does_not_pass(data: st.DataObject) -> None:
    headers = _signed(target=f"{CALLED}?Qualifier=live", more={"x-amz-target": "Lambda.Invoke"})
    changed: dict[str, Any] = {
        "method": "POST",
        "target": f"{CALLED}?Qualifier=live",
        "body": b"{}",
        "headers": headers,
    }
    what = data.draw(st.sampled_from(["method", "path", "query", "body", "x-amz-target", "signature", "key"]))
    match what:
        case "method":
            changed["method"] = "DELETE"
        case "path":
            changed["target"] = (
                f"/2015-03-31/{data.draw(st.sampled_from(['layers', 'functions/x', '%2e%2e']))}?Qualifier=live"
            )
        case "query":
            changed["target"] = CALLED + data.draw(st.sampled_from(["", "?Qualifier=other", "?Qualifier=live&a=b"]))
        case "body":
            changed["body"] = data.draw(st.binary(max_size=8).filter(lambda body: body != b"{}"))
        case "x-amz-target":
            changed["headers"] = _with(headers, ("x-amz-target", "Lambda.CreateFunction"))
        case "signature" | "key":
            authorization = dict(headers)["Authorization"]
            old = authorization[-64:] if what == "signature" else KEY[0]
            new = data.draw(st.sampled_from(["0" * 64])) if what == "signature" else "AKIAOTHER"
            changed["headers"] = _with(headers, ("Authorization", authorization.replace(old, new)))
    door = Door()

    status, _, _ = door.send(changed["method"], changed["target"], changed["headers"], [changed["body"]])

    assert (status, door.reached) == (403, [])


UNKNOWN, MISMATCH = "InvalidClientTokenId", "SignatureDoesNotMatch"
PAGE, INCOMPLETE = "AccessDenied", "IncompleteSignature"
OTHER_HASH = hashlib.sha256(b"x").hexdigest()
PLAIN_TEXT = [("host", HOST), ("content-type", "text/plain")]
# Each is signed when its test runs: signatures age.
REFUSED: Mapping[str, tuple[str, Callable[[], list[tuple[str, str]]]]] = {
    "from a page": (PAGE, lambda: _with(_signed(), ("origin", "http://evil.test"))),
    "from a page without an origin of its own": (PAGE, lambda: _with(_signed(), ("origin", "null"))),
    "across sites": (PAGE, lambda: _with(_signed(), ("sec-fetch-site", "cross-site"))),
    "within a site": (PAGE, lambda: _with(_signed(), ("sec-fetch-site", "same-site"))),
    "of the same origin": (PAGE, lambda: _with(_signed(), ("sec-fetch-site", "same-origin"))),
    "for another host": (PAGE, lambda: _signed(host="evil.test:4566")),
    "for another port": (PAGE, lambda: _signed(host="127.0.0.1:80")),
    "for no host": (PAGE, lambda: [header for header in _signed() if header[0] != "host"]),
    "for two hosts": (PAGE, lambda: [*_signed(), ("host", "evil.test")]),
    "as text/plain, which needs no preflight": ("MissingAuthenticationToken", lambda: PLAIN_TEXT),
    "by nobody": (UNKNOWN, lambda: _signed(key=("AKIANOBODY", "secret"))),
    "by test, a root of every other emulator": (UNKNOWN, lambda: _signed(key=("test", "test"))),
    "by root": (UNKNOWN, lambda: _signed(key=("root", "root"))),
    "by an account": (UNKNOWN, lambda: _signed(key=("000000000000", KEY[1]))),
    "by the run's key with a usual secret": (MISMATCH, lambda: _signed(key=(KEY[0], "test"))),
    "by the run's key with a token": (UNKNOWN, lambda: _signed(key=(*KEY, "token"))),
    "by a session without its token": (UNKNOWN, lambda: _signed(key=SESSION[:2])),
    "by a session with another token": (UNKNOWN, lambda: _signed(key=(*SESSION[:2], "other"))),
    "by a session with another secret": (MISMATCH, lambda: _signed(key=(SESSION[0], "x", SESSION[2]))),
    "with a payload that is not signed": (MISMATCH, lambda: _signed(more={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})),
    "with another payload's hash": (MISMATCH, lambda: _signed(more={"x-amz-content-sha256": OTHER_HASH})),
    "with an operation that is not signed": (INCOMPLETE, lambda: [*_signed(), ("x-amz-target", "Lambda.Delete")]),
    "with two signatures": ("InvalidRequest", lambda: [*_signed(), ("authorization", "x")]),
    "in an older way": (INCOMPLETE, lambda: _with(_signed(), ("authorization", f"AWS {KEY[0]}:x"))),
    "without a time": (INCOMPLETE, lambda: [header for header in _signed() if header[0].lower() != "x-amz-date"]),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_comes_from_elsewhere_is_refused_and_told_why(why: str) -> None:
    code, headers = REFUSED[why]
    door = Door()

    status, answered, body = door.send("POST", CALLED, headers(), [b"{}"])

    assert (status in (400, 403), answered["x-amzn-errortype"], door.reached) == (True, code, [])
    assert code in body.decode()
    assert not [name for name in answered if name.startswith("access-control-")]


@pytest.mark.parametrize("minutes", [-16, 16, -24 * 60])
def test_a_signature_is_good_for_a_quarter_of_an_hour(minutes: int) -> None:
    headers = _signed()
    later = Door(now=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    at_once = Door(now=lambda: datetime.now(UTC) + timedelta(minutes=14))

    status, answered, _ = later.send("POST", CALLED, headers, [b"{}"])

    assert (status, answered["x-amzn-errortype"], later.reached) == (403, "RequestTimeTooSkewed", [])
    assert at_once.send("POST", CALLED, headers, [b"{}"])[0] == 200


def test_a_signature_of_another_day_is_no_signature() -> None:
    headers = _signed()
    authorization = dict(headers)["Authorization"]
    day = datetime.now(UTC).strftime("%Y%m%d")

    changed = _with(headers, ("Authorization", authorization.replace(f"/{day}/", "/20200101/")))

    assert Door().send("POST", CALLED, changed, [b"{}"])[1]["x-amzn-errortype"] == "CredentialDateMismatch"


def test_presigned_requests_are_refused_even_beside_a_good_signature() -> None:
    request = AWSRequest("GET", f"http://{HOST}{CALLED}")
    SigV4QueryAuth(Credentials(*KEY), "lambda", "us-east-1", expires=60).add_auth(request)
    presigned = str(request.url).removeprefix(f"http://{HOST}")
    named = f"{CALLED}?x-amz-credential=root/20200101/us-east-1/lambda/aws4_request"
    door = Door()

    assert door.send("GET", presigned, [("host", HOST)])[0] == 403
    assert door.send("GET", named, _signed("GET", named, b""))[0] == 403
    assert door.reached == []


@pytest.mark.parametrize("target", ["/a/../2015-03-31/functions/", "/./x", "/a#b", "http://127.0.0.1/x", "*", "/\x7f"])
def test_a_target_that_reads_in_two_ways_is_refused(target: str) -> None:
    door = Door()

    assert door.send("POST", target, _signed(), [b"{}"])[0] == 400
    assert door.reached == []


def test_nothing_is_read_of_a_body_whose_sender_is_unknown() -> None:
    door = Door()

    door.send("POST", CALLED, _signed(key=("AKIANOBODY", "secret")), [b"x" * 100])

    assert door.read == 0


def test_a_body_over_the_bound_is_refused_before_and_while_it_is_read() -> None:
    door, chunk = Door(), b"x" * (MAX_BODY_BYTES // 2)

    announced = door.send("POST", CALLED, [*_signed(), ("content-length", str(MAX_BODY_BYTES + 1))], [b"x"])
    assert (announced[0], door.read) == (413, 0)

    assert door.send("POST", CALLED, _signed(), [chunk, chunk, b"x", b"never read"])[0] == 413
    assert (door.read, door.reached) == (3, [])


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_TIMEOUT_S", 0.05)
    answers: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    async def keep(message: Message) -> None:
        answers.append(message)

    door = Door()
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": CALLED.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in _signed()],
    }
    asyncio.run(Guard(door.app, [HOST], _secret_of)(scope, never, keep))

    assert (answers[0]["status"], door.reached) == (408, [])


def test_no_page_may_read_an_answer() -> None:
    status, headers, _ = Door().send("POST", CALLED, _signed(), [b"{}"])

    assert (status, headers) == (200, {"content-type": "text/plain"})


def test_there_are_no_web_sockets() -> None:
    door = Door()

    assert door.send("GET", CALLED, _signed("GET", CALLED, b""), kind="websocket")[0] == 1008
    assert door.reached == []


@pytest.mark.parametrize("service", ["s3", "sts"])
def test_services_that_answer_in_xml_are_refused_in_xml(service: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    headers = _signed(key=("AKIANOBODY", "x"), service=service, more=form)

    _, answered, body = Door().send("POST", "/", headers, [b"{}"])

    assert answered["content-type"] == "text/xml"
    assert b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code>" in body
