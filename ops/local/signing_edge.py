"""Serve the signing edge: plain HTTP on loopback in, SigV4 and an identity envelope out.

People and tools on this machine call the API as if it had no authentication; what they may do is what the
credentials and the envelope given here may do. So it answers nobody else: loopback only, and never a web page.
"""

import json
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_TOKEN_BYTES

OPERATOR: Final = {
    "principalId": "operator",
    "subjectType": "human",
    "roles": ["admin"],
    "scopes": ["workflow:read:any", "workflow:resolve"],
}
MAX_HEADERS_BYTES: Final = 10_240
"""API Gateway's own limit on all headers of a request, with names, separators and line ends."""

_ENVELOPE: Final = "x-identity-envelope"
_TOKEN: Final = "x-internal-trust-context"  # noqa: S105 - what a header is called
_MAX_BODY_BYTES: Final = 10 * 1024 * 1024  # API Gateway's own limit
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)  # API Gateway gives up after 29 s


class HeadersTooLargeError(Exception):
    """API Gateway would refuse the headers of this request, and give no reason code."""


class CredentialSource(Protocol):
    """botocore credentials of any kind; those that expire renew themselves here."""

    def get_frozen_credentials(self) -> ReadOnlyCredentials: ...


class Upstream:
    """The API behind IAM. Thread-safe; keeps its connections open."""

    def __init__(self, api_url: str, *, credentials: CredentialSource, region: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._credentials = credentials
        self._region = region
        self._http = urllib3.PoolManager(maxsize=64, timeout=_TIMEOUT, retries=False)

    def send(self, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> urllib3.BaseHTTPResponse:
        """Sign and send. ``target`` is a path with an optional query.

        Raises urllib3's HTTPError, and HeadersTooLargeError before anything is sent. The signature covers the method,
        path, query, host and body; ``headers`` pass through unsigned.
        """
        url = self._api_url + _canonical(target)
        request = AWSRequest(method, url, data=body)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        # What urllib3 would add is given here, so that it is counted.
        added = {"host": urlsplit(url).netloc, "accept-encoding": "identity", "content-length": str(len(body))}
        sent = {"user-agent": "handshake-edge", **added, **headers, **request.headers}
        size = sum(len(name) + len(": ") + len(value) + len("\r\n") for name, value in sent.items())
        if size > MAX_HEADERS_BYTES:
            raise HeadersTooLargeError(f"signed, the headers are {size} bytes, over the {MAX_HEADERS_BYTES} allowed")
        return self._http.request(method, url, headers=sent, body=body)


class SigningEdge(ThreadingHTTPServer):
    """A server on 127.0.0.1. The port is taken on creation, so that a taken one fails first (OSError)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def start(self, upstream: Upstream, *, envelope: Mapping[str, Any] = OPERATOR) -> None:
        """Answer from now on, in the background. ``envelope`` goes with every request that has none of its own."""
        self.upstream = upstream
        self.envelope = json.dumps(envelope)
        self.server_activate()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: SigningEdge
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # the caller went away
            self.close_connection = True

    def _forward(self) -> None:
        refusal = self._refusal()
        if refusal:
            self.close_connection = True  # a body may follow that nobody read
            self._refuse(*refusal)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = self._passed_on()
        try:
            answer = self.server.upstream.send(self.command, self.path, headers=headers, body=body)
        except HeadersTooLargeError as error:
            self._refuse(*_too_large(headers), str(error))
            return
        except urllib3.exceptions.HTTPError as error:
            self._refuse(503, "adapter_store_unavailable", f"the API does not answer: {error}")
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self._finish(answer.data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _forward  # noqa: N815 - the names http.server calls

    def _refusal(self) -> tuple[int, str, str] | None:
        """Return status, code and message where this request must not be signed.

        A browser would let any page it shows reach loopback. Such a request names the page's own host (DNS
        rebinding), or carries Origin or Sec-Fetch-Site; the address bar and command-line tools send neither.
        """
        names = {f"{host}:{self.server.server_port}" for host in ("127.0.0.1", "localhost")}
        if (
            self.headers.get("host") not in names
            or "origin" in self.headers
            or self.headers.get("sec-fetch-site", "none") != "none"
        ):
            return 403, "security_side_channel_denied", "this edge serves tools on its own machine, not web pages"
        if "transfer-encoding" in self.headers or not self.headers.get("content-length", "0").isdecimal():
            return 400, "trust_context_invalid_request_shape", "send the body with a content-length"
        if int(self.headers.get("content-length", 0)) > _MAX_BODY_BYTES:
            return 400, "trust_context_invalid_request_shape", f"the body is over {_MAX_BODY_BYTES} bytes"
        return None

    def _passed_on(self) -> dict[str, str]:
        headers = {
            name.lower(): value
            for name, value in self.headers.items()
            if name.lower() in ("accept", "content-type", "user-agent")
            or (name.lower().startswith("x-") and not name.lower().startswith(("x-amz", "x-forwarded")))
        }
        # Absent, not blank: a blank one is the caller's own mistake and shows as that.
        return {_ENVELOPE: self.server.envelope} | headers

    def _refuse(self, status: int, code: str, message: str) -> None:
        retryable = code.startswith("adapter_")
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-correlation-id", str(uuid.uuid4()))
        if retryable:
            self.send_header("retry-after", "1")
        body = {
            "status": "error",
            "error": code,
            "reasonCode": code,
            "responseClass": "retryable" if retryable else "blocked",
            "message": message,
        }
        self._finish(json.dumps(body).encode())

    def _finish(self, body: bytes) -> None:
        self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the API keeps the access log."""


def _too_large(headers: Mapping[str, str]) -> tuple[int, str]:
    """Return status and code of a refusal: a header's own where it is over its own limit, else the request's."""
    if len(headers[_ENVELOPE]) > MAX_ENVELOPE_BYTES:
        return 401, "security_invalid_identity_envelope"
    if len(headers.get(_TOKEN, "")) > MAX_TOKEN_BYTES:
        return 401, "security_invalid_internal_trust_context"
    return 400, "trust_context_invalid_request_shape"


def _canonical(target: str) -> str:
    """Encode the target as SigV4 does, so that both sides sign the same text."""
    path, _, query = target.partition("?")
    path = "/".join(quote(unquote(segment), safe="-_.~") for segment in path.split("/"))
    pairs = parse_qsl(query, keep_blank_values=True)
    return f"{path}?{urlencode(pairs, quote_via=quote, safe='-_.~')}" if pairs else path
