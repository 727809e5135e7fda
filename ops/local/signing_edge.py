"""Serve the signing edge: plain HTTP on loopback in, SigV4 and an identity envelope out.

People and tools on this machine call the API as if it had no authentication; what they may do is what the
credentials and the envelope given here may do. So it answers nobody else: loopback only, never a web page, and in front
of a deployed stack only those who have the token of this start (``Access``).
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.reasons import ReasonCode
from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_TOKEN_BYTES
from ops.local.edge_rules import (
    ENVELOPE,
    TOKEN,
    Access,
    canonical,
    code_of_oversize,
    needs_envelope,
    passed_on,
    refusal_of,
)
from ops.local.http_server import LoopbackServer, Refusal, Request, Response, refused
from ops.local.settings import STATE, private

OPERATOR: Final = {
    "principalId": "operator",
    "subjectType": "human",
    "roles": ["admin"],
    "scopes": ["agents:manage", "agents:read", "workflow:read:any", "workflow:resolve"],
}
MAX_HEADERS_BYTES: Final = 10_240
"""API Gateway's own limit on all headers of a request, with names, separators and line ends."""

_OWN_LIMITS: Final = {ENVELOPE: MAX_ENVELOPE_BYTES, TOKEN: MAX_TOKEN_BYTES}
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)  # API Gateway gives up after 29 s
# The server's own, and what would let a web page read the answer.
_NOT_PASSED_BACK: Final = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")


class HeadersTooLargeError(Exception):
    """API Gateway would refuse the headers of this request, and give no reason code."""


class CredentialSource(Protocol):
    """botocore credentials of any kind; those that expire renew themselves here."""

    def get_frozen_credentials(self) -> ReadOnlyCredentials: ...


class Upstream:
    """The API behind IAM. Thread-safe; keeps its connections open, and uses no proxy."""

    def __init__(self, api_url: str, *, credentials: CredentialSource, region: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._credentials = credentials
        self._region = region
        self._http = urllib3.PoolManager(maxsize=64, timeout=_TIMEOUT, retries=False)

    def send(self, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> urllib3.BaseHTTPResponse:
        """Sign and send. ``target`` is a path with an optional query.

        Raises urllib3's HTTPError, botocore's errors where there are no credentials, and HeadersTooLargeError before
        anything is sent. The signature covers the method, path, query, host, body, content type and every x- header,
        so whoever sees a signed request can replay it but not put another person, key or token into it.
        """
        url = self._api_url + canonical(target)
        given = {name.lower(): value for name, value in headers.items()}
        signed = {name: value for name, value in given.items() if name == "content-type" or name.startswith("x-")}
        request = AWSRequest(method, url, data=body, headers=signed)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        # What urllib3 would add is given here, so that it is counted.
        added = {"host": urlsplit(url).netloc, "accept-encoding": "identity", "content-length": str(len(body))}
        sent = {"user-agent": "handshake-edge", **added, **given, **request.headers}
        size = sum(len(name) + len(": ") + len(value) + len("\r\n") for name, value in sent.items())
        if size > MAX_HEADERS_BYTES:
            raise HeadersTooLargeError(f"signed, the headers are {size} bytes, over the {MAX_HEADERS_BYTES} allowed")
        return self._http.request(method, url, headers=sent, body=body)


class SigningEdge(LoopbackServer):
    """A server on 127.0.0.1. The port is taken on creation, so that a taken one fails first (OSError)."""

    def start(self, upstream: Upstream, *, access: Access, envelope: Mapping[str, Any] = OPERATOR) -> None:
        """Answer from now on, in the background.

        ``envelope`` goes with requests that have none of their own, to routes that need one and to no others.
        """
        self.serve(_Edge(upstream, json.dumps(envelope), access=access, port=self.server_port))


class _Edge:
    """Answers for the server of an edge; see http_server.Application."""

    def __init__(self, upstream: Upstream, envelope: str, *, access: Access, port: int) -> None:
        self._upstream = upstream
        self._envelope = envelope
        self._access = access
        self._port = port

    def refusal_of(self, request: Request) -> Refusal | None:
        return refusal_of(request, port=self._port, access=self._access)

    def answer(self, request: Request) -> Response:
        headers = passed_on(request)
        if needs_envelope(request):
            # Absent, not blank: a blank one is the caller's own mistake and shows as that.
            headers.setdefault(ENVELOPE, self._envelope)
        try:
            answer = self._upstream.send(request.method, request.target, headers=headers, body=request.body)
        except HeadersTooLargeError as error:
            return refused(Refusal(code_of_oversize(headers, _OWN_LIMITS), str(error)))
        except urllib3.exceptions.HTTPError as error:
            return _unavailable(f"the API does not answer: {error}")
        except (BotoCoreError, ClientError, RuntimeError) as error:  # the last for credentials that stay expired
            return _unavailable(f"there are no AWS credentials to sign with: {error}")
        headers_back = [
            (name.lower(), value)
            for name, value in answer.headers.items()
            if name.lower() not in _NOT_PASSED_BACK and not name.lower().startswith("access-control-")
        ]
        return Response(answer.status, headers_back, answer.data)


@contextmanager
def kept_token(port: int) -> Iterator[tuple[str, Path]]:
    """Make a token for the edge on ``port``, and keep it as a header line in a file that only its owner may read.

    Yields the token and the file, which is gone afterwards. ``curl -H @FILE`` sends the line.
    """
    token = secrets.token_urlsafe(32)
    path = private(STATE) / f"edge-{port}.header"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"authorization: Bearer {token}\n")
    try:
        yield token, path
    finally:
        path.unlink(missing_ok=True)


def _unavailable(message: str) -> Response:
    return refused(Refusal(ReasonCode.ADAPTER_STORE_UNAVAILABLE, message))
