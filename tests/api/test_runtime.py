"""Clients of the deployed functions, and what the tests' own clients hold for them."""

from typing import Any, Final

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ParamValidationError

from handshake.api.runtime import Runtime, aws, build_runtime, client_config
from ops.local.settings import REGION
from tests.support import engines
from tests.support.service import ISSUER_ARN, SIGNER_ARN


class _SentError(Exception):
    """Raised in place of a request."""


def _sent_by(client: Any, **parameters: Any) -> AWSPreparedRequest:
    """The request that ``client`` would send to get an item by ``parameters``."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise _SentError(request)

    client.meta.events.register("before-send.dynamodb", stop)
    with pytest.raises(_SentError) as sent:
        client.get_item(**parameters)
    request: AWSPreparedRequest = sent.value.args[0]
    return request


@pytest.fixture
def deployed() -> Any:
    """A client as the functions have theirs."""
    config = client_config(connect_s=1, read_s=1, attempts=1)
    return aws().create_client(
        "dynamodb", region_name=REGION, config=config, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def test_a_functions_client_names_itself_the_same_way_every_time(deployed: Any) -> None:
    agents = {_sent_by(deployed, TableName="t", Key={}).headers["User-Agent"] for _ in range(2)}

    assert len(agents) == 1
    assert b"app/handshake" in agents.pop()


def test_requests_are_validated_in_tests_and_sent_as_they_are_by_functions(deployed: Any) -> None:
    assert _sent_by(deployed, TableName="t").body == b'{"TableName": "t"}'
    with pytest.raises(ParamValidationError, match="Key"):
        engines.client_of("dynamodb", "http://127.0.0.1:1").get_item(TableName="t")


ENVIRONMENT: Final = {
    f"{name}_TABLE": name.lower() for name in ("WORKFLOW", "POLICY", "METRICS", "REPLAY_GUARDS", "RUNTIME_KV")
} | {"AWS_DEFAULT_REGION": REGION}
# By their variables: the default of a parameter, its strict value, and what that makes of the runtime.
SWITCHES: Final = {
    "SUBMISSION_IDENTITY": ("asserted", "envelope", "needs_submitter"),
    "TENANTLESS_ENVELOPES": ("allowed", "refused", "binds_tenantless"),
    "ACTION_BINDING": ("optional", "required", "binds_actions"),
    "TRUST_TOKEN_BINDING": ("optional", "required", "binds_tokens"),
}


def _runtime(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Runtime:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return build_runtime(ENVIRONMENT | changes)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_parameter_is_its_default_its_strict_value_or_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A misspelt strict value must not be a lax one."""
    default, strict, field = SWITCHES[name]

    assert [getattr(_runtime(monkeypatch, **{name: value}), field) for value in (default, strict)] == [False, True]
    assert getattr(_runtime(monkeypatch), field) is False
    for value in ("", strict.upper(), f"{strict} ", "true"):
        with pytest.raises(ValueError, match=f"{name} is neither {default} nor {strict}"):
            _runtime(monkeypatch, **{name: value})


def test_a_runtime_knows_its_stack_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _runtime(monkeypatch, POWERTOOLS_SERVICE_NAME="handshake-production").stack == "handshake-production"
    assert _runtime(monkeypatch).stack is None


@pytest.mark.parametrize("issuers", ["handshake-edge", "*", f"{ISSUER_ARN},edge", SIGNER_ARN])
def test_a_function_does_not_start_with_an_issuer_that_is_no_role(
    monkeypatch: pytest.MonkeyPatch, issuers: str
) -> None:
    with pytest.raises(ValueError, match="an envelope issuer is named by its role's ARN"):
        _runtime(monkeypatch, ENVELOPE_ISSUERS=issuers)


@pytest.mark.parametrize("issuers", ["", " ", ISSUER_ARN, f"{ISSUER_ARN}, {ISSUER_ARN} "])
def test_roles_and_nobody_may_be_issuers(monkeypatch: pytest.MonkeyPatch, issuers: str) -> None:
    assert len(_runtime(monkeypatch, ENVELOPE_ISSUERS=issuers).issuers) == int(bool(issuers.strip()))
