"""alarms/template.yaml: the contract's alerts, and what every alarm owes to whom it wakes."""

import json
import re
from functools import cache
from typing import Any

import pytest

from handshake.dynamo import runtime_kv as flags
from ops.local.cloudwatch.definitions import COMPOSITE_ALARM, METRIC_ALARM
from ops.local.settings import ROOT
from ops.local.translation import scheduled_functions, translate

RUNBOOKS = ROOT / "alarms" / "runbooks"
ENVIRONMENTS = ("local", "staging", "production")

# Contract section 6: default (which local has), staging, production.
ALERTS: dict[str, dict[str, Any]] = {
    "alert_replay_guard_unavailable": {
        "MetricName": "ReplayGuardUnavailable",
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "periods": (1, 1),
        "thresholds": (1, 1, 1),
    },
    "alert_denial_spike": {
        "MetricName": "SecurityDenied",
        "Statistic": "Average",
        "ComparisonOperator": "GreaterThanThreshold",
        "periods": (3, 5),
        "thresholds": (0.4, 0.6, 0.3),
    },
    "alert_tenant_mismatch_spike": {
        "MetricName": "TenantMismatchDenied",
        "Statistic": "Average",
        "ComparisonOperator": "GreaterThanThreshold",
        "periods": (3, 5),
        "thresholds": (0.1, 0.2, 0.05),
    },
}
# Contract section 7, p95 in milliseconds.
SERVICE_LEVELS = {
    "POST /workflow/requests": 200,
    "POST /workflow/decision-room/action": 250,
    "POST /policy/apply": 300,
    "GET /metrics/summary": 250,
    "GET /metrics/series": 300,
}


STACK = translate(ROOT / "template.yaml", {"AWS::StackName": "handshake", "Environment": "production"})
WATCHING = translate(ROOT / "alarms/template.yaml", {"Service": "handshake", "Environment": "production"})


@cache
def alarms(environment: str = "production") -> dict[str, dict[str, Any]]:
    """By name without the service's, the properties of every alarm, as deployed to ``environment``."""
    stack = translate(ROOT / "alarms/template.yaml", {"Service": "handshake", "Environment": environment})
    return {
        resource["Properties"]["AlarmName"].removeprefix("handshake-"): dict(resource["Properties"])
        for resource in stack.of_type(METRIC_ALARM, COMPOSITE_ALARM).values()
    }


ALL = sorted(alarms())
METRIC = sorted(name for name, properties in alarms().items() if "AlarmRule" not in properties)
# Alarms of their own tell of what these count: tests/aws/test_release_alarms.py.
TELL_NOBODY = {"release-denials", "release-tenant_mismatches", "release-function_errors"}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the alarm's metric, or those that its expression is made of."""
    return [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one] or [alarm]


def dimensions(metric: dict[str, Any]) -> dict[str, str]:
    """Read a metric's dimensions, or those of an alarm on one metric."""
    return {one["Name"]: one["Value"] for one in metric["Dimensions"]}


