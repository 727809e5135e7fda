"""The rule to a queue: which of Handshake's events reach it, as deployed to an emulator."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from ops.local.settings import REGION, ROOT

TEMPLATE: Final = ROOT / "examples/eventbridge/template.yaml"
BUS: Final = "handshake-events"
# The emulator knows no policies of queues; the last test reads the template for that.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..SQS..QueuePolicy")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Clients, by service, of an account that has the stack's event bus."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        boto3.client("events", REGION).create_event_bus(Name=BUS)
        yield lambda service: boto3.client(service, REGION)


def _deployed(aws: Any, tenant: str) -> str:
    """Deploy the template and return its queue's URL."""
    parameters = {"EventBusName": BUS, "TenantId": tenant}
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    aws("cloudformation").create_stack(StackName="to-a-queue", TemplateBody=TEMPLATE.read_text(), Parameters=given)
    [stack] = aws("cloudformation").describe_stacks(StackName="to-a-queue")["Stacks"]
    return str(stack["Outputs"][0]["OutputValue"])


def _told(aws: Any, url: str) -> list[str]:
    """Put one event of each kind on the bus, and one of another source, and say which reached the queue."""
    kinds = ["escalated", "reminded", "extended", "decided", "expired"]
    events = [("handshake", f"request.{kind}", "acme") for kind in kinds]
    others = [("handshake", "agent.changed", "acme"), ("elsewhere", "request.escalated", "acme")]
    others += [("handshake", "request.escalated", "another")]
    for source, kind, tenant in [*events, *others]:
        detail = json.dumps({"eventId": f"{source} {kind} {tenant}", "event": kind, "version": 1, "tenantId": tenant})
        entry = {"EventBusName": BUS, "Source": source, "DetailType": kind, "Detail": detail}
        aws("events").put_events(Entries=[entry])
    messages: list[Any] = []
    while more := aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages += more
    return sorted(json.loads(message["Body"])["detail"]["eventId"] for message in messages)


WANTED: Final = [f"handshake request.{kind} acme" for kind in ("decided", "escalated", "expired", "reminded")]


def test_escalations_of_a_tenant_reach_its_queue(aws: Any) -> None:
    assert _told(aws, _deployed(aws, "acme")) == WANTED


def test_without_a_tenant_those_of_every_tenant_do(aws: Any) -> None:
    assert _told(aws, _deployed(aws, "")) == sorted([*WANTED, "handshake request.escalated another"])


def test_only_the_rule_may_send_and_the_template_is_sound() -> None:
    lint = subprocess.run(  # noqa: S603 - our own words
        [Path(sys.executable).with_name("cfn-lint"), TEMPLATE], capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout) == (0, "")
    text = TEMPLATE.read_text()
    assert 'ArnEquals: {"aws:SourceArn": !GetAtt Escalations.Arn}' in text
