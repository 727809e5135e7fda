"""Parameters that decide who and what is believed: what CloudFormation takes for them, and which functions are told."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.aws.test_api import switched
from tests.aws.translated import ENVIRONMENTS, deployment

ROLES: Final = (
    "arn:aws:iam::123456789012:role/edge",
    "arn:aws:iam::123456789012:role/service/path/edge-1_+=,.@",
    "arn:aws-us-gov:iam::123456789012:role/edge",
    "arn:aws-cn:iam::123456789012:role/edge",
)
NO_ROLES: Final = (
    "edge",
    "*",
    " ",
    "arn:aws:iam::123456789012:role/",
    "arn:aws:iam::123456789012:user/edge",
    "arn:aws:iam::123456789012:root",
    "arn:aws:sts::123456789012:assumed-role/edge/session",
    "arn:aws:iam::*:role/edge",
    "arn:aws:iam::1234:role/edge",
    "arn:aws:iam::123456789012:role/edge x",
    "x arn:aws:iam::123456789012:role/edge",
)
# By the parameter: its variable, its values with the default first, and the functions that must know it.
SWITCHES: Final[Mapping[str, tuple[str, list[str], set[str]]]] = {
    "SubmissionIdentity": ("SUBMISSION_IDENTITY", ["asserted", "envelope"], {"WorkflowFunction"}),
    "TenantlessEnvelopes": (
        "TENANTLESS_ENVELOPES",
        ["allowed", "refused"],
        {"WorkflowFunction", "DecisionRoomFunction", "GrantsFunction", "AgentsFunction"},
    ),
    "ActionBinding": ("ACTION_BINDING", ["optional", "required"], {"WorkflowFunction"}),
    "UnknownAgents": ("UNKNOWN_AGENTS", ["allow", "escalate", "deny"], {"WorkflowFunction", "GrantsFunction"}),
    "TrustTokenBinding": ("TRUST_TOKEN_BINDING", ["optional", "required"], {"PolicyApplyFunction"}),
}


def _parameter(name: str) -> Mapping[str, Any]:
    parameter: Mapping[str, Any] = deployment("production").stacks[""].template["Parameters"][name]
    return parameter


def test_an_issuer_that_is_no_role_is_refused_before_anything_is_made() -> None:
    """CloudFormation holds each value of a list to the pattern, and no issuer at all to it too."""
    pattern = _parameter("EnvelopeIssuers")["AllowedPattern"]

    assert all(re.fullmatch(pattern, role) for role in ("", *ROLES))
    assert not any(re.fullmatch(pattern, entry) for entry in NO_ROLES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_reaches_the_functions_that_judge_by_it_and_its_default_is_as_before(
    environment: str, name: str
) -> None:
    variable, values, functions = SWITCHES[name]
    default, *stricter = values

    assert (_parameter(name)["Default"], _parameter(name)["AllowedValues"]) == (default, values)
    for value, stack in (
        (default, deployment(environment).stacks[""]),
        *((strict, switched(environment, **{name: strict})) for strict in stricter),
    ):
        told = {
            path: one["Properties"]["Environment"]["Variables"][variable]
            for path, one in stack.of_type("AWS::Lambda::Function").items()
            if variable in one["Properties"]["Environment"]["Variables"]
        }
        assert told == dict.fromkeys(functions, value)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_persons_decisions_share_their_concurrency_with_no_read(environment: str) -> None:
    """A read is refused for its envelope by the function itself, so it takes an environment all the same."""
    of = deployment(environment)
    [api] = of.of_type("AWS::ApiGateway::RestApi").values()
    served: dict[str, set[tuple[str, str]]] = {}
    for path, operations in api["Properties"]["Body"]["paths"].items():
        for method, operation in operations.items():
            uri = str(operation["x-amazon-apigateway-integration"]["uri"])
            [function] = {name for name in of.of_type("AWS::Lambda::Function") if f"{name}.Alias" in uri or name in uri}
            served.setdefault(function, set()).add((method, path))

    assert served["DecisionRoomFunction"] == {
        ("post", f"/workflow/decision-room/{act}") for act in ("action", "extend", "revoke")
    }
    assert served["PolicyApplyFunction"] == {("post", "/policy/apply")}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_arguments_are_kept_for_ever_by_default_and_only_the_sweep_is_told_for_how_long(environment: str) -> None:
    parameter = _parameter("ArgumentRetentionDays")
    assert (parameter["Default"], parameter["MinValue"], parameter["MaxValue"]) == (0, 0, 3650)

    for days, stack in (
        ("0", deployment(environment).stacks[""]),
        ("90", switched(environment, ArgumentRetentionDays="90")),
    ):
        told = {
            path: str(one["Properties"]["Environment"]["Variables"]["ARGUMENT_RETENTION_DAYS"])
            for path, one in stack.of_type("AWS::Lambda::Function").items()
            if "ARGUMENT_RETENTION_DAYS" in one["Properties"]["Environment"]["Variables"]
        }
        assert told == {"HitlExpiryFunction": days}
