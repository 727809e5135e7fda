"""The trust keys: the current one, and while a rotation is open the previous and the pending one."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.trust import rotation
from handshake.trust.secret import TrustSecret
from handshake.trust.token import SUBJECT, UNBOUND, Binding, Subject, TrustClaims, verify_token

# A bad signature may mean a key newer than what was read, so it reads again, but no more often than REREAD_AFTER_S
# however many bad tokens arrive.
MAX_AGE_S: Final = rotation.MAX_AGE_S
REREAD_AFTER_S: Final = 30.0


class TrustKeys(Protocol):
    """The source that verification gets its keys from."""

    def read(self, *, max_age_s: float) -> list[bytes]:
        """Give the keys, the current one first, read from their home at most ``max_age_s`` ago."""
        ...


class SecretsManagerKeys:
    """Keys kept as the versions of one Secrets Manager secret; domain.rotation says which are believed.

    ``clock`` is monotonic, ``now_s`` epoch seconds.
    """

    def __init__(
        self,
        client: Any,
        secret_id: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._secret = TrustSecret(client, secret_id)
        self._clock = clock
        self._now_s = now_s
        self._labels = rotation.Labels()
        self._versions: dict[str, rotation.Version] = {}
        self._read_at = float("-inf")

    def read(self, *, max_age_s: float) -> list[bytes]:
        """See TrustKeys. No secret gives no keys; raises StoreUnavailableError when nobody answers."""
        if self._clock() - self._read_at > max_age_s:
            # The age counts from before the question: an answer may be older than its arrival.
            asked_at = self._clock()
            labels = self._secret.labels()
            wanted = {id_ for id_ in (labels.current, labels.previous, labels.pending) if id_}
            self._versions = {id_: version for id_ in wanted if (version := self._version(id_))}
            self._labels, self._read_at = labels, asked_at
        return rotation.believed(self._labels, self._versions, now_s=self._now_s())

    def _version(self, version_id: str) -> rotation.Version | None:
        """Give a version never changes, so one that was read is not read again."""
        return self._versions.get(version_id) or self._secret.version(version_id)


def verify_with(
    keys: TrustKeys, token: str | None, *, now_s: float, binding: Binding = UNBOUND, subject: Subject = SUBJECT
) -> TrustClaims:
    """Verify ``token`` as domain.trust does, looking once for newer keys before a signature is refused."""
    known = keys.read(max_age_s=MAX_AGE_S)
    try:
        return verify_token(token, keys=known, now_s=now_s, binding=binding, subject=subject)
    except HandshakeError as refused:
        if refused.refusal.reason.code != ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT:
            raise
        newer = keys.read(max_age_s=REREAD_AFTER_S)
        if newer == known:
            raise
        return verify_token(token, keys=newer, now_s=now_s, binding=binding, subject=subject)
