"""The rotation of the trust key: which versions of the secret are believed, and how long a change takes to be known.

No call is refused because of a rotation, for two reasons. A new key is believed before anybody signs with it: it is
kept as pending until every verifier has read it (SETTLE_S). And the old key is believed until it is revoked, or for
OVERLAP_S after the new one was made, so signers have that long to read the new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from handshake.core.errors import HandshakeError
from handshake.trust.token import mint_token, verify_token

# No verifier uses keys that it read longer ago, so a revoked key is refused after this.
MAX_AGE_S: Final = 60.0
# How long a key is pending: what verifiers keep has aged away, and fifteen seconds for Secrets Manager to agree.
SETTLE_S: Final = MAX_AGE_S + 15
OVERLAP_S: Final = 24 * 60 * 60.0
MIN_KEY_LENGTH: Final = 32

CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
PENDING: Final = "AWSPENDING"
REVOKED: Final = "HANDSHAKE_REVOKED"
"""Ours: on the version that was revoked last, until the gates have run again."""


@dataclass(frozen=True)
class Labels:
    """The labels of the secret's versions. Nothing has any where there is no secret."""

    current: str | None = None
    previous: str | None = None
    pending: str | None = None
    revoked: str | None = None

    @classmethod
    def of(cls, versions: Mapping[str, Sequence[str]]) -> Self:
        """Read it from the labels of each version, as Secrets Manager describes them."""
        by_label = {label: version for version, labels in versions.items() for label in labels}
        return cls(*map(by_label.get, (CURRENT, PREVIOUS, PENDING, REVOKED)))


@dataclass(frozen=True)
class Version:
    """One version of the secret. ``created_s`` is in epoch seconds."""

    key: bytes
    created_s: float


class RotationRefusedError(Exception):
    """A step of a rotation may not be taken now. The message names no key."""


def believed(labels: Labels, versions: Mapping[str, Version], *, now_s: float) -> list[bytes]:
    """Give the keys that tokens are believed under, the current one first.

    None are without a current one. A pending key that was given up, or a previous one that nobody revoked, stops being
    believed by itself after OVERLAP_S.
    """
    current = versions.get(labels.current or "")
    if current is None:
        return []
    keys = [current.key]
    previous, pending = versions.get(labels.previous or ""), versions.get(labels.pending or "")
    if previous and now_s - current.created_s < OVERLAP_S:
        keys.append(previous.key)
    if pending and now_s - pending.created_s < OVERLAP_S:
        keys.append(pending.key)
    return list(dict.fromkeys(keys))


def ensure_usable(version: Version, *, now_s: int) -> None:
    """Raise RotationRefusedError unless the version's key is long enough and verifies a token signed with it."""
    if len(version.key) < MIN_KEY_LENGTH:
        raise RotationRefusedError(f"the key is shorter than {MIN_KEY_LENGTH} bytes")
    if not _verifies(mint_token(version.key, now_s=now_s, jti="rotation-test"), version.key, now_s=now_s):
        raise RotationRefusedError("a token signed with the key does not verify")


def ensure_new(pending: Version, earlier: Iterable[Version]) -> None:
    """Raise RotationRefusedError where the pending key is that of an ``earlier`` version, a revoked one included."""
    if pending.key in {version.key for version in earlier}:
        raise RotationRefusedError("the pending key is not new: remove AWSPENDING from its version, and rotate again")


def _verifies(token: str, key: bytes, *, now_s: int) -> bool:
    try:
        verify_token(token, keys=[key], now_s=now_s)
    except HandshakeError:
        return False
    return True
