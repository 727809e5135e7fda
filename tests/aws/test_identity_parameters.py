"""Parameters that decide who and what is believed, and for how long: what CloudFormation takes, and who is told."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from ops.local.translation import Translated, nested
from tests.aws.iam import listed
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
    "HumanAssurance": ("HUMAN_ASSURANCE", ["issuer_asserted", "oidc"], {"DecisionRoomFunction"}),
    "AgentAssertions": (
        "AGENT_ASSERTIONS",
        ["believed", "ignored"],
        {"WorkflowFunction", "PolicyFunction", "GrantsFunction"},
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
    assert served["PolicyApplyFunction"] == {("post", "/policy/apply"), ("post", "/policy/tools")}


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


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_messages_link_to_no_room_by_default_and_only_who_writes_them_is_told_where_it_is(environment: str) -> None:
    parameter = _parameter("RoomUrl")
    allowed = re.compile(parameter["AllowedPattern"])
    for url, taken in {
        "": True,
        "https://room.example.com/": True,
        "http://room.example.com/": False,
        "https://room.example.com/?a=b": False,
        "https://room.example.com/#x": False,
        "javascript:alert(1)": False,
    }.items():
        assert bool(allowed.fullmatch(url)) is taken, url
    for url, stack in (
        ("", deployment(environment).stacks[""]),
        ("https://room.example.com/", switched(environment, RoomUrl="https://room.example.com/")),
    ):
        told = {
            path: one["Properties"]["Environment"]["Variables"]["ROOM_URL"]
            for path, one in stack.of_type("AWS::Lambda::Function").items()
            if "ROOM_URL" in one["Properties"]["Environment"]["Variables"]
        }
        assert told == {"ChannelsFunction": url}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_who_decides_or_claims_is_told_how_long_an_effect_may_begin(environment: str) -> None:
    parameter = _parameter("ExecuteWithinSeconds")
    assert (parameter["Default"], parameter["MinValue"], parameter["MaxValue"]) == (300, 30, 86_400)

    for seconds, stack in (
        ("300", deployment(environment).stacks[""]),
        ("3600", switched(environment, ExecuteWithinSeconds="3600")),
    ):
        told = {
            path: str(one["Properties"]["Environment"]["Variables"]["EXECUTE_WITHIN_SECONDS"])
            for path, one in stack.of_type("AWS::Lambda::Function").items()
            if "EXECUTE_WITHIN_SECONDS" in one["Properties"]["Environment"]["Variables"]
        }
        assert told == dict.fromkeys(("WorkflowFunction", "DecisionRoomFunction", "GrantsFunction"), seconds)


# By the value of GrantKeys: the keys that there are.
GRANT_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "first": ("FirstGrantKey",),
    "both": ("FirstGrantKey", "SecondGrantKey"),
    "second": ("SecondGrantKey",),
}


def test_one_key_signs_grants_by_default() -> None:
    assert (_parameter("GrantKeys")["Default"], _parameter("GrantKeys")["AllowedValues"]) == ("first", [*GRANT_KEYS])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("value", GRANT_KEYS)
def test_the_keys_that_there_are_the_grants_function_alone_knows_and_may_sign_with(
    environment: str, value: str
) -> None:
    names = GRANT_KEYS[value]
    stack = switched(environment, GrantKeys=value)
    state = nested(stack, "State")
    arns = [{"Fn::GetAtt": ["State", f"Outputs.{name}Arn"]} for name in names]

    assert sorted(state.of_type("AWS::KMS::Key")) == sorted(names)
    assert {one["Properties"]["TargetKeyId"]["Ref"] for one in state.of_type("AWS::KMS::Alias").values()} == {*names}
    known = {
        path: {key: arn for key, arn in one["Properties"]["Environment"]["Variables"].items() if "GRANT_KEY" in key}
        for path, one in stack.of_type("AWS::Lambda::Function").items()
    }
    variables = {"FirstGrantKey": "FIRST_GRANT_KEY", "SecondGrantKey": "SECOND_GRANT_KEY"}
    told = {variables[name]: arn for name, arn in zip(names, arns, strict=True)}
    assert {path: keys for path, keys in known.items() if keys} == {"GrantsFunction": told}
    signs = {role: found for role in stack.of_type("AWS::IAM::Role") if (found := _allowed(stack, role, "kms:Sign"))}
    assert signs == {"GrantsRole": arns}
    # When a key was made is asked only where there are two to choose from.
    assert _allowed(stack, "GrantsRole", "kms:DescribeKey") == (arns if value == "both" else [])


def _allowed(stack: Translated, role: str, action: str) -> list[Any]:
    """List the resources on which ``role`` may do ``action``."""
    return [
        resource
        for policy in stack.resources[role]["Properties"].get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
