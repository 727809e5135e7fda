"""Tests that an executor does nothing on a grant that the service did not make for exactly this action, now, once."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from handshake_rail import FileReplays, GrantError, MemoryReplays, Replays, action_digest, models, verify_grant
from handshake_rail.grant import SKEW_S, Grant
from tests.sdk.grant_maker import HEADER, NOW, REQUEST, Signer, b64, claims, published

SIGNER: Final = Signer()
OTHER_STACK: Final = Signer("key-1")  # the name of a key says nothing
NEXT: Final = Signer("key-2")
KEYS: Final = published(SIGNER, NEXT)
GENUINE: Final = SIGNER.sign(claims())


def verify(grant: Any, *, action: models.Submission = REQUEST, jwks: models.KeySet = KEYS, **options: Any) -> Grant:
    """Verify as an executor does, with a memory that is empty."""
    given_too: dict[str, Any] = {"replays": MemoryReplays(), "now": NOW} | options
    return verify_grant(grant, action, jwks, **given_too)


def fault_of(grant: Any, **options: Any) -> str:
    with pytest.raises(GrantError) as refused:
        verify(grant, **options)
    return refused.value.fault


def test_a_genuine_grant_says_what_it_is_for() -> None:
    grant = verify(GENUINE, issuer="handshake:local")

    assert (grant.grant_id, grant.request_id, grant.agent_id) == ("grant-1", "pay-1", "buyer")
    assert (grant.tenant_id, grant.principal_id, grant.expires_at) == ("acme", "ana", NOW + 60)
    assert grant.claims == claims()
    assert verify(SIGNER.sign(claims(ten=None))).tenant_id is None


def test_the_longest_ids_make_no_grant_that_is_too_long() -> None:
    longest = "\N{GRINNING FACE}" * 256
    asked = cast("models.Submission", REQUEST | dict.fromkeys(("principalId", "agentId", "tenantId"), longest))
    ids = dict.fromkeys(("aud", "sub", "req", "ten", "prn", "apr"), longest) | {"jti": f"grant_{longest}"}
    content = claims(act=action_digest(asked), **ids)
    unescaped = json.dumps(content, ensure_ascii=False).encode()  # as the service writes it

    grant = verify(SIGNER.sign(unescaped), action=asked, audience=longest)

    assert grant.request_id == longest


def test_the_next_key_is_as_good() -> None:
    assert verify(NEXT.sign(claims())).grant_id == "grant-1"


def test_nothing_but_the_package_is_needed_to_verify(tmp_path: Path) -> None:
    """Offline, and in a process that never heard of the service."""
    program = (
        "import json, sys, socket\n"
        "from handshake_rail import MemoryReplays, verify_grant\n"
        "socket.socket = None\n"
        "grant, action, jwks, now = json.load(open(sys.argv[1]))\n"
        "print(verify_grant(grant, action, jwks, replays=MemoryReplays(), now=now).grant_id)\n"
    )
    given_to = tmp_path / "given.json"
    given_to.write_text(json.dumps([GENUINE, REQUEST, KEYS, NOW]))

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program, given_to], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "grant-1\n"


def _by_public_key(key: bytes) -> str:
    """Sign with HMAC, and the public key for a secret: for verifiers that let the token say which algorithm it is."""
    signed = f"{b64(HEADER | {'alg': 'HS256', 'kid': SIGNER.kid})}.{b64(claims())}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _public(encoding: serialization.Encoding) -> bytes:
    return SIGNER.key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def _rs256() -> str:
    key = rsa.generate_private_key(65537, 2048)
    signed = f"{b64(HEADER | {'alg': 'RS256', 'kid': SIGNER.kid})}.{b64(claims())}"
    return f"{signed}.{b64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _der() -> str:
    signed = f"{b64(HEADER | {'kid': SIGNER.kid})}.{b64(claims())}"
    return f"{signed}.{b64(SIGNER.key.sign(signed.encode(), ec.ECDSA(SHA256())))}"


def _swapped() -> str:
    """The claims of one grant with the signature of another."""
    head, _, signature = GENUINE.split(".")
    return f"{head}.{b64(claims(jti='grant-2'))}.{signature}"


FORGED: Final[dict[str, tuple[str, Callable[[], Any]]]] = {
    "unsigned": ("wrong_type", lambda: f"{b64({'alg': 'none', 'typ': HEADER['typ']})}.{b64(claims())}.{b64(b'0')}"),
    "unsigned, under the right algorithm": (
        "malformed",
        lambda: f"{b64(HEADER | {'kid': SIGNER.kid})}.{b64(claims())}.",
    ),
    "HMAC with the public key in PEM": ("wrong_type", lambda: _by_public_key(_public(serialization.Encoding.PEM))),
    "HMAC with the public key in DER": ("wrong_type", lambda: _by_public_key(_public(serialization.Encoding.DER))),
    "RSA": ("wrong_type", _rs256),
    "another type": ("wrong_type", lambda: SIGNER.sign(claims(), {"typ": "JWT"})),
    "the type in capitals": ("wrong_type", lambda: SIGNER.sign(claims(), {"typ": HEADER["typ"].upper()})),
    "the algorithm in small letters": ("wrong_type", lambda: SIGNER.sign(claims(), {"alg": "es256"})),
    "an extension that must be understood": ("wrong_type", lambda: SIGNER.sign(claims(), {"crit": ["b64"]})),
    "another key of that name": ("wrong_signature", lambda: OTHER_STACK.sign(claims())),
    "another key, brought along": ("wrong_signature", lambda: OTHER_STACK.sign(claims(), {"jwk": OTHER_STACK.jwk})),
    "a key of no name": ("unknown_key", lambda: SIGNER.sign(claims(), {"kid": None})),
    "a key of an unknown name": ("unknown_key", lambda: Signer("key-9").sign(claims())),
    "a list for the key's name": ("unknown_key", lambda: SIGNER.sign(claims(), {"kid": ["key-1"]})),
    "the other key's name": ("wrong_signature", lambda: SIGNER.sign(claims(), {"kid": "key-2"})),
    "the claims of another grant": ("wrong_signature", _swapped),
    "the signature in DER": ("wrong_signature", _der),
    "a signature of zeros": ("wrong_signature", lambda: GENUINE.rpartition(".")[0] + "." + b64(bytes(64))),
    "another stack's, by the same key": ("other_issuer", lambda: SIGNER.sign(claims(iss="handshake:other"))),
    "another audience": ("other_audience", lambda: SIGNER.sign(claims(aud="somebody"))),
    "several audiences": ("malformed", lambda: SIGNER.sign(claims(aud=["handshake-executor"]))),
    "another action": ("other_action", lambda: SIGNER.sign(claims(act="sha256:" + "0" * 64))),
    "expired": ("expired", lambda: SIGNER.sign(claims(iat=NOW - 90, nbf=NOW - 90, exp=NOW - SKEW_S))),
    "not valid yet": ("not_yet_valid", lambda: SIGNER.sign(claims(nbf=NOW + SKEW_S + 1))),
    "issued in the future": ("not_yet_valid", lambda: SIGNER.sign(claims(iat=NOW + SKEW_S + 1))),
    "of an endless life": ("malformed", lambda: SIGNER.sign(claims(exp=float("inf")))),
    "of a time beyond all doubles": ("malformed", lambda: SIGNER.sign(claims(exp=10**400))),
    "of no time": ("malformed", lambda: SIGNER.sign(claims(exp=float("nan")))),
    "of a time that is text": ("malformed", lambda: SIGNER.sign(claims(exp=str(NOW + 60)))),
    "of a time that is true": ("malformed", lambda: SIGNER.sign(claims(iat=True))),
    "padded": ("malformed", lambda: GENUINE + "="),
    "of two parts": ("malformed", lambda: GENUINE.rpartition(".")[0]),
    "of four parts": ("malformed", lambda: GENUINE + "." + b64(b"0")),
    "empty": ("malformed", lambda: ""),
    "nothing": ("malformed", lambda: None),
    "a megabyte": ("malformed", lambda: "A" * 2**20 + ".A.A"),
    "claims that are a list": ("malformed", lambda: SIGNER.sign([claims()])),  # type: ignore[arg-type]  # a forgery
    "a header that nests without end": ("malformed", lambda: b64(b"[" * 6000) + "." + b64(b"0") + "." + b64(b"0")),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_no_forged_grant_is_accepted(forgery: str) -> None:
    fault, forged = FORGED[forgery]
    replays = MemoryReplays()

    assert fault_of(forged(), replays=replays, issuer="handshake:local") == fault
    # What is refused was not used: the genuine one still is the first.
    assert verify(GENUINE, replays=replays, issuer="handshake:local").grant_id == "grant-1"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "req", "act", "prn"])
def test_no_grant_without_a_claim_is_accepted(name: str) -> None:
    assert fault_of(SIGNER.sign(claims(**{name: None}))) == "malformed"


@given(st.integers(0, len(GENUINE) - 1), st.sampled_from("ABab019-_.= \n\0é"))
def test_no_grant_with_a_changed_character_is_accepted(place: int, character: str) -> None:
    altered = GENUINE[:place] + character + GENUINE[place + 1 :]

    assert altered == GENUINE or fault_of(altered) in {"malformed", "wrong_type", "unknown_key", "wrong_signature"}


CHANGES: Final[list[dict[str, Any]]] = [
    {"principalId": "bob"},
    {"agentId": "seller"},
    {"tenantId": "umbrella"},
    {"tenantId": None},
    {"actionType": "other"},
    {"payloadRef": "invoice:18"},
    {"context": {"amount": 150.01, "category": "ops"}},
    {"context": {"amount": 150, "category": "infra"}},
    {"context": {"amount": 150, "category": "ops", "maxTransaction": 500}},
    {"action": {"operation": "pay.transfer"}},
    {"action": {"operation": "pay.transfer", "arguments": {"payee": "DE02"}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_executed_is_what_was_decided(change: dict[str, Any]) -> None:
    exchanged: Any = REQUEST | change

    assert fault_of(GENUINE, action=exchanged) == "other_action"


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert verify(GENUINE, now=NOW - SKEW_S).expires_at == NOW + 60
    assert verify(GENUINE, now=NOW + 60 + SKEW_S - 1).expires_at == NOW + 60
    assert fault_of(GENUINE, now=NOW - SKEW_S - 1) == "not_yet_valid"
    assert fault_of(GENUINE, now=NOW + 60 + SKEW_S) == "expired"


BROKEN_KEYS: Final[dict[str, dict[str, Any]]] = {
    "another kind": {"kty": "RSA"},
    "another curve": {"crv": "P-384"},
    "for encryption": {"use": "enc"},
    "of another algorithm": {"alg": "ES384"},
    "off the curve": {"x": b64(bytes(31) + b"\1")},
    "no base64": {"y": "!"},
    "no text": {"y": 7},
}


@pytest.mark.parametrize("broken", BROKEN_KEYS)
def test_a_key_that_is_none_verifies_nothing(broken: str) -> None:
    jwks = {"keys": [SIGNER.jwk | BROKEN_KEYS[broken]]}

    assert fault_of(GENUINE, jwks=jwks) == "unknown_key"


def test_two_keys_of_one_name_verify_nothing() -> None:
    assert fault_of(GENUINE, jwks=published(SIGNER, OTHER_STACK)) == "unknown_key"
    assert fault_of(GENUINE, jwks={"keys": []}) == "unknown_key"
    assert fault_of(GENUINE, jwks={"keys": [None, "key-1"]}) == "unknown_key"


@pytest.mark.parametrize("answer", [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"status": "error"}])
def test_what_is_no_set_of_keys_verifies_nothing(answer: Any) -> None:
    assert fault_of(GENUINE, jwks=answer) == "unknown_key"


@pytest.fixture(params=["memory", "file"])
def replays(request: pytest.FixtureRequest, tmp_path: Path) -> Replays:
    """Either memory that the package has."""
    return MemoryReplays() if request.param == "memory" else FileReplays(tmp_path / "used.sqlite")


def test_a_grant_is_used_once_while_it_could_be(replays: Replays) -> None:
    verify(GENUINE, replays=replays)
    assert fault_of(GENUINE, replays=replays) == "used"
    assert fault_of(GENUINE, replays=replays, now=NOW + 60 + SKEW_S - 1) == "used"
    assert verify(SIGNER.sign(claims(jti="grant-2")), replays=replays).grant_id == "grant-2"


def test_of_many_at_once_one_uses_it(replays: Replays) -> None:
    with ThreadPoolExecutor(16) as pool:
        first = list(pool.map(lambda _: replays.first_use("grant-1", NOW + 90, NOW), range(64)))

    assert first.count(True) == 1


def test_what_can_no_longer_be_used_is_forgotten(replays: Replays) -> None:
    assert replays.first_use("grant-1", NOW + 90, NOW)
    assert not replays.first_use("grant-1", NOW + 90, NOW + 89)
    assert replays.first_use("grant-1", NOW + 180, NOW + 90)


def test_a_file_remembers_for_every_process(tmp_path: Path) -> None:
    use = (
        "import sys\n"
        "from handshake_rail.replays import FileReplays\n"
        f"print(FileReplays(sys.argv[1]).first_use('grant-1', {NOW + 90}, {NOW}))\n"
    )
    command = [sys.executable, "-c", use, str(tmp_path / "used.sqlite")]
    rivals = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]  # noqa: S603 - our own words

    assert sorted(rival.communicate()[0].strip() for rival in rivals) == ["False", "False", "False", "True"]


def test_nothing_is_executed_where_the_memory_fails(tmp_path: Path) -> None:
    broken = FileReplays(tmp_path / "used.sqlite")
    (tmp_path / "used.sqlite").write_bytes(base64.b64encode(b"no database at all") * 100)

    with pytest.raises(Exception, match="not a database"):
        verify(GENUINE, replays=broken)
