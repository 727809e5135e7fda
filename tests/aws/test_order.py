"""Every permission that AWS asks for while it makes a resource is there before the resource is.

Lambda refuses a function that traces, or an event source mapping that reads, while the role may not yet. CloudFormation
makes things in the order of their references alone, so what is attached to a role afterwards comes in any order.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import pytest

from tests.aws.iam import Grant, grants_of
from tests.aws.translated import ENVIRONMENTS, Deployment, deployment


class Need(NamedTuple):
    """Names what ``resource`` cannot be made, or cannot work, without: ``action`` on ``arn`` for ``role``."""

    resource: str
    why: str
    role: str
    action: str
    arn: str


def dependencies(of: Deployment) -> dict[str, set[str]]:
    """Map each resource to those that exist before it.

    A nested stack is there when all it holds is; what it holds waits for whatever its own resource waits for.
    """
    graph = {path: set(of.references(path)) for path in of.resources}
    for path in of.resources:
        nest = path
        while nest := nest.rpartition("/")[0]:
            graph[path] |= set(of.references(nest))
            graph[nest].add(path)
    return graph


@cache
def preceding(environment: str) -> Mapping[str, frozenset[str]]:
    """Map each resource to all that certainly exist before it, however the rest is ordered."""
    graph = dependencies(deployment(environment))
    before: dict[str, frozenset[str]] = {}
    for path in TopologicalSorter(graph).static_order():
        before[path] = frozenset(graph[path].union(*(before[one] for one in graph[path])))
    return before


def needs(of: Deployment) -> Iterator[Need]:
    """List what every function, mapping, destination and schedule needs of the role it acts in."""
    for path, resource in of.resources.items():
        match resource["Type"]:
            case "AWS::Lambda::Function":
                yield from _of_function(of, path)
            case "AWS::Lambda::EventSourceMapping" | "AWS::Lambda::EventInvokeConfig":
                yield from _of_invocation(of, path)
            case "AWS::Scheduler::Schedule":
                target = resource["Properties"]["Target"]
                role = _target(of, path, target["RoleArn"])
                yield Need(path, "schedule", role, "lambda:InvokeFunction", of.value(path, target["Arn"]))
                if "DeadLetterConfig" in target:
                    queue = of.value(path, target["DeadLetterConfig"]["Arn"])
                    yield Need(path, "dead letters", role, "sqs:SendMessage", queue)


def _of_function(of: Deployment, path: str) -> Iterator[Need]:
    properties = of.resources[path]["Properties"]
    role = _target(of, path, properties["Role"])
    if properties.get("TracingConfig", {}).get("Mode") == "Active":
        for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
            yield Need(path, "tracing", role, action, "*")
    if "LogGroup" in properties.get("LoggingConfig", {}):
        group = of.target(path, properties["LoggingConfig"]["LogGroup"])
        assert group is not None, f"{path} logs to a group that nobody makes"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Need(path, "log group", role, action, of.arn(group))
    if "DeadLetterConfig" in properties:
        yield _delivery(of, path, "dead letters", role, properties["DeadLetterConfig"]["TargetArn"])
    if "KmsKeyArn" in properties:
        yield Need(path, "KMS", role, "kms:Decrypt", of.value(path, properties["KmsKeyArn"]))


def _of_invocation(of: Deployment, path: str) -> Iterator[Need]:
    properties = of.resources[path]["Properties"]
    function = _target(of, path, properties["FunctionName"])
    if of.resources[function]["Type"] == "AWS::Lambda::Alias":
        function = _target(of, function, of.resources[function]["Properties"]["FunctionName"])
    role = _target(of, function, of.resources[function]["Properties"]["Role"])
    source = of.value(path, properties.get("EventSourceArn", ""))
    if ":dynamodb:" in source:
        for action in ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"):
            yield Need(path, "event source", role, action, source)
        yield Need(path, "event source", role, "dynamodb:ListStreams", "*")
    if ":sqs:" in source:
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
            yield Need(path, "event source", role, action, source)
    for outcome, destination in properties.get("DestinationConfig", {}).items():
        yield _delivery(of, path, outcome, role, destination["Destination"])


def _delivery(of: Deployment, path: str, why: str, role: str, to: Any) -> Need:
    arn = of.value(path, to)
    return Need(path, why, role, {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[arn.split(":")[2]], arn)


def _target(of: Deployment, path: str, value: Any) -> str:
    found = of.target(path, value)
    assert found is not None, f"{path} refers to nothing that is deployed: {value}"
    return found


ALL = [(environment, need) for environment in ENVIRONMENTS for need in needs(deployment(environment))]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_waits_for_itself(environment: str) -> None:
    TopologicalSorter(dependencies(deployment(environment))).prepare()


@pytest.mark.parametrize(("environment", "need"), ALL, ids=[f"{e}-{n.resource}-{n.action}" for e, n in ALL])
def test_a_permission_is_there_before_what_needs_it(environment: str, need: Need) -> None:
    granting: list[Grant] = [
        grant for grant in grants_of(deployment(environment), need.role) if grant.allows(need.action, need.arn)
    ]
    before = preceding(environment)[need.resource]

    assert granting, f"{need.role} may never {need.action} on {need.arn}, which {need.resource} needs for {need.why}"
    assert any(grant.policy in before for grant in granting), (
        f"{need.resource} ({need.why}) may be made before {[grant.policy for grant in granting]} allow {need.action}"
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_function_traces_and_writes_to_a_group_of_its_own(environment: str) -> None:
    functions = deployment(environment).of_type("AWS::Lambda::Function")
    asked = {(need.resource, need.why) for env, need in ALL if env == environment}

    assert {(path, why) for path in functions for why in ("tracing", "log group")} <= asked


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_secrets_manager_may_invoke_the_rotation_before_it_is_scheduled(environment: str) -> None:
    of = deployment(environment)
    invocable = {
        _target(of, path, permission["Properties"]["FunctionName"]): path
        for path, permission in of.of_type("AWS::Lambda::Permission").items()
        if permission["Properties"]["Principal"] == "secretsmanager.amazonaws.com"
    }
    schedules = of.of_type("AWS::SecretsManager::RotationSchedule")

    assert schedules
    for path, schedule in schedules.items():
        function = _target(of, path, schedule["Properties"]["RotationLambdaARN"])
        assert invocable[function] in preceding(environment)[path]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_stage_logs_only_once_the_account_has_its_log_role(environment: str) -> None:
    of = deployment(environment)
    stages = [
        path for path, one in of.of_type("AWS::ApiGateway::Stage").items() if one["Properties"].get("AccessLogSetting")
    ]

    assert stages
    for account in of.of_type("AWS::ApiGateway::Account"):
        for stage in stages:
            assert account in preceding(environment)[stage]
