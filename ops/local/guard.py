"""Stand before the emulated AWS, in its own process: whoever has no key of this run is turned away.

The emulator runs code on this machine, for a caller who names a key and, if that key is the root's, signs nothing. A
web page and every user of this machine reach its port. So each request passes here first, and there is no other way
in: the guard is the application that listens, and calls the emulator's.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""The most that DynamoDB takes; AWS's clients send S3 more than 8 MiB in parts."""
BODY_TIMEOUT_S: Final = 30.0
FRESH: Final = timedelta(minutes=15)
FROM_A_PAGE: Final = "AccessDenied"

# In one order and with one way to write each part: what is verified and what the emulator reads must be the same.
_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([\w-]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)
_TARGET: Final = re.compile(r"/[!-\"$-~]*")  # visible ASCII without "#", which would end what is verified
_IN_THE_QUERY: Final = {"x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid"}
_ONCE: Final = ("authorization", "content-length", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Response = tuple[int, Mapping[str, str], bytes]
SecretOf = Callable[[str, str], str | None]


class RefusedError(Exception):
    """A request does not pass. ``code`` is AWS's word for why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Signed:
    """The parts of an Authorization header, and when the request was signed."""

    key_id: str
    region: str
    service: str
    headers: Collection[str]
    signature: str
    timestamp: str


@dataclass(frozen=True)
class Request:
    """Holds what is verified of a request: ``target`` as sent, ``headers`` by lower-case names in the order sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, scope: Message) -> "Request":
        """Read an ASGI scope."""
        query = scope["query_string"].decode("latin-1")
        target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        headers = tuple((name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"])
        return cls(scope["method"], target, headers)

    def all(self, name: str) -> list[str]:
        """Return the values of a header, by its lower-case name."""
        return [value for header, value in self.headers if header == name]

    def get(self, name: str) -> str:
        """Return the first value of a header; "" where there is none."""
        return next(iter(self.all(name)), "")


def _text(value: bytes) -> str:
    """Decode a header's value as the emulator does; a signature is of its bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def check_origin(request: Request, *, hosts: Collection[str]) -> None:
    """Refuse what a web page sends. Raises RefusedError.

    A page that a browser shows names its own host where it has had that resolved to this machine (DNS rebinding), or
    its request carries Origin or Sec-Fetch-Site. No AWS client sends either.
    """
    if (
        request.all("host") not in [[host] for host in hosts]
        or request.all("origin")
        or set(request.all("sec-fetch-site")) - {"none"}
    ):
        raise RefusedError(403, FROM_A_PAGE, "this is an emulator for tools on its own machine, not for web pages")


def read_signature(request: Request, *, now: datetime) -> Signed:
    """Read who signed a request, and whether just now. Nothing is verified yet. Raises RefusedError."""
    path, _, query = request.target.partition("?")
    if not _TARGET.fullmatch(request.target):
        raise RefusedError(400, "InvalidRequest", "the target of a request is a path of visible ASCII characters")
    if any(len(request.all(name)) > 1 for name in _ONCE):
        raise RefusedError(400, "InvalidRequest", f"send each of these headers once: {', '.join(_ONCE)}")
    if _IN_THE_QUERY & {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}:
        raise RefusedError(403, "AccessDenied", "no presigned requests are taken here: sign the headers")
    authorization = request.get("authorization")
    if not authorization:
        raise RefusedError(403, "MissingAuthenticationToken", "Missing Authentication Token")
    parts = _AUTHORIZATION.fullmatch(authorization)
    if parts is None:
        raise RefusedError(403, "IncompleteSignature", "Authorization is no AWS Signature Version 4 of headers")
    key_id, day, region, service, names, signature = parts.groups()
    signed = Signed(key_id, region, service, names.split(";"), signature, request.get("x-amz-date"))
    _check_time(signed.timestamp, day, now=now)
    needed = {name for name, _ in request.headers if name.startswith("x-amz-")} | {"host"}
    if missing := needed.difference(signed.headers):
        raise RefusedError(403, "IncompleteSignature", f"the signature must cover {', '.join(sorted(missing))}")
    if service != "s3" and {".", ".."} & set(path.split("/")):
        raise RefusedError(400, "InvalidRequest", "a path has no dot segments")
    return signed


def _check_time(timestamp: str, day: str, *, now: datetime) -> None:
    try:
        at = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError(403, "IncompleteSignature", "X-Amz-Date is missing, or no ISO 8601 basic time") from None
    if timestamp[:8] != day:
        raise RefusedError(403, "CredentialDateMismatch", "the date of the credential scope is not that of X-Amz-Date")
    if abs(now - at) > FRESH:
        raise RefusedError(403, "RequestTimeTooSkewed", f"signed at {timestamp}, which is over {FRESH} from now")


def check_signature(request: Request, signed: Signed, body: bytes, *, secret: str) -> None:
    """Sign the request again and compare, in constant time. Raises RefusedError."""
    digest = hashlib.sha256(body).hexdigest()
    # AWS would take an unsigned payload over TLS. There is none here, and AWS's clients then sign it.
    whole = request.get("x-amz-content-sha256") in ("", digest)
    if not (hmac.compare_digest(signature_of(request, signed, digest, secret=secret), signed.signature) and whole):
        raise RefusedError(403, "SignatureDoesNotMatch", "the signature is not what this key makes of this request")


def signature_of(request: Request, signed: Signed, digest: str, *, secret: str) -> str:
    """Compute the signature that a client with ``secret`` gives a request whose body hashes to ``digest``."""
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name in signed.headers:
            headers.add_header(name, value)
    signer_type = _SignerOfS3 if signed.service == "s3" else _Signer
    signer = signer_type(Credentials(signed.key_id, secret), signed.service, signed.region)
    again = AWSRequest(request.method, f"http://host{request.target}", headers={"X-Amz-Content-SHA256": digest})
    again.context.update(timestamp=signed.timestamp, signed=headers)
    signature: str = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return signature


class _Signer(SigV4Auth):
    """Signs the headers that the client has signed, where botocore would choose."""

    def headers_to_sign(self, request: Any) -> HTTPHeaders:
        signed: HTTPHeaders = request.context["signed"]
        return signed


class _SignerOfS3(_Signer, S3SigV4Auth):
    """Signs the path as it is sent."""


@dataclass(frozen=True)
class Guard:
    """An ASGI application that calls ``app`` with what has passed.

    ``hosts`` are the names it answers to, with their port. ``secret_of`` gives the secret of an access key with its
    session token, or None where this run has issued no such key. ``as_api`` answers a refusal as the API that is
    addressed would, or gives None where none is. ``admits_anybody`` says of a call to an API that nobody signed whether
    the method is open to anybody, which the template's never are: a hand that opens one is to be seen doing it.
    ``judges_itself`` says of a request whether what it asks for looks at who asks by another means than a signature.
    """

    app: Application
    hosts: Collection[str]
    secret_of: SecretOf
    as_api: Callable[[Message, RefusedError], Response | None] = lambda *_: None
    admits_anybody: Callable[[Message], bool] = lambda _: False
    judges_itself: Callable[[Message], bool] = lambda _: False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request; refuse every WebSocket, which nothing here uses."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            try:
                body = await self._admit(scope, receive)
            except RefusedError as refusal:
                await _answer(send, self.as_api(scope, refusal) or _as_aws(Request.of(scope), refusal))
            else:
                await self.app(scope, _replay(body, receive), _without_cors(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _admit(self, scope: Message, receive: Receive) -> bytes:
        """Return the whole body of a request that may pass. Raises RefusedError, before reading where it can."""
        request = Request.of(scope)
        check_origin(request, hosts=self.hosts)
        if self.judges_itself(scope) or (not request.all("authorization") and self.admits_anybody(scope)):
            return await _read(request, receive)
        signed = read_signature(request, now=self.now())
        secret = self.secret_of(signed.key_id, request.get("x-amz-security-token"))
        if secret is None:
            raise RefusedError(403, "InvalidClientTokenId", "this run of the emulator has issued no such key")
        body = await _read(request, receive)
        check_signature(request, signed, body, secret=secret)
        return body


async def _read(request: Request, receive: Receive) -> bytes:
    too_large = RefusedError(413, "RequestTooLarge", f"the body is over {MAX_BODY_BYTES} bytes")
    length = request.get("content-length")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise RefusedError(408, "RequestTimeout", f"the body took over {BODY_TIMEOUT_S:.0f} s") from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that has been read once, and then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _without_cors(send: Send) -> Send:
    """Take off what would let pages read an answer: the emulator lets all of them."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [header for header in message["headers"] if not header[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": headers}
        await send(message)

    return send_on


def _as_aws(request: Request, refusal: RefusedError) -> Response:
    """Say it as the service's client reads errors: XML where the protocol is a form's or S3's, else JSON."""
    parts = _AUTHORIZATION.match(request.get("authorization"))
    if (parts and parts[4] == "s3") or request.get("content-type").startswith("application/x-www-form-urlencoded"):
        error = f"<Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"
        xml = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        return refusal.status, {"content-type": "text/xml"}, xml.encode()
    body = {"__type": refusal.code, "message": refusal.message}
    headers = {"content-type": "application/json", "x-amzn-errortype": refusal.code}
    return refusal.status, headers, json.dumps(body).encode()


async def _answer(send: Send, response: Response) -> None:
    status, headers, body = response
    # What was not read of the body is on the connection still.
    given = {**headers, "content-length": str(len(body)), "connection": "close"}
    encoded = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
