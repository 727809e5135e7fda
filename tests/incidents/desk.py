"""One AWS in this process with a service on it whose alarms are triaged, and what is seen of it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import EndpointConnectionError

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.runtime_kv import PAUSE_KEY
from handshake.incidents import table as incidents
from handshake.incidents.cloudwatch import Metrics
from handshake.incidents.deployment import Deployment
from handshake.incidents.incident import AlarmChange, Incident, Signal
from handshake.incidents.investigate import Sources
from handshake.incidents.logs import CallLogs
from handshake.incidents.topic import Topic
from handshake.incidents.triage import Desk
from handshake.metrics.rollup import Bucket
from handshake.metrics.rollup_table import RollupTransaction
from tests.conftest import Engine
from tests.support.engines import client_of

SERVICE = "handshake-test"
GROUP = f"/{SERVICE}/workflow"
FIRED_MS = 1_795_480_260_000  # 2026-11-24 00:31:00 UTC
NOW_MS = FIRED_MS + 5_000
STEPS = "Too many denials.\n1. Look.\nRunbook: alarms/runbooks/alert_denial_spike.md"
FIRED = AlarmChange(
    alert="alert_denial_spike",
    state="ALARM",
    previous="OK",
    at_ms=FIRED_MS,
    reason="Threshold Crossed",
    first_steps=STEPS,
    signal=Signal("Handshake", "SecurityDenied", {"service": SERVICE}, 60, "Average"),
)
CLEARED = replace(FIRED, state="OK", previous="ALARM", at_ms=FIRED_MS + 192_000)
GUARDS = replace(FIRED, alert="alert_replay_guard_unavailable")
PARTS = {"signal", "deployment", "endpoints", "reasons", "series", "callers"}


@dataclass
class Aws:
    """One AWS in this process, with a service on it whose alarms are triaged."""

    context: Context
    desk: Desk
    clients: dict[str, Any]
    queue: str

    def told(self) -> list[dict[str, Any]]:
        """The notifications since the last look, oldest first."""
        found = self.clients["sqs"].receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.clients["sqs"].delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def incident(self, incident_id: str) -> Incident:
        found = incidents.read(self.context.dynamo, self.context.tables.runtime_kv, incident_id)
        assert found is not None
        return found

    def break_down(self, *services: str) -> Callable[[], None]:
        """Let no call to these services be answered, until what is returned is called."""

        def silent(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://nowhere")

        for service in services:
            self.clients[service].meta.events.register_first("before-call", silent)

        def mend() -> None:
            for service in services:
                self.clients[service].meta.events.unregister("before-call", silent)

        return mend

    @property
    def paused(self) -> dict[str, Any]:
        [item] = self.context.dynamo.batch_get([(self.context.tables.runtime_kv, PAUSE_KEY)])
        return item or {}


def aws_with_denials(moto_tables: Engine) -> Aws:
    dynamodb, tables = moto_tables
    names = ("cloudwatch", "logs", "cloudformation", "sns", "sqs")
    clients = {name: client_of(name) for name in names} | {"dynamodb": dynamodb}
    topic = clients["sns"].create_topic(Name="incidents")["TopicArn"]
    queue = clients["sqs"].create_queue(QueueName="people")["QueueUrl"]
    clients["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:people")
    clients["logs"].create_log_group(logGroupName=GROUP)
    clients["logs"].create_log_stream(logGroupName=GROUP, logStreamName="one")
    clients["cloudformation"].meta.events.register("before-call", _describe_stacks)
    sources = Sources(
        metrics=Metrics(clients["cloudwatch"]),
        logs=CallLogs(clients["logs"], [GROUP]),
        deployment=Deployment(clients["cloudformation"], SERVICE, version="7"),
        seconds=lambda: 0.0,
    )
    context = Context(Dynamo(dynamodb, clock=lambda: 0.0, pause=lambda _: None), tables, lambda: NOW_MS, lambda: "id")
    aws = Aws(context, Desk(SERVICE, sources, Topic(clients["sns"], topic)), clients, queue)
    _record_denials(aws)
    return aws


def _describe_stacks(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
    """moto's CloudFormation would import the whole of moto."""
    assert f"StackName={SERVICE}" in str(params["body"]).replace("': '", "=")
    deployed = datetime(2026, 11, 23, 18, 4, tzinfo=UTC)
    stack = {"CreationTime": deployed, "LastUpdatedTime": deployed, "StackStatus": "UPDATE_COMPLETE"}
    return SimpleNamespace(status_code=200), {"Stacks": [stack]}


def _record_denials(aws: Aws) -> None:
    """Give what the service leaves behind of forty refused reads by one tenant, and of one good call."""
    at = datetime.fromtimestamp((FIRED_MS - 60_000) / 1000, UTC)
    where = {"service": SERVICE, "endpoint": "GET /workflow/requests/{requestId}"}
    for name, dimensions, calls, value in (
        ("SecurityDenied", {"service": SERVICE}, 4, 0.75),
        ("Denied", where | {"reason_code": "security_read_tenant_mismatch"}, 40, 1.0),
        ("Denied", where | {"reason_code": "hitl_request_not_found"}, 3, 1.0),
        ("Retried", where | {"reason_code": "hitl_request_not_found"}, 7, 1.0),
        ("Denied", where | {"service": "another", "reason_code": "security_token_invalid"}, 99, 1.0),
    ):
        aws.clients["cloudwatch"].put_metric_data(
            Namespace="Handshake",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    "Timestamp": at,
                    "StatisticValues": {
                        "SampleCount": calls,
                        "Sum": calls * value,
                        "Minimum": 0,
                        "Maximum": 1,
                    },
                }
            ],
        )
    lines = [
        {"message": "handled", "status": 403, "tenant": "aa11", "principal": f"p{n}", "correlation_id": f"c-{n}"}
        for n in range(40)
    ] + [{"message": "handled", "status": 200, "tenant": "bb22", "principal": "good", "correlation_id": "fine"}]
    aws.clients["logs"].put_log_events(
        logGroupName=GROUP,
        logStreamName="one",
        logEvents=[{"timestamp": FIRED_MS - 30_000 + n, "message": json.dumps(line)} for n, line in enumerate(lines)],
    )
    counted = Counter(events=10, denied=8, security_denied=8, family_security=8, family_policy=2)
    tx = RollupTransaction(aws.context)
    tx.add_rollup(Bucket.holding("hour", NOW_MS), counted)
    assert tx.commit()
