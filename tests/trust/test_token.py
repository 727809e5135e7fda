"""The trust token: what is minted verifies, and nothing else does."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.text import id_fault
from handshake.trust.token import (
    MAX_LIFETIME_S,
    MAX_TOKEN_BYTES,
    Binding,
    TrustClaims,
    mint_token,
    verify_token,
)
from tests.support.ids import IDS
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason, refusal

KEY = b"a-key"
OLD_KEY = b"the-key-before"
NOW_S = NOW_MS // 1000
JTI = "jti-of-a-token"
LIFETIME_S = 300
MISSING = "security_missing_internal_trust_context"
INVALID = "security_invalid_internal_trust_context"
EXPIRED = "security_internal_trust_context_expired"
UNCONFIGURED = "security_internal_trust_config_missing"

NOT_TIMES: list[Any] = [None, str(NOW_S), True, [], {}, float("1e400")]
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": "handshake-edge",
    "aud": "handshake-core",
    "sub": "policy.apply",
    "iat": NOW_S,
    "exp": NOW_S + LIFETIME_S,
    "jti": JTI,
}
TOKEN = mint_token(KEY, now_s=NOW_S, jti=JTI, lifetime_s=LIFETIME_S, principal_id="alice", trace_id="t-1")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. "


def _verify(token: str | None, *, now_s: float = NOW_S, keys: list[bytes] | None = None) -> TrustClaims:
    return verify_token(token, keys=[KEY] if keys is None else keys, now_s=now_s)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(header: Any = HEADER, claims: Any = CLAIMS, *, key: bytes = KEY, algorithm: str = "sha256") -> str:
    """A token of any header and claims (text as it is), with a signature that verifies."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = ".".join(_encoded(part.encode()) for part in parts)
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), algorithm))}"


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


# -- what verifies ----------------------------------------------------------------------------------------------


@given(
    IDS.map(lambda text: f"jti-1234{text}").filter(lambda text: id_fault(text) is None),
    st.integers(1, MAX_LIFETIME_S),
    st.none() | st.just("alice"),
    st.none() | st.just("trace"),
)
def test_what_is_minted_verifies_and_says_what_it_was_minted_with(
    jti: str, lifetime_s: int, principal_id: str | None, trace_id: str | None
) -> None:
    token = mint_token(KEY, now_s=NOW_S, jti=jti, lifetime_s=lifetime_s, principal_id=principal_id, trace_id=trace_id)

    claims = _verify(token)

    assert (claims.jti, claims.issuer) == (jti, "handshake-edge")
    assert (claims.principal_id, claims.trace_id) == (principal_id, trace_id)


BODY: Final = Binding.to(b'{"scope":"global"}', "handshake-a")
STRICT: Final = replace(BODY, required=True)


@pytest.mark.parametrize("required", [False, True])
def test_a_bound_token_is_believed_with_its_body_on_its_stack_only(required: bool) -> None:  # noqa: FBT001 - a case
    token = mint_token(KEY, now_s=NOW_S, jti=JTI, binding=BODY)

    def verified(call: Binding) -> object:
        call = replace(call, required=required)
        return answer(lambda: verify_token(token, keys=[KEY], now_s=NOW_S, binding=call).jti)

    assert verified(BODY) == JTI
    assert verified(Binding.to(b'{"scope": "global"}', "handshake-a")) == INVALID
    assert verified(Binding.to(b"", "handshake-a")) == INVALID
    assert verified(replace(BODY, stack="handshake-b")) == INVALID
    assert verified(replace(BODY, stack=None)) == INVALID
    assert verified(replace(BODY, body_sha256=None)) == INVALID


@pytest.mark.parametrize("name", ["bodySha256", "stack"])
@pytest.mark.parametrize("wrong", [None, "", 7, [], "HANDSHAKE-A", str(BODY.body_sha256).upper()], ids=str)
def test_a_claim_of_a_binding_holds_to_the_letter(name: str, wrong: object) -> None:
    bound = CLAIMS | {"bodySha256": BODY.body_sha256, "stack": BODY.stack}

    for binding in (BODY, STRICT):
        assert verify_token(_signed(claims=bound), keys=[KEY], now_s=NOW_S, binding=binding).jti == JTI
        spoiled = _signed(claims=bound | {name: wrong})
        assert reason(partial(verify_token, spoiled, keys=[KEY], now_s=NOW_S, binding=binding)) == INVALID


