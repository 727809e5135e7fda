"""The client where headers are more than API Gateway takes: it says so, and sends nothing."""

from typing import cast

import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials

from handshake_rail import Envelope, HandshakeError
from handshake_rail.client import MAX_HEADERS_BYTES
from handshake_rail.signing import SigV4
from ops.local.settings import REGION
from tests.sdk.conftest import Connect
from tests.sdk.doubles import Script, ok, refusal
from tests.support.service import human

ANA = cast("Envelope", human("ana"))
SHAPE = "trust_context_invalid_request_shape"


def _signed(session_token: str) -> SigV4:
    return SigV4(REGION, Credentials("testing", "testing", session_token))


def test_headers_that_are_too_large_together_are_not_sent(connect: Connect) -> None:
    script = Script([ok({})])
    client = connect(script, auth=_signed("s" * 2000), envelope=ANA | {"sessionId": "s" * 4000})

    with pytest.raises(HandshakeError) as refused:
        client.apply_policy({"scope": "global", "policyVersion": "v1"}, trust_token="t" * 4096, correlation_id="call-7")

    error = refused.value
    assert script.requests == []
    assert (error.reason_code, error.status, error.attempts, error.retryable) == (SHAPE, None, 0, False)
    assert error.correlation_id == "call-7"
    assert f"over the {MAX_HEADERS_BYTES} allowed" in error.message
    assert "x-internal-trust-context 4124" in error.message
    assert "tttt" not in str(error)


def test_headers_may_be_as_large_as_api_gateway_takes_and_not_a_byte_larger(connect: Connect) -> None:
    script = Script([ok({})])
    client = connect(script, auth=_signed("s" * 1500))

    def read(correlation_id: str) -> None:
        client.get_metrics_summary(correlation_id=correlation_id)

    read("c")
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in script.requests[0].headers.raw)
    room = MAX_HEADERS_BYTES - size + 1
    read("c" * room)
    with pytest.raises(HandshakeError, match=SHAPE):
        read("c" * (room + 1))

    assert len(script.requests) == 2


def test_a_call_that_grows_too_large_between_attempts_says_how_often_it_was_sent(connect: Connect) -> None:
    script = Script([refusal("adapter_store_unavailable", 503)])
    credentials = _Renewed(["s" * 1500, "s" * 11_000])
    client = connect(script, auth=SigV4(REGION, credentials))

    with pytest.raises(HandshakeError) as refused:
        client.get_metrics_summary()

    assert (refused.value.reason_code, refused.value.attempts) == (SHAPE, 1)


class _Renewed:
    """Credentials with another session token each time they are asked for."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return ReadOnlyCredentials("testing", "testing", self._tokens.pop(0))
