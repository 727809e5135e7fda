"""Trust keys: how long they are believed, and how often they are read."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handshake.trust.keys import SecretsManagerKeys, verify_with
from handshake.trust.token import mint_token
from tests.support.refusals import reason
from tests.support.secrets_manager import SECRET, SecretsManager

NOW_S = 1_772_720_700
INVALID = "security_invalid_internal_trust_context"
# As docs and runbooks say them: bounds that were taken from the code would be whatever it says.
MAX_AGE_S, REREAD_AFTER_S, OVERLAP_S = 60.0, 30.0, 86_400.0


def _keys(secrets: SecretsManager, secret_id: str = SECRET) -> SecretsManagerKeys:
    return SecretsManagerKeys(secrets, secret_id, clock=lambda: secrets.now_s, now_s=lambda: secrets.now_s)


def _verify(keys: SecretsManagerKeys, key: str) -> str:
    token = mint_token(key.encode(), now_s=NOW_S, jti="a-jti-of-some-length")
    return verify_with(keys, token, now_s=NOW_S).jti


def test_the_current_key_and_while_a_rotation_is_open_the_previous_one_are_believed() -> None:
    keys = _keys(SecretsManager(AWSCURRENT="new", AWSPREVIOUS="old"))

    assert keys.read(max_age_s=0) == [b"new", b"old"]
    assert _verify(keys, "new")
    assert _verify(keys, "old")
    assert reason(lambda: _verify(keys, "other")) == INVALID


def test_the_pending_key_is_believed_before_anybody_signs_with_it() -> None:
    assert _keys(SecretsManager(AWSCURRENT="old", AWSPENDING="new")).read(max_age_s=0) == [b"old", b"new"]


@pytest.mark.parametrize("label", ["AWSPREVIOUS", "AWSPENDING"])
def test_a_key_that_nobody_revoked_stops_being_believed_a_day_after_the_rotation_began(label: str) -> None:
    secrets = SecretsManager()
    secrets.add("version-current", "current", "AWSCURRENT")
    secrets.add("version-other", "other", label)
    keys = _keys(secrets)

    secrets.now_s = OVERLAP_S - 1
    assert keys.read(max_age_s=MAX_AGE_S) == [b"current", b"other"]
    secrets.now_s = OVERLAP_S
    assert keys.read(max_age_s=MAX_AGE_S) == [b"current"]


def test_a_secret_marked_for_deletion_is_no_secret() -> None:
    secrets = SecretsManager(AWSCURRENT="new")
    secrets.deleted = True

    assert reason(lambda: _verify(_keys(secrets), "new")) == "security_internal_trust_config_missing"


def test_keys_are_read_once_while_they_are_fresh() -> None:
    secrets = SecretsManager(AWSCURRENT="new")
    keys = _keys(secrets)

    for secrets.now_s in (0.0, 1.0, MAX_AGE_S):
        assert _verify(keys, "new")

    assert secrets.asked == 1


def test_a_key_whose_label_is_removed_is_refused_once_what_was_read_is_too_old() -> None:
    secrets = SecretsManager(AWSCURRENT="new", AWSPREVIOUS="old")
    keys = _keys(secrets)
    assert _verify(keys, "old")

    secrets.update_secret_version_stage(SecretId=SECRET, VersionStage="AWSPREVIOUS", RemoveFromVersionId="version-old")
    secrets.now_s = MAX_AGE_S + 0.1

    assert reason(lambda: _verify(keys, "old")) == INVALID


def test_a_signature_by_a_key_newer_than_what_was_read_is_believed_after_one_more_look() -> None:
    secrets = SecretsManager(AWSCURRENT="old")
    keys = _keys(secrets)
    assert _verify(keys, "old")

    secrets.add("version-new", "new", "AWSCURRENT")
    secrets.now_s = REREAD_AFTER_S + 0.1

    assert _verify(keys, "new")
    assert secrets.asked == 2


def test_however_many_bad_signatures_arrive_the_keys_are_read_at_most_every_30_seconds() -> None:
    secrets = SecretsManager(AWSCURRENT="new")
    keys = _keys(secrets)

    for tenth in range(650):
        secrets.now_s = tenth / 10
        assert reason(lambda: _verify(keys, "forged")) == INVALID

    assert secrets.asked == 3


@pytest.mark.parametrize(("secret_id", "versions"), [("", {"AWSCURRENT": "new"}), ("the-secret", {})])
def test_without_a_secret_no_token_is_believed(secret_id: str, versions: dict[str, str]) -> None:
    keys = _keys(SecretsManager(now_s=0.0, **versions), secret_id)

    assert reason(lambda: _verify(keys, "new")) == "security_internal_trust_config_missing"


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeSecret"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeSecret"),
        EndpointConnectionError(endpoint_url="http://nowhere"),
    ],
)
def test_when_nobody_answers_no_token_is_believed_until_somebody_does(fault: Exception) -> None:
    secrets = SecretsManager(AWSCURRENT="new")
    secrets.fault = fault
    keys = _keys(secrets)

    assert reason(lambda: _verify(keys, "new")) == "adapter_store_unavailable"

    secrets.fault = None
    assert _verify(keys, "new")
