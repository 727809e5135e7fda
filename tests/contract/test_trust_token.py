"""Contract section 2: the trust token, held against everything a caller without the key can make of one."""

import base64
import hashlib
import json
import string
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.service import InProcess, Service, token
from tests.support.tokens import EXPIRED, HEADER, INVALID, NOW_S, claims, encoded, forged, json_part, present, signed

MISSING = (401, "security_missing_internal_trust_context")
CONFIG_MISSING = (401, "security_internal_trust_config_missing")

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def test_a_token_of_the_trusted_edge_is_accepted(service: Service) -> None:
    assert present(service, forged(service, claims(principalId="operator", traceId="t-1"))).status == 200


def test_optional_claims_may_be_left_out(service: Service) -> None:
    assert present(service, forged(service, claims())).status == 200


@pytest.mark.parametrize("shown", [None, "", "  "], ids=["absent", "empty", "blank"])
def test_no_token_is_missing(service: Service, shown: str | None) -> None:
    assert present(service, shown).outcome == MISSING


@pytest.mark.parametrize("key", [b"", b"another key"], ids=["empty", "another"])
def test_without_a_configured_key_no_token_is_believed(in_process: InProcess, key: bytes) -> None:
    unconfigured = replace(in_process, trust_key=b"")

    assert present(unconfigured, token(replace(in_process, trust_key=key))).outcome == CONFIG_MISSING


def test_a_key_of_no_length_signs_nothing(service: Service) -> None:
    assert present(service, signed(f"{json_part(HEADER)}.{json_part(claims())}", b"")).outcome == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"},
        {"alg": "None", "typ": "JWT"},
        {"alg": "HS384", "typ": "JWT"},
        {"alg": "HS512", "typ": "JWT"},
        {"alg": "RS256", "typ": "JWT"},
        {"alg": "hs256", "typ": "JWT"},
        {"alg": ["HS256"], "typ": "JWT"},
        {"alg": None, "typ": "JWT"},
        {"typ": "JWT"},
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "jwt"},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256", "typ": "JWE"},
        {"alg": "HS256", "typ": None},
        {"alg": "HS256", "typ": "JWT", "crit": ["exp"]},
    ],
    ids=json.dumps,
)
def test_another_algorithm_or_type_is_invalid_even_well_signed(service: Service, header: dict[str, Any]) -> None:
    assert present(service, forged(service, claims(), header)).outcome == INVALID


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "sha1"])
def test_a_signature_of_another_algorithm_is_invalid(service: Service, algorithm: str) -> None:
    name = {"sha384": "HS384", "sha512": "HS512", "sha1": "HS256"}[algorithm]
    text = f"{json_part({'alg': name, 'typ': 'JWT'})}.{json_part(claims())}"

    assert present(service, signed(text, service.trust_key, getattr(hashlib, algorithm))).outcome == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "handshake-core"},
        {"iss": ["handshake-edge"]},
        {"aud": None},
        {"aud": "handshake"},
        {"aud": ["handshake-core"]},
        {"sub": None},
        {"sub": "policy.read"},
        {"iat": None},
        {"iat": "1772720700"},
        {"iat": True},
        {"iat": [1]},
        {"exp": None},
        {"exp": "never"},
        {"exp": False},
        {"exp": {}},
        {"jti": None},
        {"jti": 12_345_678},
        {"jti": "seven77"},
        {"jti": "j" * 257},
        {"jti": "        "},
        {"jti": ["j" * 8]},
        {"principalId": ""},
        {"principalId": " "},
        {"principalId": 1},
        {"principalId": ["operator"]},
        {"traceId": ""},
        {"traceId": " "},
        {"traceId": 1},
    ],
    ids=lambda changes: json.dumps(changes)[:32],
)
def test_a_wrong_claim_is_invalid(service: Service, changes: dict[str, Any]) -> None:
    assert present(service, forged(service, claims(**changes))).outcome == INVALID


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999", '"x"', "null", "[]"])
@pytest.mark.parametrize("claim", ["iat", "exp"])
def test_a_time_that_is_no_finite_number_is_invalid(service: Service, claim: str, literal: str) -> None:
    payload = json.dumps(claims(**{claim: 0})).replace(f'"{claim}": 0', f'"{claim}": {literal}')

    shown = signed(f"{json_part(HEADER)}.{encoded(payload.encode())}", service.trust_key)

    assert present(service, shown).outcome == INVALID


