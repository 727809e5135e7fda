"""Rotate the trust key in the four steps of Secrets Manager, each of which may be repeated after it failed half-way."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from handshake.trust.rotation import (
    PENDING,
    SETTLE_S,
    Labels,
    RotationRefusedError,
    Version,
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
    """``testSecret``: sign with the pending key, and hold the token against it and against the current key."""
    labels = _open(rotation)
    if labels.current != rotation.token:
        current = rotation.secret.version(labels.current or "")
        ensure_usable(_pending(rotation, labels), current, now_s=int(rotation.now_s()))


def finish(rotation: Rotation) -> None:
    """``finishSecret``: the pending key is current from now on, the one before previous until it is revoked."""
    labels = _open(rotation)
    if labels.current is not None and labels.current != rotation.token:
        if rotation.now_s() < _settled_at(_pending(rotation, labels)):
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
    """The labels now. Raises RotationRefusedError where there is no secret to rotate."""
    labels = rotation.secret.labels()
    if labels.current is None:
        raise RotationRefusedError("the trust secret has no current version")
    return labels


def _pending(rotation: Rotation, labels: Labels) -> Version:
    version = rotation.secret.version(rotation.token) if labels.pending == rotation.token else None
    if version is None:
        raise RotationRefusedError("the version of this rotation is not pending")
    return version


def _settled_at(pending: Version) -> float:
    return pending.created_s + SETTLE_S
