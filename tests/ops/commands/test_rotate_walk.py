"""The walk of a rotation knows from the secret's labels where it was left."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from handshake.trust.rotation import MAX_AGE_S, OVERLAP_S
from ops.commands.rotate import STEPS, StepFailedError, Walk, first_step
from tests.support.secrets_manager import SECRET, SecretsManager


class Stack:
    """A stack of which only the secret is there."""

    outputs: Mapping[str, str] = {"TrustSecretArn": SECRET}

    def __init__(self, secrets: SecretsManager) -> None:
        self._secrets = secrets

    def client(self, service: str) -> Any:
        assert service == "secretsmanager"
        return self._secrets


def a_walk(secrets: SecretsManager, *, gates: Callable[[], int] = lambda: 0, waited: list[float] | None = None) -> Walk:
    """A walk on ``secrets``; the seconds it would have waited go to ``waited``."""
    pauses: list[float] = [] if waited is None else waited
    stack: Any = Stack(secrets)
    return Walk(stack, "stack", say=lambda _: None, pause=pauses.append, gates=gates)


def _secrets(*, age_s: float = 60, **labels: str) -> SecretsManager:
    secrets = SecretsManager(now_s=time.time())
    for label, version in labels.items():
        secrets.add(version, f"key-of-{version}", label, age_s=age_s)
    return secrets


@pytest.mark.parametrize(
    ("labels", "step"),
    [
        ({"AWSCURRENT": "one"}, 1),
        ({"AWSCURRENT": "one", "AWSPENDING": "one"}, 1),
        ({"AWSCURRENT": "one", "AWSPENDING": "two"}, 2),
        ({"AWSCURRENT": "two", "AWSPREVIOUS": "one"}, 3),
        ({"AWSCURRENT": "two", "AWSPREVIOUS": "one", "HANDSHAKE_REVOKED": "one"}, 5),
        ({"AWSCURRENT": "two", "HANDSHAKE_REVOKED": "one"}, 6),
        ({"AWSCURRENT": "three", "AWSPREVIOUS": "two", "HANDSHAKE_REVOKED": "one"}, 3),
    ],
)
def test_a_walk_goes_on_where_it_was_left(labels: dict[str, str], step: int) -> None:
    assert first_step(a_walk(_secrets(age_s=60, **labels))) == step


def test_a_rotation_whose_overlap_is_over_is_no_open_one() -> None:
    assert first_step(a_walk(_secrets(age_s=OVERLAP_S + 1, AWSCURRENT="two", AWSPREVIOUS="one"))) == 1


def test_without_a_key_there_is_nothing_to_rotate() -> None:
    with pytest.raises(StepFailedError, match="no current version"):
        first_step(a_walk(SecretsManager()))


def test_revoking_marks_the_old_version_takes_its_label_and_waits_until_nobody_believes_it() -> None:
    secrets, waited = _secrets(AWSCURRENT="three", AWSPREVIOUS="two", HANDSHAKE_REVOKED="one"), list[float]()

    STEPS[4].take(a_walk(secrets, waited=waited))

    assert dict(secrets.labels) == {"AWSCURRENT": "three", "HANDSHAKE_REVOKED": "two"}
    assert waited == [MAX_AGE_S]


def test_the_walk_is_over_once_the_gates_pass_and_not_before() -> None:
    secrets = _secrets(AWSCURRENT="two", HANDSHAKE_REVOKED="one")

    with pytest.raises(StepFailedError, match="gates failed with 13"):
        STEPS[5].take(a_walk(secrets, gates=lambda: 13))
    assert first_step(a_walk(secrets)) == 6

    STEPS[5].take(a_walk(secrets))
    assert first_step(a_walk(secrets)) == 1
