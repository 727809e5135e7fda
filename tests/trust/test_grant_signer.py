"""The signer of grants, on ministack's KMS: which key signs, what is published, and when nothing is signed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import SignerUnavailableError
from handshake.trust.grant_signer import KmsGrantSigner, SigningKey, key_that_signs
from ops.local.settings import ROOT_KEY
from tests.support.engines import client_of
from tests.support.grants import claims_of, header_of

HOUR_MS = 3_600_000
PUBLISHED_MS = 26 * HOUR_MS
NOW_MS = 1_795_858_656_000
TIMES = st.integers(0, 100 * HOUR_MS)


@pytest.fixture
def kms(ministack_endpoint: str) -> Any:
    """Give a client of ministack's KMS."""
    return client_of("kms", ministack_endpoint, key=ROOT_KEY)


def _key(kms: Any, spec: str = "ECC_NIST_P256") -> str:
    arn: str = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return arn


def _signer(kms: Any, *arns: str) -> KmsGrantSigner:
    return KmsGrantSigner(kms, arns, now_ms=lambda: NOW_MS)


def test_what_kms_signs_is_verified_by_what_is_published(kms: Any) -> None:
    arn = _key(kms)
    signer = _signer(kms, arn)

    token = signer.sign({"jti": "grant_1", "exp": 5})

    [jwk] = signer.public_keys()
    assert claims_of(token, [jwk]) == {"jti": "grant_1", "exp": 5}
    assert header_of(token)["kid"] == jwk["kid"] == arn.rpartition("/")[2]


def test_both_keys_are_published_and_the_older_signs_while_neither_is_known_for_long(kms: Any) -> None:
    first, second = _key(kms), _key(kms)
    made = {first: NOW_MS, second: NOW_MS + 1}
    signer = KmsGrantSigner(_Dated(kms, made), (second, first), now_ms=lambda: NOW_MS + 2)

    token = signer.sign({"jti": "grant_1"})

    assert [jwk["kid"] for jwk in signer.public_keys()] == [arn.rpartition("/")[2] for arn in (second, first)]
    assert header_of(token)["kid"] == first.rpartition("/")[2]


@pytest.mark.parametrize(("age_ms", "signs"), [(PUBLISHED_MS - 1, "older"), (PUBLISHED_MS, "newer")])
def test_the_next_key_signs_once_it_has_been_published_for_a_day_and_two_hours(
    kms: Any, age_ms: int, signs: str
) -> None:
    older, newer = _key(kms), _key(kms)
    made = {older: NOW_MS - 400 * HOUR_MS, newer: NOW_MS - age_ms}
    signer = KmsGrantSigner(_Dated(kms, made), (older, newer), now_ms=lambda: NOW_MS)

    kid = header_of(signer.sign({"jti": "grant_1"}))["kid"]

    assert kid == {"older": older, "newer": newer}[signs].rpartition("/")[2]


class _Dated:
    """A KMS client whose keys were made when a test says."""

    def __init__(self, client: Any, made_at_ms: dict[str, int]) -> None:
        self._client, self._made = client, made_at_ms

    def describe_key(self, *, KeyId: str) -> Any:  # noqa: N803 - the client's name
        """Answer as KMS does, but for the date."""
        described = self._client.describe_key(KeyId=KeyId)
        described["KeyMetadata"]["CreationDate"] = datetime.fromtimestamp(self._made[KeyId] / 1000, UTC)
        return described

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)


@given(st.lists(TIMES, min_size=1, max_size=4, unique=True), TIMES)
def test_one_key_signs_at_any_time_and_never_an_older_one_later(made: list[int], now_ms: int) -> None:
    keys = [SigningKey(f"key/{time}", time) for time in made]

    signs, later = key_that_signs(keys, now_ms=now_ms), key_that_signs(keys, now_ms=now_ms + HOUR_MS)

    assert signs.made_at_ms <= later.made_at_ms
    if signs.made_at_ms != min(made):
        assert now_ms - signs.made_at_ms >= PUBLISHED_MS
    assert not any(signs.made_at_ms < time <= now_ms - PUBLISHED_MS for time in made)


def test_a_stack_without_keys_signs_and_publishes_nothing(kms: Any) -> None:
    signer = _signer(kms)

    _ensure_unavailable(lambda: signer.sign({}))
    _ensure_unavailable(signer.public_keys)


def test_a_key_that_is_switched_off_signs_nothing(kms: Any) -> None:
    arn = _key(kms)
    kms.disable_key(KeyId=arn)

    _ensure_unavailable(lambda: _signer(kms, arn).sign({}))


def test_a_key_that_is_gone_signs_and_publishes_nothing(kms: Any) -> None:
    signer = _signer(kms, _key(kms).rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000")

    _ensure_unavailable(lambda: signer.sign({}))
    _ensure_unavailable(signer.public_keys)


def test_a_key_of_another_curve_signs_and_publishes_nothing(kms: Any) -> None:
    signer = _signer(kms, _key(kms, "ECC_NIST_P384"))

    _ensure_unavailable(lambda: signer.sign({}))
    _ensure_unavailable(signer.public_keys)


class _Answers:
    """A KMS client whose every answer a test gives."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self._answer = answer

    def __getattr__(self, operation: str) -> Any:
        return lambda **parameters: self._answer(parameters)


def _raising(error: Exception) -> Callable[[dict[str, Any]], Any]:
    def answer(_: dict[str, Any]) -> Any:
        raise error

    return answer


DER = bytes.fromhex("3006020101020101")
WRONG = {
    "another key's": lambda asked: asked | {"KeyId": "arn:aws:kms:eu:1:key/other", "Signature": DER},
    "another algorithm's": lambda asked: asked | {"SigningAlgorithm": "RSASSA_PSS_SHA_256", "Signature": DER},
    "no signature": lambda asked: asked | {"Signature": b"\x00" * 64},
    "throttled": _raising(ClientError({"Error": {"Code": "ThrottlingException"}}, "Sign")),
    "not permitted": _raising(ClientError({"Error": {"Code": "AccessDeniedException"}}, "Sign")),
    "too slow": _raising(ReadTimeoutError(endpoint_url="https://kms")),
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_an_answer_that_is_no_signature_of_the_key_is_none(answer: Callable[[dict[str, Any]], Any]) -> None:
    _ensure_unavailable(lambda: _signer(_Answers(answer), "arn:aws:kms:eu:1:key/own").sign({}))


def _ensure_unavailable(call: Callable[[], object]) -> None:
    with pytest.raises(SignerUnavailableError) as raised:
        call()
    assert raised.value.refusal.reason.code == "adapter_signer_unavailable"
    assert "kms" not in raised.value.refusal.message.lower()
