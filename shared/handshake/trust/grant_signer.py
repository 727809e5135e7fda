"""Signs grants with keys that never leave KMS, and publishes what verifies them (contract.md section 11).

A next key is published for a day before it signs, so that a verifier which looks once a day knows it by then. Nobody
has to remember that: of the keys that a stack has, the newest signs that has been there for long enough.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.errors import SignerUnavailableError
from handshake.trust.grant_token import Jwk, compact, public_jwk, signing_input

_MS_PER_HOUR: Final = 60 * 60 * 1000
# A day of being published, and two hours from when a key is made until a release has brought it to every caller.
PUBLISHED_BEFORE_SIGNING_MS: Final = 26 * _MS_PER_HOUR
_KMS_ALGORITHM: Final = "ECDSA_SHA_256"


class GrantSigner(Protocol):
    """Signs grants. Both methods raise SignerUnavailableError."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Give the token of ``claims``."""
        ...

    def public_keys(self) -> list[Jwk]:
        """Give every key that may verify a grant, those that do not sign yet included."""
        ...


class SigningKey(NamedTuple):
    """A key of the stack, by its ARN, and when it was made (epoch ms)."""

    arn: str
    made_at_ms: int

    @property
    def kid(self) -> str:
        """Name the key as tokens do: by its own id, which no other key of any stack has."""
        return self.arn.rpartition("/")[2]


def key_that_signs(keys: Sequence[SigningKey], *, now_ms: int) -> SigningKey:
    """Give the newest key that has been published for long enough, or the oldest where none has. There is one."""
    by_age = sorted(keys, key=lambda key: key.made_at_ms)
    known = [key for key in by_age if now_ms - key.made_at_ms >= PUBLISHED_BEFORE_SIGNING_MS]
    return known[-1] if known else by_age[0]


class NoGrantSigner:
    """Signs nothing: for functions and operators that grant nothing."""

    def sign(self, _: Mapping[str, Any]) -> str:
        """See GrantSigner."""
        raise SignerUnavailableError

    def public_keys(self) -> list[Jwk]:
        """See GrantSigner."""
        raise SignerUnavailableError


class KmsGrantSigner:
    """The keys ``arns`` through a botocore KMS client; ``now_ms`` is epoch ms. A stack without keys signs nothing."""

    def __init__(self, client: Any, arns: Sequence[str], *, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._arns = arns
        self._now_ms = now_ms
        self._keys: Sequence[SigningKey] = ()
        self._public: Sequence[Jwk] = ()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """See GrantSigner. A signature by another key than was asked for is none."""
        key = key_that_signs(self._known(), now_ms=self._now_ms())
        signed = signing_input(claims, kid=key.kid)
        answer = self._ask(
            "sign",
            KeyId=key.arn,
            Message=hashlib.sha256(signed).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=_KMS_ALGORITHM,
        )
        if answer.get("KeyId") != key.arn or answer.get("SigningAlgorithm") != _KMS_ALGORITHM:
            raise SignerUnavailableError
        try:
            return compact(signed, answer["Signature"])
        except ValueError as wrong:
            raise SignerUnavailableError from wrong

    def public_keys(self) -> list[Jwk]:
        """See GrantSigner. Keys never change, so each is read once."""
        if not self._public:
            try:
                self._public = [
                    public_jwk(self._ask("get_public_key", KeyId=key.arn)["PublicKey"], kid=key.kid)
                    for key in self._known()
                ]
            except ValueError as wrong:
                raise SignerUnavailableError from wrong
        return list(self._public)

    def _known(self) -> Sequence[SigningKey]:
        if not self._arns:
            raise SignerUnavailableError
        if len(self._arns) == 1:  # there is nothing to choose by age
            return [SigningKey(self._arns[0], 0)]
        if not self._keys:
            self._keys = [SigningKey(arn, self._made_at_ms(arn)) for arn in self._arns]
        return self._keys

    def _made_at_ms(self, arn: str) -> int:
        made_at = self._ask("describe_key", KeyId=arn)["KeyMetadata"]["CreationDate"]
        return int(made_at.timestamp() * 1000)

    def _ask(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise SignerUnavailableError from error
