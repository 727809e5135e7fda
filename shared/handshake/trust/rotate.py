"""Rotate the trust key in the four steps of Secrets Manager, each of which may be repeated after it failed half-way."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from handshake.trust.rotation import (
    PENDING,
    SETTLE_S,
    Labels,
    RotationRefusedError,
    Version,
    ensure_new,
    ensure_usable,
)
from handshake.trust.secret import TrustSecret

_KEY_BYTES: Final = 48


@dataclass(frozen=True)
class Rotation:
    """A rotation to the version ``token``. ``now_s`` is epoch seconds; ``pause`` waits for so many."""

    secret: TrustSecret
    token: str
    now_s: Callable[[], float]
    pause: Callable[[float], None]


def create(rotation: Rotation) -> None:
    """``createSecret``: make a new key, pending."""
    labels = _open(rotation)
    if labels.current != rotation.token and rotation.secret.version(rotation.token) is None:
        rotation.secret.keep_pending(rotation.token, secrets.token_urlsafe(_KEY_BYTES))


def settle(rotation: Rotation) -> None:
    """``setSecret``: wait until every verifier believes the pending key; they read it by themselves."""
    labels = _open(rotation)
    if labels.current != rotation.token:
        left = _settled_at(_pending(rotation, labels)) - rotation.now_s()
        if left > 0:
            rotation.pause(left)


def test(rotation: Rotation) -> None:
    """``testSecret``: sign a token with the pending key, or the current one where none is pending, and verify it.

    Where a rotation is configured without beginning at once, Secrets Manager takes this step alone: with a pending
    version that equals the current one, or with none. Neither is wrong here; ``finish`` refuses both.
    """
    labels = _open(rotation)
    pending = rotation.secret.version(rotation.token) if labels.pending == rotation.token else None
    tested = pending or rotation.secret.version(labels.current or "")
    if tested is None:
        raise RotationRefusedError("the current version of the trust secret has no value")
    ensure_usable(tested, now_s=int(rotation.now_s()))


def finish(rotation: Rotation) -> None:
    """``finishSecret``: make the pending key current; the one before stays believed as previous until it is revoked.

    Raises RotationRefusedError where the pending key is not new, or verifiers may not have read it yet.
    """
    labels = _open(rotation)
    if labels.current is not None and labels.current != rotation.token:
        pending = _pending(rotation, labels)
        ensure_new(pending, _earlier(rotation, labels))
        if rotation.now_s() < _settled_at(pending):
            raise RotationRefusedError("some verifiers may not have read the pending key yet: setSecret comes first")
        rotation.secret.make_current(rotation.token, instead_of=labels.current)
        labels = rotation.secret.labels()
    # Moving the other label removes this one, though not everywhere at once.
    if labels.pending == rotation.token:
        rotation.secret.unlabel(PENDING, rotation.token)


STEPS: Final[dict[str, Callable[[Rotation], None]]] = {
    "createSecret": create,
    "setSecret": settle,
    "testSecret": test,
    "finishSecret": finish,
}


def _open(rotation: Rotation) -> Labels:
    """Give the labels now. Raises RotationRefusedError where there is no secret to rotate."""
    labels = rotation.secret.labels()
    if labels.current is None:
        raise RotationRefusedError("the trust secret has no current version")
    return labels


def _pending(rotation: Rotation, labels: Labels) -> Version:
    version = rotation.secret.version(rotation.token) if labels.pending == rotation.token else None
    if version is None:
        raise RotationRefusedError("the version of this rotation is not pending")
    return version


def _earlier(rotation: Rotation, labels: Labels) -> Iterator[Version]:
    for version_id in (labels.current, labels.previous, labels.revoked):
        if version_id and (version := rotation.secret.version(version_id)):
            yield version


def _settled_at(pending: Version) -> float:
    return pending.created_s + SETTLE_S
