"""``python -m ops status``: what it says, what it calls for, and what it says of what it cannot read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner

from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.incidents.incident import AlarmChange, Incident
from handshake.incidents.table import IncidentTransaction
from ops.commands.app import app
from ops.commands.common import UNREACHABLE
from ops.commands.status import _alarms, parts_of
from ops.local import deployment
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.metrics_events import NOW_MS
from tests.support.scripted import fault
from tests.support.service import Deployed, act, decided, unique

PARTS = [
    "deployment",
    "mutations",
    "alarms",
    "incidents",
    "approvals",
    "migrations",
    "projector",
    "notifier",
    "channels",
    "verification",
    "retention",
    "trustSecret",
    "deadLetters",
]


@pytest.fixture
def service(operated: LocalStack) -> Iterator[Deployed]:
    """The deployed service with every migration applied, and an operator's credentials in the environment."""
    assert _ops("migrate", "--apply").exit_code == 0
    yield Deployed.on(operated)
    _ops("resume")


def _ops(*words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--stack", STACK_NAME])


def _status() -> tuple[int, dict[str, Any]]:
    answer = _ops("status", "--json")
    return answer.exit_code, json.loads(answer.stdout)


@pytest.mark.usefixtures("service")
def test_every_part_of_a_deployed_stack_can_be_read() -> None:
    _, told = _status()

    assert [name for name in PARTS if "unread" in told[name]] == []
    assert told["deployment"]["environment"] == "local"
    assert told["migrations"]["pending"] == []
    assert told["alarms"]["count"] > 3
    assert told["trustSecret"]["currentAgeMs"] > 0
    assert set(told["deadLetters"]["queues"]) == {
        *("AlarmTriage", "MetricsProjector", "Notifier", "Scheduled"),
        *("Topic", "Slack", "Webhook"),
    }


def test_no_value_of_the_trust_secret_is_shown(service: Deployed) -> None:
    assert service.trust_key.decode() not in _ops("status").stdout + _ops("status", "--json").stdout


@pytest.mark.usefixtures("service")
def test_a_pause_calls_for_attention_until_resumed() -> None:
    _ops("pause")
    code, paused = _status()
    _ops("resume")
    _, resumed = _status()

    assert (code, paused["attention"], paused["mutations"]["attention"]) == (1, True, True)
    assert "PAUSED since" in paused["mutations"]["said"]
    assert "by arn:aws:iam::" in paused["mutations"]["said"]
    assert (resumed["mutations"]["paused"], resumed["mutations"]["attention"]) == (False, False)


def test_pending_approvals_are_counted_with_the_age_of_the_oldest(service: Deployed) -> None:
    request = decided(service, "escalate")
    waiting = _status()[1]["approvals"]
    act(service, request)

    # How many others wait is up to other tests, and to the sweep; tests/requests counts exactly.
    assert waiting["pending"] >= 1
    assert waiting["oldestPendingMs"] > 0
    assert not waiting["attention"]


@pytest.mark.usefixtures("service")
def test_an_open_incident_calls_for_attention_until_it_has_recovered() -> None:
    change = AlarmChange(unique("alert"), "ALARM", "OK", NOW_MS, "because", "look")
    incident, context = Incident.of(change), deployment.find(STACK_NAME).context()
    opening = IncidentTransaction(context)
    opening.open_incident(incident)
    assert opening.commit()
    code, told = _status()
    recovery = IncidentTransaction(context.within(RETRY_BUDGET_S))
    recovery.recover(incident.id, at_ms=NOW_MS + 1)
    assert recovery.commit()

    assert code == 1
    assert told["incidents"]["attention"]
    assert incident.id in told["incidents"]["open"]
    assert incident.id not in _status()[1]["incidents"]["open"]


@pytest.mark.usefixtures("service")
def test_a_dead_letter_calls_for_attention(stack: LocalStack) -> None:
    sqs, url = stack.client("sqs"), stack.outputs["ScheduledDeadLetters"]
    sqs.send_message(QueueUrl=url, MessageBody="a run that failed")
    code, told = _status()
    sqs.purge_queue(QueueUrl=url)

    assert code == 1
    assert told["deadLetters"]["attention"]
    assert told["deadLetters"]["queues"]["Scheduled"] >= 1


@pytest.mark.usefixtures("service")
def test_a_projector_that_was_stopped_calls_for_attention(stack: LocalStack) -> None:
    client, name = stack.client("lambda"), stack.functions["metrics_projector"]
    [mapping] = client.list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        code, told = _status()
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    assert code == 1
    assert told["projector"]["attention"]
    assert not _status()[1]["projector"]["attention"]


@pytest.mark.usefixtures("service")
def test_a_notifier_that_reads_one_of_its_streams_alone_calls_for_attention(stack: LocalStack) -> None:
    client, name = stack.client("lambda"), stack.functions["notifier"]
    mappings = client.list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mappings[0]["UUID"], Enabled=False)
    try:
        code, told = _status()
    finally:
        client.update_event_source_mapping(UUID=mappings[0]["UUID"], Enabled=True)

    assert code == 1
    assert len(mappings) == 2
    assert told["notifier"]["attention"]
    assert not _status()[1]["notifier"]["attention"]


