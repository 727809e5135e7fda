"""The deployed rotation function on moto's Secrets Manager, which does as AWS when a rotation is configured."""

import io
import time
import zipfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from functions.secret_rotation.app import handler
from handshake.trust.rotation import SETTLE_S, Labels, RotationRefusedError
from ops.local.settings import REGION
from tests.support import engines

KEY = "a-key-of-the-secret-that-is-long-enough"


class Secret:
    """A secret with the key KEY and a rotation function, which moto says to invoke but does not."""

    def __init__(self) -> None:
        self.client = engines.client_of("secretsmanager")
        self.arn = self.client.create_secret(Name="trust", SecretString=KEY)["ARN"]

    def configure_rotation(self) -> None:
        """Configure a rotation that does not begin at once, as the template's RotationSchedule does."""
        self.client.rotate_secret(
            SecretId=self.arn,
            RotationLambdaARN=_function(),
            RotateImmediately=False,
            RotationRules={"AutomaticallyAfterDays": 90},
        )

    def labels(self) -> Labels:
        return Labels.of(self.client.describe_secret(SecretId=self.arn)["VersionIdsToStages"])

    def take(self, step: str, token: str) -> None:
        """Invoke the function as Secrets Manager does."""
        handler({"SecretId": self.arn, "Step": step, "ClientRequestToken": token}, None)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secret]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        secret = Secret()
        monkeypatch.setenv("TRUST_SECRET_ARN", secret.arn)
        yield secret


def test_configuring_the_rotation_of_a_new_secret_succeeds(secret: Secret) -> None:
    secret.configure_rotation()
    labels = secret.labels()

    assert labels.pending not in (None, labels.current)
    assert secret.client.get_secret_value(SecretId=secret.arn, VersionId=labels.pending)["SecretString"] == KEY
    secret.take("testSecret", labels.pending or "")


def test_its_test_succeeds_where_the_pending_version_is_gone_already(secret: Secret) -> None:
    secret.configure_rotation()
    token = secret.labels().pending or ""
    secret.client.update_secret_version_stage(SecretId=secret.arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)

    secret.take("testSecret", token)

    assert secret.labels().pending is None


def test_what_configuring_left_pending_never_becomes_current(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.configure_rotation()
    before = secret.labels()
    _let_pass(SETTLE_S, monkeypatch)

    with pytest.raises(RotationRefusedError, match="not new"):
        secret.take("finishSecret", before.pending or "")

    assert secret.labels() == before


def test_the_first_rotation_after_it_ends_with_a_new_key(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.configure_rotation()
    tested = secret.labels()
    secret.take("testSecret", tested.pending or "")
    secret.client.update_secret_version_stage(
        SecretId=secret.arn, VersionStage="AWSPENDING", RemoveFromVersionId=tested.pending
    )
    token = "00000000-0000-4000-8000-00000000000a"

    secret.take("createSecret", token)
    _let_pass(SETTLE_S, monkeypatch)
    for step in ("setSecret", "testSecret", "finishSecret"):
        secret.take(step, token)

    assert secret.labels() == Labels(current=token, previous=tested.current)
    # Named, because moto gives the version before where none is.
    assert secret.client.get_secret_value(SecretId=secret.arn, VersionId=token)["SecretString"] != KEY


def _let_pass(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many seconds pass for the function, and a second for moto, which rounds times down."""
    clock = SimpleNamespace(time=lambda: time.time() + seconds + 1, sleep=time.sleep)
    monkeypatch.setattr("functions.secret_rotation.app.time", clock)


def _function() -> str:
    """Create the function that a rotation must name. Returns its ARN."""
    role: Any = engines.client_of("iam").create_role(RoleName="rotation", AssumeRolePolicyDocument="{}")
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").writestr("app.py", "")
    created = engines.client_of("lambda").create_function(
        FunctionName="secret_rotation",
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    arn: str = created["FunctionArn"]
    return arn