def functions() -> dict[str, str]:
    """Function names, without the stack's, by logical id."""
    return {
        logical_id: resource["Properties"]["FunctionName"].removeprefix("handshake-")
        for logical_id, resource in STACK.of_type("AWS::Lambda::Function").items()
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_the_contracts_in_every_environment(alert: str, environment: str) -> None:
    expected, found = ALERTS[alert], alarms(environment)[alert]

    assert {name: found[name] for name in ("Namespace", "MetricName", "Statistic", "ComparisonOperator")} == {
        "Namespace": "Handshake",
        **{name: expected[name] for name in ("MetricName", "Statistic", "ComparisonOperator")},
    }
    assert dimensions(found) == {"service": "handshake"}
    assert found["Period"] == 60
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"]) == expected["periods"]
    assert found["TreatMissingData"] == "notBreaching"
    assert float(found["Threshold"]) == expected["thresholds"][ENVIRONMENTS.index(environment)]


def test_each_service_level_has_an_alarm_at_its_p95() -> None:
    slow = [alarm for alarm in alarms().values() if alarm.get("MetricName") == "Latency"]

    assert {dimensions(alarm)["endpoint"]: alarm["Threshold"] for alarm in slow} == SERVICE_LEVELS
    for alarm in slow:
        assert alarm["ExtendedStatistic"] == "p95"
        assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_an_alarm_on_its_errors_and_throttles(metric: str) -> None:
    watched = {dimensions(alarm)["FunctionName"] for alarm in alarms().values() if alarm.get("MetricName") == metric}

    assert watched == {f"handshake-{name}" for name in functions().values()}


def test_api_errors_averages_what_the_access_log_says_of_every_call() -> None:
    filters = [one["Properties"] for one in STACK.of_type("AWS::Logs::MetricFilter").values()]
    line = json.loads(STACK.resources["ApiproductionStage"]["Properties"]["AccessLogSetting"]["Format"])
    alarm = alarms()["api_errors"]

    metrics = {
        (one["MetricNamespace"], one["MetricName"], one["Dimensions"][0]["Key"], one["Dimensions"][0]["Value"])
        for rule in filters
        for one in rule["MetricTransformations"]
    }
    assert metrics == {(alarm["Namespace"], alarm["MetricName"], "service", "$.service")}
    assert dimensions(alarm) == {"service": line["service"]}
    assert {rule["FilterPattern"]: rule["MetricTransformations"][0]["MetricValue"] for rule in filters} == {
        '{ $.status = "5*" }': "1",
        '{ $.status != "5*" }': "0",
    }
    assert line["status"] == "$context.status", "a text, as the patterns want it"
    assert alarm["Statistic"] == "Average"


def test_every_function_is_named_after_its_folder() -> None:
    folders = {name: STACK.resources[name]["Properties"]["Code"]["S3Key"] for name in functions()}

    assert functions() == {
        logical_id: folder.removeprefix("functions/").replace("_", "-") for logical_id, folder in folders.items()
    }


def test_every_dead_letter_queue_has_an_alarm() -> None:
    properties = [resource["Properties"] for resource in STACK.of_type("AWS::SQS::Queue").values()]
    # What has dead letters of its own is none.
    queues = {each["QueueName"] for each in properties if "RedrivePolicy" not in each}
    watched = {dimensions(alarm)["QueueName"] for alarm in alarms().values() if alarm.get("Namespace") == "AWS/SQS"}

    assert watched == queues


def test_scheduled_work_that_does_not_run_is_noticed_by_its_silence() -> None:
    runs = [alarm for alarm in alarms().values() if alarm.get("MetricName") == "Runs"]

    assert {dimensions(alarm)["job"] for alarm in runs} == set(scheduled_functions(ROOT))
    assert {alarm["TreatMissingData"] for alarm in runs} == {"breaching"}


@pytest.mark.parametrize("name", ALL)
def test_an_alarms_description_is_the_first_steps_of_its_runbook(name: str) -> None:
    title, *steps, last = alarms()[name]["AlarmDescription"].splitlines()

    assert title.endswith(".")
    assert [step.split(" ", 1)[0] for step in steps] == [f"{number}." for number in range(1, len(steps) + 1)]
    assert len(steps) >= 3
    assert last == f"Runbook: alarms/runbooks/{name.split('-', maxsplit=1)[0]}.md"
    assert len(alarms()[name]["AlarmDescription"]) <= 1024  # CloudWatch's bound


@pytest.mark.parametrize("name", sorted({*ALL} - TELL_NOBODY))
def test_an_alarm_tells_its_topic_when_it_fires_and_when_it_recovers(name: str) -> None:
    # A page goes straight to people; everything else is triaged first.
    topic = {"Ref": "Incidents"} if name == "page" else {"Ref": "AlarmStates"}
    properties = alarms()[name]

    assert properties["AlarmActions"] == [topic]
    assert properties["OKActions"] == [topic]
    assert properties.get("ActionsEnabled", True)


@pytest.mark.parametrize("name", METRIC)
def test_an_alarm_says_what_missing_data_means(name: str) -> None:
    assert alarms()[name]["TreatMissingData"] in ("breaching", "notBreaching", "ignore")


@pytest.mark.parametrize("name", METRIC)
def test_an_alarm_watches_one_stack_only(name: str) -> None:
    for metric in metrics(alarms()[name]):
        named = {key: value for key, value in dimensions(metric).items() if key in NAMED}
        assert named
        assert all(value.startswith("handshake") for value in named.values())


NAMED = {"service", "FunctionName", "QueueName", "ApiName"}


def test_what_takes_a_release_back_is_on_aws_only_which_knows_metric_math() -> None:
    assert {name for name, alarm in alarms().items() if "Metrics" in alarm} == TELL_NOBODY
    assert alarms("staging").keys() == alarms().keys()
    assert alarms().keys() - alarms("local").keys() == TELL_NOBODY | {"page"}


def test_a_release_watches_the_errors_of_every_function_that_answers_the_api() -> None:
    answering = {
        resource["Properties"]["FunctionName"]["Ref"].removesuffix("Aliaslive")
        for resource in STACK.of_type("AWS::Lambda::Permission").values()
        if resource["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }
    watched = {dimensions(metric)["FunctionName"] for metric in metrics(alarms()["release-function_errors"])}

    assert watched == {f"handshake-{functions()[logical_id]}" for logical_id in answering}


def test_the_three_alerts_and_many_denials_page() -> None:
    rule = WATCHING.resources["Page"]["Properties"]["AlarmRule"]["Fn::Sub"]

    for alarm in ("ReplayGuardUnavailable", "DenialSpike", "TenantMismatchSpike", "ManyDenials"):
        assert f'ALARM("${{{alarm}}}")' in rule
    assert " AND " not in rule


def test_evidence_that_was_changed_pages() -> None:
    assert 'ALARM("${EvidenceBroken}")' in WATCHING.resources["Page"]["Properties"]["AlarmRule"]["Fn::Sub"]


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("", True),
        ("bot", True),
        ("bot,another:agent/2", True),
        (",".join(["a"] * 20), True),
        (",".join(["a"] * 21), False),
        ("bot,", False),
        (",bot", False),
        ("bot, another", False),
        ("b" * 257, False),
    ],
)
def test_agents_to_stop_are_named_with_commas_between_and_no_more_than_one_transaction_stops(
    value: str, *, taken: bool
) -> None:
    pattern = STACK.template["Parameters"]["StopAgentsOnDenialAlert"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, value)) == taken


def test_triage_may_set_the_pause_flag_and_stop_agents_only_where_that_is_wanted() -> None:
    root = STACK.template
    [policy] = root["Resources"]["AlarmTriageRole"]["Properties"]["Policies"]
    [keys] = [
        statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "dynamodb:PutItem" in statement.get("Action", ())
    ]
    [stopping] = [
        statement["Fn::If"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Fn::If", [""])[0] == "StopsAgentsOnDenialAlert"
    ]

    named = stopping[1]["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert (named, stopping[2]) == (["AGENT#*"], {"Ref": "AWS::NoValue"})
    assert root["Parameters"]["StopAgentsOnDenialAlert"]["Default"] == ""
    assert keys == [
        "incident#*",
        {"Fn::If": ["PausesOnReplayGuardAlert", flags.PAUSE_KEY["kv_key"], {"Ref": "AWS::NoValue"}]},
    ]
    assert root["Parameters"]["PauseOnReplayGuardAlert"]["Default"] == "false"
