"""Clients of the deployed functions, and what the tests' own clients hold for them."""

import gc
from typing import Any, Final

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ParamValidationError

from handshake import GC_THRESHOLD
from handshake.api.runtime import Runtime, aws, build_runtime, client_config, start
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
    "HUMAN_ASSURANCE": ("issuer_asserted", "oidc", "needs_sign_in"),
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


def test_unknown_agents_get_what_the_parameter_says_or_the_function_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A misspelt strict value must not be a lax one."""
    states = {"allow": "active", "escalate": "escalate_all", "deny": "stopped"}

    assert {value: _runtime(monkeypatch, UNKNOWN_AGENTS=value).unknown_agents for value in states} == states
    assert _runtime(monkeypatch).unknown_agents == "active"
    for value in ("", "DENY", "deny ", "stopped"):
        with pytest.raises(ValueError, match="UNKNOWN_AGENTS is none of allow, escalate, deny"):
            _runtime(monkeypatch, UNKNOWN_AGENTS=value)


def test_arguments_are_kept_for_ever_unless_a_parameter_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _runtime(monkeypatch).arguments_kept_days == 0
    assert _runtime(monkeypatch, ARGUMENT_RETENTION_DAYS="90").arguments_kept_days == 90


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


@pytest.mark.parametrize("on_lambda", [True, False])
def test_a_function_that_has_started_makes_its_clients_and_looks_for_garbage_again(
    monkeypatch: pytest.MonkeyPatch, *, on_lambda: bool
) -> None:
    """While it starts it does not; without it, what has cycles would fill the memory of an environment that lives."""
    made: list[bool] = []
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if on_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "a-function")
    before = gc.get_threshold()
    try:
        gc.set_threshold(500_000)

        start(lambda: made.append(True))

        assert made == [True] * on_lambda
        assert (gc.get_threshold() == GC_THRESHOLD) is on_lambda
        assert (gc.get_freeze_count() > 0) is on_lambda
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_only_a_function_that_is_told_of_a_pool_has_a_door_for_people() -> None:
    told = {"AWS_REGION": REGION, "USER_POOL_ID": f"{REGION}_pool", "USER_POOL_CLIENT_ID": "page"}

    door = build_runtime(ENVIRONMENT | told).people

    assert build_runtime(ENVIRONMENT).people is None
    assert door is not None
    assert door.audience == (f"https://cognito-idp.{REGION}.amazonaws.com/{REGION}_pool", "page")
