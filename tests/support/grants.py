"""Read grants as an executor does, with published keys alone, and a KMS in memory to sign them with."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handshake.trust.grant_signer import KmsGrantSigner


def header_of(token: str) -> dict[str, Any]:
    """Give what a token's header says."""
    header: dict[str, Any] = json.loads(_bytes(token.split(".", maxsplit=1)[0]))
    return header


def claims_of(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the claims of a token that one of ``keys`` (JWKs), the one it names, verifies; raises where none does."""
    [key] = [key for key in keys if key["kid"] == header_of(token)["kid"]]
    x, y = (int.from_bytes(_bytes(key[name]), "big") for name in ("x", "y"))
    signed, _, signature = token.rpartition(".")
    numbers = _bytes(signature)
    assert len(numbers) == 64
    der = utils.encode_dss_signature(int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    claims: dict[str, Any] = json.loads(_bytes(signed.split(".")[1]))
    return claims


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Kms:
    """A KMS client with keys of its own, by their ARNs, and a clock that says when each was made.

    ``fault`` is raised by every call, and ``signs_with`` is the key that signs whatever was asked for.
    """

    def __init__(self, *arns: str) -> None:
        self.keys = {arn: ec.generate_private_key(ec.SECP256R1()) for arn in arns}
        self.fault: Exception | None = None
        self.signs_with: str | None = None
        self.asked: list[str] = []

    def sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, Any]:  # noqa: N803 - the client's names
        """Answer as KMS does."""
        self._ask("sign")
        assert (MessageType, SigningAlgorithm, len(Message)) == ("DIGEST", "ECDSA_SHA_256", 32)
        key = self.signs_with or KeyId
        signature = self.keys[key].sign(Message, ec.ECDSA(utils.Prehashed(SHA256())))
        return {"KeyId": key, "Signature": signature, "SigningAlgorithm": SigningAlgorithm}

    def get_public_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803 - the client's name
        """Answer as KMS does."""
        self._ask("get_public_key")
        public = self.keys[KeyId].public_key()
        return {"PublicKey": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}

    def _ask(self, operation: str) -> None:
        self.asked.append(operation)
        if self.fault:
            raise self.fault


KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000001"


def signer_of(kms: Kms) -> KmsGrantSigner:
    """Give the signer of a stack that has the keys of ``kms``, the first of which signs."""
    return KmsGrantSigner(kms, list(kms.keys), now_ms=lambda: 0)


SIGNER = signer_of(Kms(KEY_ARN))
"""Signs the grants of every service that runs in a test's own process."""