@pytest.mark.parametrize("unbound", [Binding(), Binding(BODY.body_sha256), Binding(stack=BODY.stack)], ids=str)
def test_where_binding_is_required_a_token_must_say_both(unbound: Binding) -> None:
    token = mint_token(KEY, now_s=NOW_S, jti=JTI, binding=unbound)

    assert verify_token(token, keys=[KEY], now_s=NOW_S, binding=BODY).jti == JTI
    assert reason(lambda: verify_token(token, keys=[KEY], now_s=NOW_S, binding=STRICT)) == INVALID


def test_a_token_is_believed_by_either_key_while_a_rotation_is_open_and_by_no_third() -> None:
    old = mint_token(OLD_KEY, now_s=NOW_S, jti=JTI)

    assert _verify(old, keys=[KEY, OLD_KEY]).jti == JTI
    assert _verify(TOKEN, keys=[KEY, OLD_KEY]).jti == JTI
    assert reason(lambda: _verify(old, keys=[KEY])) == INVALID
    assert reason(lambda: _verify(mint_token(b"x", now_s=NOW_S, jti=JTI), keys=[KEY, OLD_KEY])) == INVALID


# -- what does not ----------------------------------------------------------------------------------------------


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(ALPHABET))
def test_a_token_with_any_character_changed_is_refused(position: int, char: str) -> None:
    changed = TOKEN[:position] + char + TOKEN[position + 1 :]

    if changed != TOKEN:
        assert reason(lambda: _verify(changed)) == INVALID


@given(st.integers(0, 2), st.data())
def test_a_token_with_any_bit_of_any_part_flipped_is_refused(part: int, data: st.DataObject) -> None:
    parts = TOKEN.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    parts[part] = _encoded(bytes(raw))

    assert reason(lambda: _verify(".".join(parts))) == INVALID


@pytest.mark.parametrize("length", range(1, len(TOKEN)))
def test_a_truncated_token_is_refused(length: int) -> None:
    assert reason(lambda: _verify(TOKEN[:length])) == INVALID


@given(st.integers(0, len(TOKEN)), st.text(ALPHABET, min_size=1, max_size=4))
def test_a_token_with_anything_put_in_is_refused(position: int, extra: str) -> None:
    assert reason(lambda: _verify(TOKEN[:position] + extra + TOKEN[position:])) == INVALID


@pytest.mark.parametrize("token", [None, "", " ", "\t"])
def test_no_token_is_missing(token: str | None) -> None:
    assert reason(lambda: _verify(token)) == MISSING


@pytest.mark.parametrize("keys", [[], [b""], [b"", b""]])
def test_without_a_key_no_token_is_believed_not_even_one_signed_with_nothing(keys: list[bytes]) -> None:
    assert reason(lambda: _verify(_signed(key=b""), keys=keys)) == UNCONFIGURED
    assert reason(lambda: _verify(_signed(key=b""), keys=[*keys, KEY])) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        *[
            HEADER | {"alg": name}
            for name in ("none", "None", "HS384", "HS512", "RS256", "ES256", "hs256", "", None, 1)
        ],
        *[HEADER | {"typ": name} for name in ("jwt", "JWS", "at+jwt", "", None, ["JWT"])],
        {"alg": "HS256"},
        {"typ": "JWT"},
        HEADER | {"crit": ["exp"]},
        {},
        [],
        "null",
        "",
        "{",
        '{"alg":"none","alg":"HS256","typ":"JWT"}',
    ],
)
def test_only_hs256_and_jwt_are_taken_whatever_the_signature(header: Any) -> None:
    assert reason(lambda: _verify(_signed(header))) == INVALID


@pytest.mark.parametrize("algorithm", ["sha1", "sha384", "sha512"])
def test_a_signature_by_another_algorithm_is_refused(algorithm: str) -> None:
    assert reason(lambda: _verify(_signed(algorithm=algorithm))) == INVALID


