"""Tests when a trust token is valid, and how long the guard of its jti lives."""

import base64
import hmac
import json
import math
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.trust.token import (
    CLOCK_SKEW_S,
    MAX_LIFETIME_S,
    MIN_GUARD_LIFETIME_S,
    TrustClaims,
    verify_token,
)
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason

KEY = b"a-key"
NOW_S = NOW_MS // 1000
JTI = "jti-of-a-token"
LIFETIME_S = 300
INVALID = "security_invalid_internal_trust_context"
EXPIRED = "security_internal_trust_context_expired"
CLAIMS: dict[str, Any] = {
    "iss": "handshake-edge",
    "aud": "handshake-core",
    "sub": "policy.apply",
    "iat": NOW_S,
    "exp": NOW_S + LIFETIME_S,
    "jti": JTI,
}


def _verify(token: str, *, now_s: float = NOW_S) -> TrustClaims:
    return verify_token(token, keys=[KEY], now_s=now_s)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(*, claims: Any = CLAIMS) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_encoded(hmac.digest(KEY, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize(
    ("offset_s", "told"),
    [
        (-CLOCK_SKEW_S - 0.001, EXPIRED),
        (-CLOCK_SKEW_S, JTI),
        (0, JTI),
        (LIFETIME_S, JTI),
        (LIFETIME_S + CLOCK_SKEW_S - 0.001, JTI),
        (LIFETIME_S + CLOCK_SKEW_S, EXPIRED),
        (LIFETIME_S + CLOCK_SKEW_S + 1, EXPIRED),
    ],
)
def test_a_token_is_valid_from_issue_to_expiry_with_30_seconds_of_skew_either_way(offset_s: float, told: str) -> None:
    verified = answer(lambda: _verify(_signed(), now_s=NOW_S + offset_s))

    assert (verified.jti if isinstance(verified, TrustClaims) else verified) == told


@pytest.mark.parametrize(("offset_s", "told"), [(-CLOCK_SKEW_S - 1, EXPIRED), (-CLOCK_SKEW_S, JTI)])
def test_a_token_that_is_not_valid_before_a_time_is_not_valid_before_it(offset_s: float, told: str) -> None:
    token = _signed(claims=CLAIMS | {"nbf": NOW_S + 100})

    verified = answer(lambda: _verify(token, now_s=NOW_S + 100 + offset_s))

    assert (verified.jti if isinstance(verified, TrustClaims) else verified) == told


@pytest.mark.parametrize(
    ("lifetime_s", "told"), [(-1, INVALID), (0, INVALID), (MAX_LIFETIME_S, JTI), (MAX_LIFETIME_S + 0.5, INVALID)]
)
def test_a_token_valid_for_no_time_or_for_over_15_minutes_is_refused(lifetime_s: float, told: str) -> None:
    token = _signed(claims=CLAIMS | {"exp": NOW_S + lifetime_s})

    verified = answer(lambda: _verify(token))

    assert (verified.jti if isinstance(verified, TrustClaims) else verified) == told


@given(
    st.floats(1, MAX_LIFETIME_S) | st.integers(1, MAX_LIFETIME_S),
    st.floats(-CLOCK_SKEW_S, MAX_LIFETIME_S + CLOCK_SKEW_S),
)
@example(300.5, 0.0)
@example(1, 0.999)
@example(MAX_LIFETIME_S, MAX_LIFETIME_S + CLOCK_SKEW_S - 0.001)
def test_a_guard_outlives_its_token_and_never_lives_less_than_300_seconds(lifetime_s: float, offset_s: float) -> None:
    token = _signed(claims=CLAIMS | {"exp": NOW_S + lifetime_s})
    now_s = NOW_S + offset_s
    claims = answer(lambda: _verify(token, now_s=now_s))

    if isinstance(claims, TrustClaims):
        assert claims.guard_until_s >= now_s + MIN_GUARD_LIFETIME_S
        for later_s in (claims.guard_until_s, math.nextafter(claims.guard_until_s, math.inf)):
            assert reason(partial(_verify, token, now_s=later_s)) == EXPIRED
