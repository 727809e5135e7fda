"""Alarm to incident and notification, as deployed."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.service import Deployed, decided, get

ALERT = "alert_tenant_mismatch_spike"
FOUND_WITHIN_S = 60

Found = TypeVar("Found")


@pytest.fixture
def people(stack: LocalStack) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give what people who subscribe to incidents have been told since the last look."""
    sqs, sns = stack.client("sqs"), stack.client("sns")
    queue = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=stack.outputs["IncidentsTopic"], Protocol="sqs", Endpoint=arn)

    def told() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    yield told
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)


def _operate(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--stack", STACK_NAME])


def _announce(stack: LocalStack, state: str, before: str, at: datetime) -> None:
    """Publish a change of state as CloudWatch would."""
    [alarm] = stack.client("cloudwatch").describe_alarms(AlarmNames=[f"{STACK_NAME}-{ALERT}"])["MetricAlarms"]
    message = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm["AlarmDescription"],
        "NewStateValue": state,
        "OldStateValue": before,
        "NewStateReason": "Threshold Crossed: 3 datapoints were greater than the threshold (0.1).",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Trigger": {
            "Namespace": alarm["Namespace"],
            "MetricName": alarm["MetricName"],
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Period": alarm["Period"],
            "Dimensions": [{"name": one["Name"], "value": one["Value"]} for one in alarm["Dimensions"]],
        },
    }
    topic = stack.outputs["AlarmStatesTopic"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    stack.client("sns").publish(TopicArn=topic, Message=json.dumps(message), Subject=f"{state}: {ALERT}")


def _eventually(look: Callable[[], Found | None]) -> Found:
    until = time.monotonic() + FOUND_WITHIN_S
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.2)
    pytest.fail(f"nothing after {FOUND_WITHIN_S} s")


def test_an_alarm_becomes_an_incident_and_a_notification_and_is_closed_when_it_recovers(
    operated: LocalStack, people: Callable[[], list[dict[str, Any]]]
) -> None:
    service = Deployed.on(operated)
    request = decided(service, "allow")
    stranger = {"principalId": "mallory", "scopes": ["workflow:read:tenant"], "tenantId": "elsewhere"}
    refused = get(service, f"/workflow/requests/{request['requestId']}", envelope=stranger)
    assert refused.reason == "security_read_tenant_mismatch"
    fired = datetime.now(UTC).replace(microsecond=0)
    incident_id = f"{ALERT}-{fired:%Y%m%dT%H%M%SZ}"

    _announce(operated, "ALARM", "OK", fired)

    [told] = _eventually(lambda: [one for one in people() if incident_id in one["Message"]])
    assert told["Subject"] == f"ALARM {ALERT} on {STACK_NAME}"
    assert "Runbook: alarms/runbooks/alert_tenant_mismatch_spike.md" in told["Message"]
    assert "Not known" not in told["Message"], told["Message"]

    def shown() -> dict[str, Any] | None:
        answer = _operate("incidents", "show", incident_id, "--json")
        found: dict[str, Any] = json.loads(answer.output) if answer.exit_code == 0 else {}
        return found if found.get("findings") else None

    incident = _eventually(shown)
    callers = incident["findings"]["callers"]
    assert incident["state"] == "open"
    assert refused.headers["x-correlation-id"] in callers["correlationIds"]
    assert "mallory" not in json.dumps(incident)
    assert "elsewhere" not in json.dumps(incident)
    assert incident_id in _operate("incidents").output

    _announce(operated, "OK", "ALARM", fired.replace(microsecond=1000))
    [told] = _eventually(lambda: [one for one in people() if incident_id in one["Message"]])
    assert told["Subject"] == f"OK {ALERT} on {STACK_NAME}"
    assert _eventually(lambda: (found := shown()) and found["state"] == "recovered" and found)["recoveredAt"]


@pytest.mark.usefixtures("operated")
def test_an_incident_that_is_not_there_is_named() -> None:
    answer = _operate("incidents", "show", "no-such-incident")

    assert answer.exit_code == 1
    assert "no-such-incident" in answer.output


def test_triage_writes_incidents_and_by_default_nothing_else(stack: LocalStack) -> None:
    role = stack.client("lambda").get_function_configuration(FunctionName=stack.functions["alarm_triage"])["Role"]
    policy = stack.client("iam").get_role_policy(RoleName=role.rpartition("/")[2], PolicyName="least-privilege")
    writes = [
        statement for statement in policy["PolicyDocument"]["Statement"] if "dynamodb:PutItem" in statement["Action"]
    ]

    # The simulator does not weigh leading keys, so the condition itself is read.
    assert [statement["Condition"] for statement in writes] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["incident#*"]}}
    ]