@pytest.mark.parametrize(
    "token",
    [
        TOKEN.rpartition(".")[0],
        TOKEN.rpartition(".")[0] + ".",
        TOKEN + ".",
        TOKEN + ".a",
        TOKEN + "=",
        "." + TOKEN,
        "..",
        "a.b.c",
        "\u0430" + TOKEN[1:],
        TOKEN.replace(".", "\u2024"),
        "é" * 100,
        "x" * (MAX_TOKEN_BYTES + 1),
        _signed({**HEADER, "alg": "none"}).rpartition(".")[0] + ".",
    ],
)
def test_what_is_no_compact_jwt_is_refused(token: str) -> None:
    assert reason(lambda: _verify(token)) == INVALID


def test_a_tokens_length_is_bounded() -> None:
    def of_length(length: int) -> str:
        room = length - len(_signed(claims=CLAIMS | {"note": ""}))
        return next(
            token
            for extra in range(room * 3 // 4 - 4, room)
            if len(token := _signed(claims=CLAIMS | {"note": "x" * extra})) >= length
        )

    assert _verify(of_length(MAX_TOKEN_BYTES)).jti == JTI
    assert reason(lambda: _verify(of_length(MAX_TOKEN_BYTES + 1))) == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        *map(_without, CLAIMS),
        *[
            CLAIMS | {name: value}
            for name in ("iss", "aud", "sub")
            for value in ("", "other", None, 1, ["handshake-core"])
        ],
        *[CLAIMS | {"jti": value} for value in ("x" * 7, "x" * 257, "", " " * 8, None, 12345678, "with\x00nul")],
        *[CLAIMS | {name: value} for name in ("iat", "exp", "nbf") for value in NOT_TIMES],
        *[CLAIMS | {name: value} for name in ("principalId", "traceId") for value in ("", " ", None, 1, "x" * 257)],
        "null",
        "[]",
        '"policy.apply"',
        "{",
        json.dumps(CLAIMS)[:-1] + ',"jti":"another-jti"}',
        json.dumps(CLAIMS).replace(str(NOW_S), "NaN", 1),
        json.dumps(CLAIMS).replace(JTI, "\\ud800" * 8),
    ],
)
def test_a_token_whose_claims_are_not_the_edges_is_refused(claims: Any) -> None:
    assert reason(lambda: _verify(_signed(claims=claims))) == INVALID


@pytest.mark.parametrize("name", ["principalId", "traceId"])
def test_a_name_in_a_token_has_up_to_256_characters(name: str) -> None:
    assert _verify(_signed(claims=CLAIMS | {name: "x" * 256})).jti == JTI


@pytest.mark.parametrize("length", [8, 256])
def test_a_jti_has_8_to_256_characters(length: int) -> None:
    assert _verify(_signed(claims=CLAIMS | {"jti": "x" * length})).jti == "x" * length


def test_a_wrong_signature_is_told_alike_whatever_it_signs() -> None:
    bad_claims, bad_header = _signed(claims={}, key=b"x"), _signed({"alg": "none"}, key=b"x")

    messages = {refusal(partial(_verify, token)).message for token in (bad_claims, bad_header, _signed(key=b"x"))}

    assert len(messages) == 1


@given(st.text(max_size=40) | st.text(ALPHABET, max_size=120))
def test_any_text_is_refused_with_a_code(token: str) -> None:
    assert answer(lambda: _verify(token)) in {MISSING, INVALID}


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "principalId"]), st.none() | st.floats() | st.text(max_size=9)))
def test_any_signed_claims_are_believed_or_refused_with_a_code(claims: dict[str, Any]) -> None:
    verified = answer(lambda: _verify(_signed(claims=json.dumps(CLAIMS | claims))))

    assert isinstance(verified, TrustClaims) or verified in {INVALID, EXPIRED}


def test_the_key_never_shows_in_a_token_or_in_what_is_said_of_one() -> None:
    digest = hashlib.sha256(KEY).hexdigest()

    for text in (TOKEN, refusal(lambda: _verify(TOKEN[:-1])).message, repr(_verify(TOKEN))):
        assert KEY.decode() not in text
        assert digest not in text
