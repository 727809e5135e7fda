"""The signing edge where headers are more than API Gateway takes: it says so, and sends nothing."""

import json

import pytest

from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_TOKEN_BYTES
from ops.local.signing_edge import MAX_HEADERS_BYTES
from tests.ops.local.conftest import Rig


def test_headers_that_are_too_large_together_are_refused_in_the_contracts_words_and_not_sent(rig: Rig) -> None:
    status, body = rig.post(
        x_identity_envelope="e" * MAX_ENVELOPE_BYTES, x_internal_trust_context="t" * MAX_TOKEN_BYTES
    )

    assert (status, rig.gateway.received) == (400, [])
    assert body["message"].endswith(f"over the {MAX_HEADERS_BYTES} allowed")
    assert body == {
        "status": "error",
        "error": "trust_context_invalid_request_shape",
        "reasonCode": "trust_context_invalid_request_shape",
        "responseClass": "blocked",
        "message": body["message"],
    }


def test_headers_may_be_as_large_as_api_gateway_takes_and_not_a_byte_larger(rig: Rig) -> None:
    rig.post(x_identity_envelope="e", x_more="m")
    room = MAX_HEADERS_BYTES - rig.gateway.last.header_bytes + len("em") - MAX_ENVELOPE_BYTES
    envelope = "e" * MAX_ENVELOPE_BYTES

    fits, _ = rig.post(x_identity_envelope=envelope, x_more="m" * room)
    does_not, _ = rig.post(x_identity_envelope=envelope, x_more="m" * (room + 1))

    assert (fits, does_not) == (200, 400)
    assert [received.header_bytes for received in rig.gateway.received[1:]] == [MAX_HEADERS_BYTES]


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
    assert rig.gateway.received == []


def test_a_refusal_for_its_size_quotes_no_header(rig: Rig) -> None:
    status, body = rig.post(x_internal_trust_context="secret" * 2_000)

    assert status == 401
    assert "secret" not in json.dumps(body)
