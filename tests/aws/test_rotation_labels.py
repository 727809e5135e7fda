"""Compares how a rotation ends on both emulators, and on the rotation tests' own model of Secrets Manager."""

from collections.abc import Iterator
from typing import Any

import pytest

from handshake.trust import rotate
from handshake.trust.rotate import Rotation
from handshake.trust.rotation import RotationRefusedError
from handshake.trust.secret import TrustSecret
from tests.aws.engines import KEY, TOKEN, keep_pending, labels_of, ministack, moto, secret_on
from tests.support.secrets_manager import SECRET, SecretsManager


@pytest.fixture(params=["moto", "ministack", "ours"])
def rotating(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str]]:
    """A client and a secret with one key, on each engine and on the model that the rotation's own tests use."""
    if request.param == "ours":
        yield SecretsManager(AWSCURRENT=KEY), SECRET
        return
    engine = moto() if request.param == "moto" else ministack(request.getfixturevalue("ministack_endpoint"))
    with engine as clients:
        yield secret_on(clients)


def _step(name: str, client: Any, arn: str) -> None:
    long_after_s = 4e9
    rotate.STEPS[name](Rotation(TrustSecret(client, arn), TOKEN, lambda: long_after_s, lambda _: None))


def test_a_rotation_ends_with_a_new_key_current_and_the_old_one_previous(rotating: tuple[Any, str]) -> None:
    client, arn = rotating
    old = labels_of(client, arn)["AWSCURRENT"]
    for name in rotate.STEPS:
        for _ in range(2):  # Secrets Manager repeats a step that it got no answer to
            _step(name, client, arn)

    labels = labels_of(client, arn)
    assert (labels["AWSCURRENT"], labels["AWSPREVIOUS"]) == (TOKEN, old)
    assert labels.get("AWSPENDING") in (None, TOKEN)


def test_scheduling_a_rotation_for_later_tests_the_key_that_there_is(rotating: tuple[Any, str]) -> None:
    """RotateImmediatelyOnUpdate off: Secrets Manager has ``testSecret`` look at a pending copy of what is current."""
    client, arn = rotating
    keep_pending(client, arn, KEY)

    _step("testSecret", client, arn)


def test_scheduling_a_rotation_for_later_may_leave_nothing_pending(rotating: tuple[Any, str]) -> None:
    client, arn = rotating

    _step("testSecret", client, arn)


def test_a_copy_of_the_current_key_never_becomes_current(rotating: tuple[Any, str]) -> None:
    client, arn = rotating
    old = labels_of(client, arn)["AWSCURRENT"]
    keep_pending(client, arn, KEY)

    with pytest.raises(RotationRefusedError):
        _step("finishSecret", client, arn)

    assert labels_of(client, arn)["AWSCURRENT"] == old