def test_a_migration_that_waits_calls_for_attention(service: Deployed) -> None:
    key = {"kv_key": {"S": "migration#0002_appended_at"}}
    service.dynamodb.delete_item(TableName=service.tables.runtime_kv, Key=key)

    code, told = _status()

    assert code == 1
    assert told["migrations"]["pending"] == ["0002_appended_at"]


@pytest.mark.usefixtures("service")
def test_a_firing_alarm_calls_for_attention_and_is_named(stack: LocalStack) -> None:
    cloudwatch = stack.client("cloudwatch")
    name = unique("drill")
    # Of no namespace that anything else watches, and removed at the end.
    cloudwatch.put_metric_alarm(
        AlarmName=f"{STACK_NAME}-{name}",
        Namespace="StatusTest",
        MetricName="x",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    try:
        cloudwatch.set_alarm_state(AlarmName=f"{STACK_NAME}-{name}", StateValue="ALARM", StateReason="a test")
        code, told = _status()
    finally:
        cloudwatch.delete_alarms(AlarmNames=[f"{STACK_NAME}-{name}"])

    assert code == 1
    assert name in told["alarms"]["alarm"]


@pytest.mark.usefixtures("service")
def test_people_get_a_screen_with_every_part() -> None:
    screen = _ops("status").stdout

    for name in ("deployment", "mutations", "alarms", "trust secret", "dead letters"):
        assert name in screen


@pytest.mark.usefixtures("service")
def test_a_stack_that_is_not_there_cannot_be_reached() -> None:
    answer = CliRunner().invoke(app, ["status", "--stack", "no-such-stack"])

    assert answer.exit_code == UNREACHABLE
    assert "no-such-stack" in answer.stderr


class _Failing:
    """A client of a service that does not answer."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def __getattr__(self, operation: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise self._failure

        return call


@pytest.mark.parametrize(
    ("service_name", "concerns"),
    [
        ("cloudformation", {"deployment"}),
        ("lambda", {"deployment", "projector", "notifier"}),
        ("cloudwatch", {"alarms"}),
        ("secretsmanager", {"trustSecret"}),
        ("sqs", {"deadLetters"}),
        (
            "dynamodb",
            {"mutations", "incidents", "approvals", "grants", "migrations", "channels", "verification", "retention"},
        ),
    ],
)
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (fault("AccessDeniedException"), "AccessDenied"),
        (EndpointConnectionError(endpoint_url="x"), "EndpointConnectionError"),
    ],
    ids=["denied", "silent"],
)
@pytest.mark.usefixtures("service")
def test_a_part_that_cannot_be_read_says_so_and_keeps_none_of_the_others(
    service_name: str, concerns: set[str], failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deployment.Deployment.client

    def client(found: deployment.Deployment, name: str) -> Any:
        return _Failing(failure) if name == service_name else real(found, name)

    found = deployment.find(STACK_NAME)
    monkeypatch.setattr(deployment.Deployment, "client", client)

    parts = parts_of(found, STACK_NAME, now_ms=NOW_MS)

    assert {name for name, part in parts.items() if "unread" in part.facts} == concerns
    for name in concerns:
        assert parts[name].attention
        assert said in parts[name].text or service_name == "dynamodb"


class _Alarms:
    """A CloudWatch with thirty-eight metric alarms, of which two fire and thirty-four have no data, and a composite."""

    def get_paginator(self, _: str) -> "_Alarms":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        states = ["ALARM"] * 2 + ["INSUFFICIENT_DATA"] * 34 + ["OK"] * 2
        metric = [{"AlarmName": f"some-alarm{n:02}", "StateValue": state} for n, state in enumerate(states)]
        return [{"MetricAlarms": metric, "CompositeAlarms": [{"AlarmName": "some-page", "StateValue": "ALARM"}]}]


def test_alarms_are_counted_in_a_line_and_named_for_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    target = deployment.Deployment(deployment.new_session("a", "b", region="us-east-1"), None, {})
    monkeypatch.setattr(deployment.Deployment, "client", lambda *_, **__: _Alarms())

    part = _alarms(target, "some")

    assert part.text == ("2 of 38 in ALARM: alarm00, alarm01; the composite page too; 34 of 38 without data")
    assert part.facts["count"] == 39
    assert len(part.facts["insufficientData"]) == 34
    assert part.attention
