"""ID tokens: which are taken, and that nothing else is."""

import json
import random
import string
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError
from handshake.people.id_token import CLOCK_SKEW_S, MAX_TOKEN_BYTES, Audience, public_numbers, signed_in, take_apart
from handshake.people.pool_keys import PoolKeys
from handshake.people.standing import Identity
from handshake.trust.identity import SignIn
from tests.hostile.id_tokens import forged
from tests.support.people import KEY_ID, POOL, claims_of, encoded, jwk, jwk_set, signed

NOW_S: Final = 1_800_000_000
ALICE: Final = Identity(POOL.issuer, "alice")
KEYS: Final = PoolKeys(lambda: jwk_set(KEY_ID))


def taken(token: str | None, *, now_s: float = NOW_S, audience: Audience = POOL) -> tuple[SignIn, int] | str:
    """Give what a token says of who signed in, or why it is refused."""
    try:
        apart = take_apart(token)
        return signed_in(apart, KEYS.verifier(apart.key_id), audience, now_s=now_s)
    except HandshakeError as fault:
        return f"{fault.refusal.reason.code}: {fault.refusal.message}"


def token(**changes: Any) -> str:
    return signed(claims_of(ALICE, now_s=NOW_S, **changes))


def test_an_id_token_of_the_pool_says_who_signed_in_and_when() -> None:
    assert taken(token()) == (SignIn(POOL.issuer, "alice", NOW_S - 60), NOW_S + 600)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Another"}, "another user pool"),
        ({"iss": POOL.issuer + "/"}, "another user pool"),
        ({"iss": None}, "another user pool"),
        ({"token_use": "access"}, "no ID token"),
        ({"token_use": ["id"]}, "no ID token"),
        ({"aud": "another-client"}, "another client"),
        ({"aud": [POOL.client_id]}, "another client"),
        ({"aud": None, "client_id": POOL.client_id}, "another client"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 7}, "names nobody"),
        ({"sub": "a\u0000b"}, "names nobody"),
        ({"exp": NOW_S}, "expired"),
        ({"exp": NOW_S - 1}, "expired"),
        ({"exp": str(NOW_S + 600)}, "not numbers"),
        ({"exp": True}, "not numbers"),
        ({"iat": NOW_S + CLOCK_SKEW_S + 1}, "not valid yet"),
        ({"auth_time": NOW_S + CLOCK_SKEW_S + 1}, "not valid yet"),
        ({"auth_time": None}, "not numbers"),
    ],
)
def test_one_wrong_claim_refuses_it(changes: dict[str, Any], why: str) -> None:
    refused = taken(token(**changes))

    assert isinstance(refused, str)
    assert refused.startswith("security_token_invalid: ")
    assert why in refused


@pytest.mark.parametrize("claims", [[], "text", 7, None])
def test_claims_are_an_object(claims: Any) -> None:
    assert isinstance(taken(signed(claims)), str)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": "rs256"},
        {"alg": None},
        {"kid": "another"},
        {"kid": None},
        {"kid": ["id-key"]},
        {"crit": ["exp"]},
        {"crit": []},
    ],
)
def test_one_wrong_member_of_the_header_refuses_it(header: dict[str, Any]) -> None:
    assert isinstance(taken(signed(claims_of(ALICE, now_s=NOW_S), header=header)), str)


def test_a_key_that_the_token_brings_along_counts_for_nothing() -> None:
    theirs = {"kid": KEY_ID, "jwk": jwk("theirs"), "jku": "https://evil.example/jwks.json", "x5c": ["AAAA"]}

    assert isinstance(taken(signed(claims_of(ALICE, now_s=NOW_S), key="theirs", header=theirs)), str)


def test_the_same_token_in_another_spelling_is_refused() -> None:
    good = token()
    header, claims, signature = good.split(".")
    spaced = encoded(json.dumps(json.loads('{"alg":"RS256","kid":"id-key"}'), indent=1).encode())

    for altered in (
        f"{header}.{claims}.{signature}=",
        f"{header}.{claims}.{signature}\n",
        f"{spaced}.{claims}.{signature}",
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature}.{signature}",
        good.replace(".", " "),
        f"{header}.{claims}.{signature[:-1]}",
    ):
        assert isinstance(taken(altered), str), altered
    assert not isinstance(taken(good), str)


@pytest.mark.parametrize("text", [None, "", "   ", ".", "..", "a.b.c", "é.b.c", "A" * (MAX_TOKEN_BYTES + 1)])
def test_what_is_no_token_is_refused(text: str | None) -> None:
    assert isinstance(taken(text), str)


@given(st.text(max_size=400))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    assert isinstance(taken(text), str)


@given(part=st.sampled_from([0, 1, 2]), at=st.integers(0, 10_000), char=st.sampled_from(string.ascii_letters + "-_."))
def test_no_changed_character_passes(part: int, at: int, char: str) -> None:
    good = token()
    parts = good.split(".")
    place = at % len(parts[part])
    parts[part] = parts[part][:place] + char + parts[part][place + 1 :]
    changed = ".".join(parts)

    assert changed == good or isinstance(taken(changed), str)


def test_of_a_thousand_forged_foreign_and_stale_tokens_none_is_taken() -> None:
    kinds = set()
    for kind, text in forged(random.Random(13), 1000, now_s=NOW_S):  # noqa: S311 - draws attacks, keeps no secret
        assert isinstance(taken(text), str), (kind, text)
        kinds.add(kind)
    assert len(kinds) >= 10


@pytest.mark.parametrize(
    "changes", [{"kty": "EC"}, {"alg": "PS256"}, {"use": "enc"}, {"n": "!"}, {"e": None}, {"alg": None}]
)
def test_other_keys_of_a_set_verify_nothing(changes: dict[str, Any]) -> None:
    assert public_numbers({**jwk(), **changes}) is None
