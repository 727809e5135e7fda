"""Trust keys: how long they are believed, and how often they are read."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handshake.domain.trust import mint_token
from handshake.edge.trust_keys import MAX_AGE_S, REREAD_AFTER_S, SecretsManagerKeys, verify_with
from tests.refusals import reason

NOW_S = 1_772_720_700
SECRET = "the-secret"
INVALID = "security_invalid_internal_trust_context"


class Secrets:
    """A secret by the labels of its versions, and a clock."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions
        self.fault: Exception | None = None
        self.reads = 0
        self.now_s = 0.0

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Any:  # noqa: N803 - the client's names
        assert SecretId == SECRET
        self.reads += VersionStage == "AWSCURRENT"
        if self.fault:
            raise self.fault
        if VersionStage not in self.versions:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.versions[VersionStage]}

    def keys(self, secret_id: str = SECRET) -> SecretsManagerKeys:
        return SecretsManagerKeys(self, secret_id, clock=lambda: self.now_s)


def _verify(keys: SecretsManagerKeys, key: str) -> str:
    token = mint_token(key.encode(), now_s=NOW_S, jti="a-jti-of-some-length")
    return verify_with(keys, token, now_s=NOW_S).jti


def test_the_current_key_and_while_a_rotation_is_open_the_previous_one_are_believed() -> None:
    keys = Secrets(AWSCURRENT="new", AWSPREVIOUS="old").keys()

    assert keys.read(max_age_s=0) == [b"new", b"old"]
    assert _verify(keys, "new")
    assert _verify(keys, "old")
    assert reason(lambda: _verify(keys, "other")) == INVALID


def test_keys_are_read_once_while_they_are_fresh() -> None:
    secrets = Secrets(AWSCURRENT="new")
    keys = secrets.keys()

    for secrets.now_s in (0.0, 1.0, MAX_AGE_S):
        assert _verify(keys, "new")

    assert secrets.reads == 1


def test_a_key_whose_label_is_removed_is_refused_once_what_was_read_is_too_old() -> None:
    secrets = Secrets(AWSCURRENT="new", AWSPREVIOUS="old")
    keys = secrets.keys()
    assert _verify(keys, "old")

    del secrets.versions["AWSPREVIOUS"]
    secrets.now_s = MAX_AGE_S + 0.1

    assert reason(lambda: _verify(keys, "old")) == INVALID


def test_a_signature_by_a_key_newer_than_what_was_read_is_believed_after_one_more_look() -> None:
    secrets = Secrets(AWSCURRENT="old")
    keys = secrets.keys()
    assert _verify(keys, "old")

    secrets.versions = {"AWSCURRENT": "new", "AWSPREVIOUS": "old"}
    secrets.now_s = REREAD_AFTER_S + 0.1

    assert _verify(keys, "new")
    assert secrets.reads == 2


def test_however_many_bad_signatures_arrive_the_keys_are_read_at_most_every_30_seconds() -> None:
    secrets = Secrets(AWSCURRENT="new")
    keys = secrets.keys()

    for tenth in range(650):
        secrets.now_s = tenth / 10
        assert reason(lambda: _verify(keys, "forged")) == INVALID

    assert secrets.reads == 3


@pytest.mark.parametrize(("secret_id", "versions"), [("", {"AWSCURRENT": "new"}), ("the-secret", {})])
def test_without_a_secret_no_token_is_believed(secret_id: str, versions: dict[str, str]) -> None:
    keys = Secrets(**versions).keys(secret_id)

    assert reason(lambda: _verify(keys, "new")) == "security_internal_trust_config_missing"


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"),
        EndpointConnectionError(endpoint_url="http://nowhere"),
    ],
)
def test_when_nobody_answers_no_token_is_believed_until_somebody_does(fault: Exception) -> None:
    secrets = Secrets(AWSCURRENT="new")
    secrets.fault = fault
    keys = secrets.keys()

    assert reason(lambda: _verify(keys, "new")) == "adapter_store_unavailable"

    secrets.fault = None
    assert _verify(keys, "new")
