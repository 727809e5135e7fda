"""The signing edge where headers are more than API Gateway takes: it says so, and sends nothing."""

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest
import urllib3
from botocore.credentials import Credentials

from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_TOKEN_BYTES
from ops.local.settings import REGION
from ops.local.signing_edge import MAX_HEADERS_BYTES, SigningEdge, Upstream

SESSION_TOKEN = "t" * 2000
PATH = "/policy/apply"


class Gateway(ThreadingHTTPServer):
    """Answers 200, and keeps how many bytes of headers each request had on the wire."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counted)
        self.header_bytes: list[int] = []


class _Counted(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        self.server.header_bytes.append(sum(len(f"{name}: {value}\r\n") for name, value in self.headers.items()))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Rig(NamedTuple):
    gateway: Gateway
    edge: SigningEdge

    def post(self, **headers: str) -> tuple[int, Mapping[str, Any]]:
        """Post an empty object to the edge. Returns the answer's status and body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = urllib3.request("POST", self.edge.url + PATH, body=b"{}", headers=sent)
        return answer.status, answer.json()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Gateway() as gateway, SigningEdge(0) as edge:
        Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        credentials = Credentials("testing", "testing", SESSION_TOKEN)
        edge.start(Upstream(f"http://127.0.0.1:{gateway.server_port}", credentials=credentials, region=REGION))
        yield Rig(gateway, edge)
        edge.shutdown()
        gateway.shutdown()


def test_headers_that_are_too_large_together_are_refused_in_the_contracts_words_and_not_sent(rig: Rig) -> None:
    status, body = rig.post(
        x_identity_envelope="e" * MAX_ENVELOPE_BYTES, x_internal_trust_context="t" * MAX_TOKEN_BYTES
    )

    assert (status, rig.gateway.header_bytes) == (400, [])
    assert body["message"].endswith(f"over the {MAX_HEADERS_BYTES} allowed")
    assert body == {
        "status": "error",
        "error": "trust_context_invalid_request_shape",
        "reasonCode": "trust_context_invalid_request_shape",
        "responseClass": "blocked",
        "message": body["message"],
    }


def test_headers_may_be_as_large_as_api_gateway_takes_and_not_a_byte_larger(rig: Rig) -> None:
    rig.post(x_identity_envelope="e")
    room = MAX_HEADERS_BYTES - rig.gateway.header_bytes[0] + 1 - MAX_ENVELOPE_BYTES - len("x-more: \r\n")
    envelope = "e" * MAX_ENVELOPE_BYTES

    fits, _ = rig.post(x_identity_envelope=envelope, x_more="m" * room)
    does_not, _ = rig.post(x_identity_envelope=envelope, x_more="m" * (room + 1))

    assert (fits, does_not) == (200, 400)
    assert rig.gateway.header_bytes[1:] == [MAX_HEADERS_BYTES]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x_identity_envelope": "e" * 11_000}, "security_invalid_identity_envelope"),
        ({"x_internal_trust_context": "t" * 11_000}, "security_invalid_internal_trust_context"),
        ({"x_correlation_id": "c" * 11_000}, "trust_context_invalid_request_shape"),
    ],
)
def test_a_header_over_its_own_limit_is_refused_by_its_own_code(rig: Rig, headers: dict[str, str], code: str) -> None:
    status, body = rig.post(**headers)

    assert (status, body["reasonCode"]) == (400 if code.startswith("trust_context") else 401, code)
    assert rig.gateway.header_bytes == []


def test_a_refusal_for_its_size_quotes_no_header(rig: Rig) -> None:
    status, body = rig.post(x_internal_trust_context="secret" * 2_000)

    assert status == 401
    assert "secret" not in json.dumps(body)
