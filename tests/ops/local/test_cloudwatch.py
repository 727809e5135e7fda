"""Metrics and alarms of the deployed stack, from the functions' own log lines."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.service import Deployed, decided, get, own


def _until(holds: Callable[[], Any], *, seconds: float) -> Any:
    """The first truth ``holds`` tells; fails where it tells none in time."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.5)
    return found


def _sum(stack: LocalStack, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
    now = datetime.now(UTC)
    told = stack.client("cloudwatch").get_metric_statistics(
        Namespace="Handshake",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in {"service": STACK_NAME, **dimensions}.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )
    return float(sum(point[statistic] for point in told["Datapoints"]))


def test_each_call_counts_once_in_each_metric_of_its_line_under_exactly_its_dimensions(stack: LocalStack) -> None:
    service = Deployed.on(stack)
    request = decided(service, "escalate")
    where = {"endpoint": "GET /workflow/requests/{requestId}"}
    why = {"reason_code": "security_read_tenant_mismatch"}
    time.sleep(2)  # what earlier tests called is counted
    before = (_sum(stack, "TenantMismatchDenied"), _sum(stack, "Denied", **where, **why))
    calls = _sum(stack, "Latency", "SampleCount", **where)

    elsewhere = own(request, principalId="somebody-else", tenantId="elsewhere", scopes=["workflow:read:tenant"])
    refused = [get(service, f"/workflow/requests/{request['requestId']}", envelope=elsewhere) for _ in range(3)]

    assert {reply.reason for reply in refused} == {"security_read_tenant_mismatch"}
    _until(lambda: _sum(stack, "Latency", "SampleCount", **where) >= calls + 3, seconds=10)
    time.sleep(2)  # nothing is counted again
    assert (_sum(stack, "TenantMismatchDenied"), _sum(stack, "Denied", **where, **why)) == (
        before[0] + 3,
        before[1] + 3,
    )
    assert _sum(stack, "Latency", "SampleCount", **where) == calls + 3
    assert _sum(stack, "Denied") == 0


@pytest.mark.waits
@pytest.mark.timeout(180)
def test_every_alarm_is_evaluated_and_scheduled_work_is_seen_to_run(stack: LocalStack) -> None:
    def states() -> dict[str, str]:
        pages = stack.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100)
        return {one["AlarmName"]: one["StateValue"] for one in pages["MetricAlarms"] + pages["CompositeAlarms"]}

    def undecided() -> set[str]:
        # A percentile of the few calls that tests make is not evaluated, and leaves its alarm as it was.
        waiting = {name for name, state in states().items() if state == "INSUFFICIENT_DATA"}
        return {name for name in waiting if not name.startswith(f"{STACK_NAME}-slow-")}

    _until(lambda: not undecided(), seconds=150)
    evaluated = states()

    assert f"{STACK_NAME}-page" in evaluated
    running = {name: state for name, state in evaluated.items() if "-not_running-" in name}
    assert set(running.values()) == {"OK"}
    assert len(running) == 3


@pytest.mark.waits
@pytest.mark.timeout(180)
def test_a_state_that_data_contradicts_is_set_right_within_a_minute(stack: LocalStack) -> None:
    name, cloudwatch = f"{STACK_NAME}-alert_replay_guard_unavailable", stack.client("cloudwatch")

    def state(of: str) -> str:
        told = cloudwatch.describe_alarms(AlarmNames=[of], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        [one] = told["MetricAlarms"] + told["CompositeAlarms"]
        return str(one["StateValue"])

    _until(lambda: state(name) == "OK", seconds=150)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    assert state(f"{STACK_NAME}-page") == "ALARM"

    _until(lambda: state(name) == "OK", seconds=70)
    assert state(f"{STACK_NAME}-page") == "OK"
