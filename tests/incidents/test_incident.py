"""Tests what is understood of CloudWatch's messages about alarms."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.incidents.incident import AlarmChange, Incident, MalformedAlarmError, Signal, parse_alarm_change

# As CloudWatch sends it.
TOLD: dict[str, Any] = {
    "AlarmName": "handshake-production-alert_denial_spike",
    "AlarmDescription": "Too many denials.\n1. Look.\nRunbook: alarms/runbooks/alert_denial_spike.md",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 3 out of the last 5 datapoints were greater than the threshold (0.3).",
    "StateChangeTime": "2026-11-24T00:31:12.345+0000",
    "Region": "EU (Ireland)",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:handshake-production-alert_denial_spike",
    "OldStateValue": "OK",
    "Trigger": {
        "MetricName": "SecurityDenied",
        "Namespace": "Handshake",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "handshake-production", "name": "service"}],
        "Period": 60,
        "EvaluationPeriods": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.3,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    },
}
SERVICE = "handshake-production"


def _parse(**changed: Any) -> AlarmChange:
    told = {name: value for name, value in (TOLD | changed).items() if value is not ...}
    return parse_alarm_change(json.dumps(told), service=SERVICE)


def test_a_change_is_read_as_cloudwatch_sends_it() -> None:
    assert _parse() == AlarmChange(
        alert="alert_denial_spike",
        state="ALARM",
        previous="OK",
        at_ms=1_795_480_272_345,
        reason=TOLD["NewStateReason"],
        first_steps=TOLD["AlarmDescription"],
        signal=Signal("Handshake", "SecurityDenied", {"service": SERVICE}, 60, "Average"),
    )


@pytest.mark.parametrize(
    ("told", "statistic"),
    [
        ({"Statistic": "SUM"}, "Sum"),
        ({"Statistic": "SAMPLE_COUNT"}, "SampleCount"),
        ({"Statistic": "SampleCount"}, "SampleCount"),
        ({"Statistic": "Maximum"}, "Maximum"),
        ({"StatisticType": "ExtendedStatistic", "ExtendedStatistic": "p95"}, "p95"),
    ],
)
def test_a_statistic_gets_the_name_that_reading_it_takes(told: dict[str, str], statistic: str) -> None:
    signal = _parse(Trigger=TOLD["Trigger"] | told).signal

    assert signal is not None
    assert signal.statistic == statistic


@pytest.mark.parametrize("name", ["OldStateValue", "NewStateReason", "AlarmDescription"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_what_a_change_does_not_say_is_empty(name: str, value: Any) -> None:
    change = _parse(**{name: value})

    read = {"OldStateValue": change.previous, "NewStateReason": change.reason, "AlarmDescription": change.first_steps}
    assert read[name] == ""


@pytest.mark.parametrize("trigger", [..., None, {}, {"Namespace": "Handshake"}, {"Dimensions": ["x"]}])
def test_a_change_without_a_metric_of_its_own_has_no_signal(trigger: Any) -> None:
    assert _parse(Trigger=trigger).signal is None


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"AlarmName": ...}, "AlarmName"),
        ({"AlarmName": "other-stack-alert_denial_spike"}, "AlarmName"),
        ({"AlarmName": "handshake-production-"}, "AlarmName"),
        ({"AlarmName": "handshake-production-a#b"}, "AlarmName"),
        ({"AlarmName": "handshake-production-" + "a" * 129}, "AlarmName"),
        ({"NewStateValue": "BROKEN"}, "NewStateValue"),
        ({"StateChangeTime": "yesterday"}, "StateChangeTime"),
        ({"StateChangeTime": "2026-11-24T00:31:12"}, "StateChangeTime"),
        ({"StateChangeTime": 17}, "StateChangeTime"),
        ({"Trigger": "none"}, "Trigger"),
    ],
)
def test_a_message_that_is_no_change_of_this_service_is_named(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(MalformedAlarmError, match=says):
        _parse(**changed)


@given(st.one_of(st.text(), st.none(), st.integers(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_any_other_message_is_refused_as_malformed(message: object) -> None:
    with pytest.raises(MalformedAlarmError):
        parse_alarm_change(message, service=SERVICE)


def test_a_message_nested_without_end_is_refused() -> None:
    with pytest.raises(MalformedAlarmError):
        parse_alarm_change("[" * 100_000, service=SERVICE)


def test_what_is_kept_of_a_message_is_bounded() -> None:
    change = _parse(NewStateReason="r" * 10_000, AlarmDescription="d" * 10_000)

    assert (len(change.reason), len(change.first_steps)) == (500, 1024)


def test_the_same_change_delivered_twice_is_one_incident_and_the_next_is_another() -> None:
    ids = [Incident.of(_parse(StateChangeTime=f"2026-11-24T00:31:{s}+0000")).id for s in ("12", "12", "13")]

    assert ids == ["alert_denial_spike-20261124T003112Z"] * 2 + ["alert_denial_spike-20261124T003113Z"]
