"""A rotation of the trust key refuses nobody while it lasts, and the revoked key soon after."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.trust import rotate as rotate_secret
from handshake.trust.keys import SecretsManagerKeys, verify_with
from handshake.trust.rotate import STEPS, Rotation
from handshake.trust.rotation import RotationRefusedError
from handshake.trust.secret import TrustSecret
from handshake.trust.token import mint_token
from tests.support.refusals import reason
from tests.support.secrets_manager import SECRET, SecretsManager

OLD, NEW = "the-old-key-that-is-long-enough-to-be-one", "version-new"
NOW_S = 1_772_720_700.0
# As docs and runbooks say them: bounds that were taken from the code would be whatever it says.
MAX_AGE_S, SETTLE_S, OVERLAP_S = 60.0, 75.0, 86_400.0


@dataclass
class Call:
    """One call so long after the one before; ``rereads`` says whether its signer reads the secret first."""

    after_s: float
    signer: int
    verifier: int
    rereads: bool


@dataclass
class Traffic:
    """Signers that keep the key they read, verifiers of the service, and calls on a clock of its own."""

    aws: SecretsManager
    calls: list[Call]
    signers: dict[int, str] = field(default_factory=dict)
    verifiers: list[SecretsManagerKeys] = field(default_factory=list)
    accepted: int = 0

    def __post_init__(self) -> None:
        def clock() -> float:
            return self.aws.now_s

        self.verifiers = [SecretsManagerKeys(self.aws, SECRET, clock=clock, now_s=clock) for _ in range(3)]
        self.signers = dict.fromkeys(range(3), self.aws.key_of("AWSCURRENT"))

    def until(self, end_s: float) -> None:
        """Make the calls that are due; each must be accepted."""
        while self.calls and self.aws.now_s + self.calls[0].after_s <= end_s:
            call = self.calls.pop(0)
            self.aws.now_s += call.after_s
            if call.rereads:
                self.signers[call.signer] = self.aws.key_of("AWSCURRENT")
            token = mint_token(
                self.signers[call.signer].encode(), now_s=int(self.aws.now_s), jti="a-jti-of-some-length"
            )
            verify_with(self.verifiers[call.verifier], token, now_s=self.aws.now_s)
            self.accepted += 1
        self.aws.now_s = end_s


def _aws() -> SecretsManager:
    aws = SecretsManager(now_s=NOW_S)
    aws.add("version-old", OLD, "AWSCURRENT", age_s=90 * 24 * 3600)
    return aws


def _rotation(aws: SecretsManager, pause: Callable[[float], None] | None = None) -> Rotation:
    def wait(seconds: float) -> None:
        aws.now_s += seconds

    return Rotation(TrustSecret(aws, SECRET), NEW, lambda: aws.now_s, pause or wait)


calls = st.builds(Call, st.floats(0, 40, allow_nan=False), st.integers(0, 2), st.integers(0, 2), st.booleans())


@given(st.lists(calls, min_size=20, max_size=60), st.floats(0, 300))
def test_whoever_signs_with_a_current_or_lagging_key_is_never_refused(made: list[Call], revoked_after_s: float) -> None:
    aws = _aws()
    traffic = Traffic(aws, made)
    rotation = _rotation(aws, lambda seconds: traffic.until(aws.now_s + seconds))
    traffic.until(aws.now_s + 100)

    for step in STEPS.values():
        step(rotation)
    traffic.until(aws.now_s + revoked_after_s)

    # Revoked only once every signer has read the new key.
    traffic.signers = dict.fromkeys(traffic.signers, aws.key_of("AWSCURRENT"))
    aws.update_secret_version_stage(SecretId=SECRET, VersionStage="AWSPREVIOUS", RemoveFromVersionId="version-old")
    traffic.until(aws.now_s + MAX_AGE_S + 0.1)

    late = mint_token(OLD.encode(), now_s=int(aws.now_s), jti="a-jti-of-some-length")
    for verifier in traffic.verifiers:
        refused = reason(partial(verify_with, verifier, late, now_s=aws.now_s))
        assert refused == "security_invalid_internal_trust_context"


def test_a_day_of_lagging_is_what_signers_may_take() -> None:
    aws = _aws()
    for step in STEPS.values():
        step(_rotation(aws))
    traffic = Traffic(aws, [])
    created_s = NOW_S

    traffic.signers = {0: OLD}
    traffic.calls = [Call(created_s + OVERLAP_S - 1 - aws.now_s, 0, 0, rereads=False)]
    traffic.until(created_s + OVERLAP_S - 1)
    assert traffic.accepted == 1

    traffic.calls = [Call(2, 0, 0, rereads=False)]
    assert reason(lambda: traffic.until(aws.now_s + 2)) == "security_invalid_internal_trust_context"


def test_the_four_steps_leave_a_new_key_current_and_the_old_one_previous() -> None:
    aws = _aws()
    for step in STEPS.values():
        step(_rotation(aws))

    assert dict(aws.labels) == {"AWSCURRENT": NEW, "AWSPREVIOUS": "version-old"}
    assert aws.key_of("AWSCURRENT") != OLD
    assert len(aws.key_of("AWSCURRENT")) >= 64
    assert aws.now_s >= NOW_S + SETTLE_S


@pytest.mark.parametrize("again", STEPS)
def test_each_step_may_be_repeated(again: str) -> None:
    aws = _aws()
    for name, step in STEPS.items():
        step(_rotation(aws))
        if name == again:
            key = aws.key_of("AWSPENDING") if "AWSPENDING" in aws.labels else aws.key_of("AWSCURRENT")
            step(_rotation(aws))
    for step in STEPS.values():
        step(_rotation(aws))

    assert dict(aws.labels) == {"AWSCURRENT": NEW, "AWSPREVIOUS": "version-old"}
    assert aws.key_of("AWSCURRENT") == key


def test_a_key_does_not_become_current_before_verifiers_have_read_it() -> None:
    aws = _aws()
    rotate_secret.create(_rotation(aws))

    with pytest.raises(RotationRefusedError, match="setSecret comes first"):
        rotate_secret.finish(_rotation(aws))

    assert aws.labels["AWSCURRENT"] == "version-old"


@pytest.mark.parametrize(("age_s", "becomes"), [(SETTLE_S - 0.5, False), (SETTLE_S, True)])
def test_a_pending_key_becomes_current_once_every_verifier_has_read_it(age_s: float, *, becomes: bool) -> None:
    aws = _aws()
    aws.add(NEW, "the-new-key-that-is-long-enough-to-be-one", "AWSPENDING", age_s=age_s)

    with nullcontext() if becomes else pytest.raises(RotationRefusedError, match="setSecret comes first"):
        rotate_secret.finish(_rotation(aws))

    assert (aws.labels["AWSCURRENT"] == NEW) is becomes


def test_a_weak_pending_key_fails_its_test() -> None:
    aws = _aws()
    aws.add(NEW, "short", "AWSPENDING")

    with pytest.raises(RotationRefusedError, match="shorter"):
        rotate_secret.test(_rotation(aws))


def test_a_weak_current_key_fails_the_test_where_none_is_pending() -> None:
    aws = SecretsManager(now_s=NOW_S, AWSCURRENT="short")

    with pytest.raises(RotationRefusedError, match="shorter"):
        rotate_secret.test(_rotation(aws))


@pytest.mark.parametrize("pending", [OLD, None], ids=["equal to the current one", "absent"])
def test_what_is_pending_while_a_rotation_is_only_configured_passes_its_test(pending: str | None) -> None:
    aws = _aws()
    if pending:
        aws.add(NEW, pending, "AWSPENDING")

    rotate_secret.test(_rotation(aws))

    assert aws.labels["AWSCURRENT"] == "version-old"


@pytest.mark.parametrize("earlier", ["AWSCURRENT", "AWSPREVIOUS", "HANDSHAKE_REVOKED"])
def test_a_key_that_is_not_new_never_becomes_current(earlier: str) -> None:
    aws = _aws()
    aws.add("version-before", "the-key-before-that-is-long-enough-too", "AWSPREVIOUS")
    aws.add("version-revoked", "the-revoked-key-that-is-long-enough-too", "HANDSHAKE_REVOKED")
    aws.add(NEW, aws.key_of(earlier), "AWSPENDING", age_s=SETTLE_S)

    with pytest.raises(RotationRefusedError, match="not new"):
        rotate_secret.finish(_rotation(aws))

    assert aws.labels["AWSCURRENT"] == "version-old"


@pytest.mark.parametrize("step", STEPS)
def test_without_a_current_key_nothing_is_rotated(step: str) -> None:
    with pytest.raises(RotationRefusedError, match="no current version"):
        STEPS[step](_rotation(SecretsManager()))


@pytest.mark.parametrize("step", ["setSecret", "finishSecret"])
def test_a_version_that_is_not_pending_is_not_rotated_to(step: str) -> None:
    with pytest.raises(RotationRefusedError, match="not pending"):
        STEPS[step](_rotation(_aws()))


def test_messages_quote_no_key() -> None:
    aws: Any = _aws()
    aws.add(NEW, OLD, "AWSPENDING")
    with pytest.raises(RotationRefusedError) as refused:
        rotate_secret.finish(_rotation(aws))

    assert OLD not in str(refused.value)
