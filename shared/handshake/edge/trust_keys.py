"""The trust keys: the current one, and the previous one while a rotation is open."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from handshake.domain.errors import HandshakeError, StoreUnavailableError
from handshake.domain.reasons import ReasonCode
from handshake.domain.trust import TrustClaims, verify_token

# A revoked key is refused at the latest after MAX_AGE_S. A bad signature may mean a key newer than the cache,
# so it re-reads, but no more often than REREAD_AFTER_S however many bad tokens arrive.
MAX_AGE_S: Final = 60.0
REREAD_AFTER_S: Final = 30.0
_STAGES: Final = ("AWSCURRENT", "AWSPREVIOUS")


class TrustKeys(Protocol):
    """Where verification gets its keys from."""

    def read(self, *, max_age_s: float) -> list[bytes]:
        """The keys, the current one first, read from their home at most ``max_age_s`` ago."""
        ...


class SecretsManagerKeys:
    """Keys kept as the versions of one Secrets Manager secret.

    A rotation is open while a version bears AWSPREVIOUS; removing that label revokes the old key.
    """

    def __init__(self, client: Any, secret_id: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._keys: list[bytes] = []
        self._read_at = float("-inf")

    def read(self, *, max_age_s: float) -> list[bytes]:
        """See TrustKeys. No secret gives no keys; raises StoreUnavailableError when nobody answers."""
        if self._clock() - self._read_at > max_age_s:
            self._keys = [key for stage in _STAGES if (key := self._version(stage))]
            self._read_at = self._clock()
        return self._keys

    def _version(self, stage: str) -> bytes | None:
        if not self._secret_id:
            return None
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_id, VersionStage=stage)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise StoreUnavailableError("The trust key cannot be read; retry with backoff.") from error
        except BotoCoreError as error:
            raise StoreUnavailableError("The trust key cannot be read; retry with backoff.") from error
        secret: str = answer["SecretString"]
        return secret.encode()


def verify_with(keys: TrustKeys, token: str | None, *, now_s: float) -> TrustClaims:
    """Verify ``token`` as domain.trust does, looking once for newer keys before a signature is refused."""
    known = keys.read(max_age_s=MAX_AGE_S)
    try:
        return verify_token(token, keys=known, now_s=now_s)
    except HandshakeError as refused:
        if refused.reason.code != ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT:
            raise
        newer = keys.read(max_age_s=REREAD_AFTER_S)
        if newer == known:
            raise
        return verify_token(token, keys=newer, now_s=now_s)
