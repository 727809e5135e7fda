"""The grant as a token: what is signed, a KMS signature as a JWS has it, and public keys as verifiers read them."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from handshake.trust.grant_token import compact, public_jwk, signing_input

KEY = ec.generate_private_key(ec.SECP256R1())
# Numbers of every length that a signature can have, the shortest and the longest among them.
NUMBERS = st.integers(1, 2**256 - 1) | st.integers(0, 255).map(lambda bit: 2**bit)


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _public_key(key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@given(claims=st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(0, 2**40)))
def test_a_token_says_its_claims_under_one_algorithm_and_type(claims: dict[str, object]) -> None:
    signed = signing_input(claims, kid="key-1")
    token = compact(signed, KEY.sign(signed, ec.ECDSA(SHA256())))

    header, payload, _ = token.split(".")
    assert json.loads(_bytes(header)) == {"alg": "ES256", "typ": "handshake-grant+jwt", "kid": "key-1"}
    assert json.loads(_bytes(payload)) == claims


def test_a_token_is_verified_by_the_published_key_and_by_no_other() -> None:
    signed = signing_input({"jti": "grant_1"}, kid="key-1")
    token = compact(signed, KEY.sign(signed, ec.ECDSA(SHA256())))

    _verify(token, _public_key())
    with pytest.raises(InvalidSignature):
        _verify(token, _public_key(ec.generate_private_key(ec.SECP256R1())))


def _verify(token: str, public_key: bytes) -> None:
    """Verify as an executor would: the key from its JWK alone, the signature from the token."""
    jwk = public_jwk(public_key, kid="key-1")
    x, y = (int.from_bytes(_bytes(coordinate), "big") for coordinate in (jwk["x"], jwk["y"]))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signed, _, signature = token.rpartition(".")
    first, second = _bytes(signature)[:32], _bytes(signature)[32:]
    der = utils.encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))
    key.verify(der, signed.encode(), ec.ECDSA(SHA256()))


@given(first=NUMBERS, second=NUMBERS)
def test_a_signatures_numbers_stand_side_by_side_in_32_bytes_each(first: int, second: int) -> None:
    signature = compact(b"a.b", utils.encode_dss_signature(first, second)).rpartition(".")[2]

    assert _bytes(signature) == first.to_bytes(32, "big") + second.to_bytes(32, "big")


DER = utils.encode_dss_signature(2**255, 2**200)
NO_SIGNATURES = {
    "empty": b"",
    "cut": DER[:-1],
    "longer": DER + b"\x00",
    "of one number": b"\x30\x03\x02\x01\x01",
    "of three numbers": b"\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01",
    "side by side already": b"\x01" * 64,
    "zero": utils.encode_dss_signature(0, 1),
    "negative": b"\x30\x06\x02\x01\xff\x02\x01\x01",
    "too large": utils.encode_dss_signature(2**256, 1),
    "without a length": b"\x30\x04\x02\x00\x02\x00",
}


@pytest.mark.parametrize("signature", NO_SIGNATURES.values(), ids=NO_SIGNATURES)
def test_what_is_no_signature_makes_no_token(signature: bytes) -> None:
    with pytest.raises(ValueError, match=r"^is no "):
        compact(b"a.b", signature)


@given(st.binary(max_size=80))
def test_no_bytes_are_taken_for_a_signature_that_another_reader_would_refuse(signature: bytes) -> None:
    try:
        side_by_side = _bytes(compact(b"a.b", signature).rpartition(".")[2])
    except ValueError:
        return
    first, second = utils.decode_dss_signature(signature)
    assert side_by_side == first.to_bytes(32, "big") + second.to_bytes(32, "big")


OTHER_KEYS = {
    "of another curve": _public_key(ec.generate_private_key(ec.SECP384R1())),
    "of a curve as long": _public_key(ec.generate_private_key(ec.SECP256K1())),
    "cut": _public_key()[:-1],
    "longer": _public_key() + b"\x00",
    "empty": b"",
}


@pytest.mark.parametrize("public_key", OTHER_KEYS.values(), ids=OTHER_KEYS)
def test_no_other_kind_of_key_is_published(public_key: bytes) -> None:
    with pytest.raises(ValueError, match="no public key of P-256"):
        public_jwk(public_key, kid="key-1")


def test_a_published_key_says_what_it_is_for() -> None:
    jwk = public_jwk(_public_key(), kid="key-1")

    assert {name: value for name, value in jwk.items() if name not in ("x", "y")} == {
        "kty": "EC",
        "crv": "P-256",
        "kid": "key-1",
        "use": "sig",
        "alg": "ES256",
    }
