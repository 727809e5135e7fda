"""Hold a deployed stack against production: its resources, and the settings that a release relies on."""

import re
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

from ops.local.settings import ROOT
from ops.local.stack import LocalStack
from ops.local.translation import Translated
from ops.release.rehearsal_log import RehearsalFailedError, require
from ops.release.unsupported_resources import is_unsupported, stacks
from ops.release.watch_config import read_watch_config

_FUNCTION: Final = "AWS::Lambda::Function"
_TABLE: Final = "AWS::DynamoDB::Table"
_LOGS: Final = "AWS::Logs::LogGroup"
# Versions, layers and the API's deployment are named by digests of what they hold.
_DIGEST: Final = re.compile(r"(?<=[a-z])[0-9a-f]{10}$")


def resources(stack: LocalStack) -> Iterator[str]:
    """Require every resource of production, but for unsupported types. Raises RehearsalFailedError."""
    for name, production in stacks().items():
        wanted = {_DIGEST.sub("", name) for name, one in production.resources.items() if not is_unsupported(one)}
        deployed = set(_deployed(stack, _physical(stack, name)))
        require(wanted <= deployed, f"production has and the stack has not: {', '.join(sorted(wanted - deployed))}")
        require(deployed <= wanted, f"the stack has and production has not: {', '.join(sorted(deployed - wanted))}")
        yield f"{len(deployed)} of the {len(production.resources)} resources of {name or 'the stack'}"


def settings(stack: LocalStack) -> Iterator[str]:
    """Require alerts, logs, concurrency and tables set as production's. Raises RehearsalFailedError."""
    production, state = stacks()[""], stacks()["State"]
    yield from _alerts(stack)
    yield _retention(stack, production)
    yield _concurrency(stack, production)
    yield _tables(stack, state)


def _physical(stack: LocalStack, path: str) -> str:
    """Look up the physical name of a nested stack by its ``path`` of logical ids; "" is the root."""
    if not path:
        return stack.name
    parent, _, logical_id = path.rpartition("/")
    found = stack.client("cloudformation").describe_stack_resource(
        StackName=_physical(stack, parent), LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _deployed(stack: LocalStack, name: str) -> Iterator[str]:
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    for one in pages.search("StackResourceSummaries[]"):
        if one["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            yield _DIGEST.sub("", one["LogicalResourceId"])


def _alerts(stack: LocalStack) -> Iterator[str]:
    for signal in read_watch_config(ROOT).signals:
        name = f"{stack.name}-{signal.alarm}"
        [alarm] = stack.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"] or [{}]
        found = alarm.get("Threshold")
        require(found == signal.threshold, f"{name} has threshold {found}, not {signal.threshold:g}")
        yield f"{signal.alarm} at {signal.threshold:g}"


def _retention(stack: LocalStack, production: Translated) -> str:
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/{stack.name}/")["logGroups"]
    days = {one.get("retentionInDays") for one in groups}
    wanted = {one["Properties"]["RetentionInDays"] for one in production.of_type(_LOGS).values()}
    require(days == wanted, f"logs are kept for {days} days, not {wanted}")
    return f"{len(groups)} log groups kept for {', '.join(map(str, days))} days"


def _concurrency(stack: LocalStack, production: Translated) -> str:
    # ministack's CloudFormation leaves it out, and its Lambda holds to it.
    reserved = {
        stack.outputs[name]: int(function["Properties"]["ReservedConcurrentExecutions"])
        for name, function in production.of_type(_FUNCTION).items()
        if "ReservedConcurrentExecutions" in function["Properties"]
    }
    for name, executions in reserved.items():
        stack.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)
    return (
        f"{sum(reserved.values())} concurrent executions reserved for {len(reserved)} functions, through Lambda itself"
    )


def _tables(stack: LocalStack, state: Translated) -> str:
    client, tables = stack.client("dynamodb"), state.of_type(_TABLE)
    for name in tables:
        table = stack.outputs[name]
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        require(recovery == "ENABLED", f"point-in-time recovery of {table} is {recovery}")
        try:
            client.delete_table(TableName=table)
        except ClientError as refused:
            require(refused.response["Error"]["Code"] == "ValidationException", f"{table}: {refused}")
        else:
            raise RehearsalFailedError(f"{table} could be deleted")
    return f"{len(tables)} tables restorable to any second, and deletion of each refused"
