"""Tests what the edge signs: nobody who sees a signed request can put another person, key, token or type into it."""

from dataclasses import replace
from typing import Final

import pytest

from tests.ops.local.conftest import Rig
from tests.support.gateway import KEY

SIGNED: Final = {
    "x-identity-envelope": '{"principalId": "ana"}',
    "x-internal-trust-context": "a.b.c",
    "x-idempotency-key": "key-1",
    "x-correlation-id": "call-1",
    "content-type": "application/json",
}


@pytest.fixture
def signed(rig: Rig) -> Rig:
    """An edge that has just passed a request on, with each of the headers."""
    assert rig.post("/workflow/decision-room/action", **{n.replace("-", "_"): v for n, v in SIGNED.items()})[0] == 200
    assert rig.gateway.last.is_signed(KEY.get_frozen_credentials())
    return rig


def test_the_signature_names_each_header_that_carries_identity(signed: Rig) -> None:
    assert {"host", "x-amz-date", "x-amz-security-token", *SIGNED} == set(signed.gateway.last.signed_headers)


@pytest.mark.parametrize("name", SIGNED)
def test_a_header_that_is_changed_after_signing_breaks_the_signature(signed: Rig, name: str) -> None:
    captured = signed.gateway.last

    for value in ("another", "", SIGNED[name] + "x"):
        assert not captured.with_header(name, value).is_signed(KEY.get_frozen_credentials())
    assert captured.with_header(name, SIGNED[name]).is_signed(KEY.get_frozen_credentials())


def test_the_envelope_that_the_edge_adds_is_signed_too(rig: Rig) -> None:
    rig.post("/workflow/decision-room/action")
    captured = rig.gateway.last

    assert "x-identity-envelope" in captured.signed_headers
    assert not captured.with_header("x-identity-envelope", '{"principalId": "eve"}').is_signed(
        KEY.get_frozen_credentials()
    )


def test_another_body_method_or_path_breaks_it_as_before(signed: Rig) -> None:
    captured, key = signed.gateway.last, KEY.get_frozen_credentials()

    assert not replace(captured, body=b"[]").is_signed(key)
    assert not replace(captured, method="PUT").is_signed(key)
    assert not replace(captured, target="/policy/apply").is_signed(key)