@pytest.mark.parametrize(("length", "ending"), [(8, ""), (256, ""), (8, "é"), (24, "漢字 🙂")])
def test_a_jti_has_8_to_256_characters_of_any_kind(service: Service, length: int, ending: str) -> None:
    jti = (uuid.uuid4().hex * 8)[: length - len(ending)] + ending

    assert present(service, forged(service, claims(jti=jti))).status == 200


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"iat": NOW_S + 30, "exp": NOW_S + 300}, (200, None)),
        ({"iat": NOW_S + 31, "exp": NOW_S + 300}, EXPIRED),
        ({"iat": NOW_S - 300, "exp": NOW_S - 29}, (200, None)),
        ({"iat": NOW_S - 300, "exp": NOW_S - 31}, EXPIRED),
        ({"iat": NOW_S - 300.5, "exp": NOW_S + 0.5}, (200, None)),
        ({"iat": 0, "exp": 300}, EXPIRED),
        ({"iat": NOW_S * 1000, "exp": NOW_S * 1000 + 300}, EXPIRED),
        ({"iat": NOW_S, "exp": NOW_S}, INVALID),
        ({"iat": NOW_S, "exp": NOW_S - 1}, INVALID),
        ({"iat": NOW_S, "exp": NOW_S + 900}, (200, None)),
        ({"iat": NOW_S, "exp": NOW_S + 901}, INVALID),
        ({"iat": NOW_S - 3600, "exp": NOW_S + 60}, INVALID),
        ({"iat": NOW_S, "exp": 10**400}, INVALID),
        ({"iat": -(10**17), "exp": NOW_S + 60}, INVALID),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_token_is_good_for_its_time_and_30_s_of_clock_skew_either_way(
    at_noon: InProcess, changes: dict[str, Any], outcome: tuple[int, str | None]
) -> None:
    assert present(at_noon, forged(at_noon, claims(NOW_S, **changes))).outcome == outcome


@pytest.mark.parametrize(
    ("age_s", "outcome"), [(300 + 20, (200, None)), (300 + 45, EXPIRED), (-20, (200, None)), (-45, EXPIRED)]
)
def test_the_server_holds_tokens_against_its_own_clock(
    service: Service, age_s: int, outcome: tuple[int, str | None]
) -> None:
    assert present(service, forged(service, claims(int(time.time()) - age_s))).outcome == outcome


def test_a_jti_is_good_for_one_apply(service: Service) -> None:
    shown = token(service)

    assert [present(service, shown).outcome for _ in range(3)] == [(200, None)] + [
        (409, "security_replay_detected")
    ] * 2


def test_a_jti_is_used_up_whatever_token_carries_it(service: Service) -> None:
    jti = uuid.uuid4().hex

    first = present(service, forged(service, claims(jti=jti)))
    second = present(service, forged(service, claims(jti=jti, traceId="another token")))

    assert (first.status, second.reason) == (200, "security_replay_detected")


def _padded(service: Service, size: int) -> str:
    """A good token of ``size`` bytes, or one less."""
    for length in range(size, 0, -1):
        shown = forged(service, claims(traceId="t", pad="x" * length))
        if len(shown) <= size:
            return shown
    raise AssertionError(size)


def test_a_token_of_4096_bytes_is_read_and_a_longer_one_is_invalid(service: Service) -> None:
    fitting = _padded(service, 4096)
    too_long = _padded(service, 4100)

    assert 4094 <= len(fitting) <= 4096 < len(too_long)
    assert [present(service, shown).outcome for shown in (fitting, too_long)] == [(200, None), INVALID]


def _unsigned(shown: str) -> str:
    return shown.rpartition(".")[0] + "."


def _with_payload(shown: str, **changes: Any) -> str:
    header, payload, signature = shown.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{json_part(claims | changes)}.{signature}"


TAMPERINGS: Mapping[str, Callable[[str], str]] = {
    "no signature": _unsigned,
    "no signature part": lambda shown: shown.rpartition(".")[0],
    "no header": lambda shown: shown.partition(".")[2],
    "alg none, unsigned": lambda shown: f"{json_part({'alg': 'none', 'typ': 'JWT'})}.{shown.split('.')[1]}.",
    "alg none, signed": lambda shown: f"{json_part({'alg': 'none', 'typ': 'JWT'})}.{shown.partition('.')[2]}",
    "longer life": lambda shown: _with_payload(shown, exp=int(time.time()) + 800),
    "another jti": lambda shown: _with_payload(shown, jti="another-jti"),
    "cut by one": lambda shown: shown[:-1],
    "one more": lambda shown: shown + "A",
    "padded": lambda shown: shown + "=",
    "a fourth part": lambda shown: f"{shown}.{shown.split('.')[2]}",
    "five parts": lambda shown: f"{shown}.x.y",
    "signature in hex": lambda shown: f"{shown.rpartition('.')[0]}.{'ab' * 32}",
    "standard base64": lambda shown: f"{shown.rpartition('.')[0]}.{'+/' * 21}A",
    "Bearer": lambda shown: f"Bearer {shown}",
    "two tokens": lambda shown: f"{shown}, {shown}",
    "a line break inside": lambda shown: shown.replace(".", ". ", 1),
    "the same bytes written otherwise": lambda shown: shown[:-1] + ALPHABET[ALPHABET.index(shown[-1]) ^ 1],
    "header is an array": lambda shown: f"{json_part(['HS256', 'JWT'])}.{shown.partition('.')[2]}",
}


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_tampered_token_is_invalid(service: Service, tamper: Callable[[str], str]) -> None:
    assert present(service, tamper(token(service))).outcome == INVALID


def test_no_answer_shows_the_key_or_the_token(service: Service) -> None:
    shown = token(service)
    replies = [present(service, tamper(shown)) for tamper in TAMPERINGS.values()]

    text = json.dumps([reply.body for reply in replies])

    assert service.trust_key.decode() not in text
    assert not any(part in text for part in shown.split(".")[1:])
