"""The watch after a release: go, roll back, or cannot say."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.commands.common import UNREACHABLE
from ops.commands.watch import CANNOT_SAY, GO, ROLL_BACK, Outcome, follow
from ops.local.settings import ROOT
from ops.release.watch_config import Signal, read_watch_config

START = datetime(2026, 3, 5, 12, tzinfo=UTC)
SIGNALS = read_watch_config(ROOT).signals
ALARM = "alert_denial_spike"


@dataclass
class CloudWatch:
    """Alarms and metrics over time: when each alarm fired and recovered, and how many calls there were.

    From the start on there are ``calls`` a minute, of which ``denied`` were.
    """

    fired: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    calls: int = 10
    denied: int = 9
    missing: str = ""
    now: datetime = START

    def describe_alarms(self, *, AlarmNames: list[str]) -> Any:  # noqa: N803 - the client's names
        [name] = AlarmNames
        if name == f"stack-{self.missing}":
            return {"MetricAlarms": []}
        begins, ends = self._times(name)
        return {"MetricAlarms": [{"StateValue": "ALARM" if begins <= self.now < ends else "OK"}]}

    def describe_alarm_history(self, *, AlarmName: str, HistoryItemType: str, StartDate: datetime) -> Any:  # noqa: N803 - AWS's own names
        assert HistoryItemType == "StateUpdate"
        begins, ends = self._times(AlarmName)
        items = [(begins, "Alarm updated from OK to ALARM"), (ends, "Alarm updated from ALARM to OK")]
        return {
            "AlarmHistoryItems": [
                {"Timestamp": at, "HistorySummary": said} for at, said in items if StartDate <= at <= self.now
            ]
        }

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_metric_data"
        return SimpleNamespace(paginate=lambda **asked: SimpleNamespace(search=lambda _: self._results(**asked)))

    def _results(self, *, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime) -> Iterator[Any]:  # noqa: N803 - AWS's own names
        values = {"Average": self.denied / (self.calls or 1), "Sum": float(self.denied), "SampleCount": self.calls}
        assert EndTime > self.now
        since = max(START, StartTime)
        minutes = [START + timedelta(minutes=minute) for minute in range(24 * 60) if self.calls]
        times = [at for at in minutes if since <= at <= self.now]
        for query in MetricDataQueries:
            stat = query["MetricStat"]
            assert stat["Metric"]["Dimensions"] == [{"Name": "service", "Value": "stack"}]
            yield {"Id": query["Id"], "Timestamps": times, "Values": [float(values[stat["Stat"]])] * len(times)}

    def _times(self, name: str) -> tuple[datetime, datetime]:
        begins, ends = self.fired.get(name.removeprefix("stack-"), (1e9, 1e9))
        return START + timedelta(seconds=begins), START + timedelta(seconds=ends)


def _follow(cloudwatch: CloudWatch, seconds: float = 120, say: Callable[[str], None] = lambda _: None) -> Outcome:
    def pause(for_s: float) -> None:
        cloudwatch.now += timedelta(seconds=for_s)

    return follow(cloudwatch, "stack", SIGNALS, seconds=seconds, say=say, now=lambda: cloudwatch.now, pause=pause)


def test_a_quiet_window_with_calls_is_a_go_at_its_end() -> None:
    cloudwatch = CloudWatch(denied=0)
    outcome = _follow(cloudwatch)

    assert (outcome.code, outcome.sentence) == (GO, "go")
    assert cloudwatch.now == START + timedelta(seconds=120)
    assert {one.calls for one in outcome.seen} == {30}


@pytest.mark.parametrize("alarm", [signal.alarm for signal in SIGNALS])
def test_an_alarm_that_fires_ends_the_watch_with_a_roll_back(alarm: str) -> None:
    cloudwatch = CloudWatch(fired={alarm: (190, 1000)})
    outcome = _follow(cloudwatch, 600)

    assert (outcome.code, outcome.sentence) == (ROLL_BACK, f"roll back: {alarm} fired")
    assert cloudwatch.now == START + timedelta(seconds=200)


RATES = [signal for signal in SIGNALS if signal.statistic == "Average"]


@pytest.mark.parametrize("signal", RATES, ids=lambda signal: signal.alarm)
@pytest.mark.parametrize("denied", [1, 4])
def test_a_rate_of_few_denied_calls_is_looked_into_and_rolls_nothing_back(signal: Signal, denied: int) -> None:
    outcome = _follow(CloudWatch(fired={signal.alarm: (190, 1000)}, calls=denied, denied=denied), 600)

    assert (outcome.code, outcome.sentence) == (GO, f"go; look into {signal.alarm}")


@pytest.mark.parametrize("signal", RATES, ids=lambda signal: signal.alarm)
def test_a_rate_rolls_back_from_its_minimum_on(signal: Signal) -> None:
    outcome = _follow(CloudWatch(fired={signal.alarm: (190, 1000)}, calls=5, denied=5), 600)

    assert (signal.minimum, outcome.code) == (5, ROLL_BACK)


def test_an_alarm_that_recovered_between_two_looks_counts() -> None:
    assert _follow(CloudWatch(fired={ALARM: (201, 219)}), 600).code == ROLL_BACK


def test_an_alarm_that_rings_already_is_no_go() -> None:
    assert _follow(CloudWatch(fired={ALARM: (-300, 1000)})).code == ROLL_BACK


def test_an_alarm_that_recovered_before_the_window_is_no_reason() -> None:
    assert _follow(CloudWatch(fired={ALARM: (-300, -10)})).code == GO


def test_a_watch_of_hours_says_what_changes_and_each_hour_all_of_it() -> None:
    said: list[str] = []
    looking = next(signal.alarm for signal in SIGNALS if signal.verdict == "roll_back")

    _follow(CloudWatch(), seconds=4 * 3600, say=said.append)

    assert len(said) == len(SIGNALS) * (4 + 1)
    assert max(map(len, said)) + len("12:00:00 ") <= 80

    said.clear()
    _follow(CloudWatch(fired={looking: (600, 1000)}), seconds=4 * 3600, say=said.append)
    assert len(said) == 2 * len(SIGNALS)
    assert f"ALARM {looking}: " in said[-len(SIGNALS) + [one.alarm for one in SIGNALS].index(looking)]


def test_without_an_alarm_it_cannot_say() -> None:
    outcome = _follow(CloudWatch(missing=ALARM))

    assert (outcome.code, outcome.sentence) == (CANNOT_SAY, f"no such alarm: {ALARM}")


def test_without_a_call_it_cannot_say() -> None:
    assert _follow(CloudWatch(calls=0)).code == CANNOT_SAY


@pytest.mark.parametrize("window", ["0s", "5", "h", "-1h", "1d"])
def test_a_window_that_is_no_time_is_a_usage_error(window: str) -> None:
    assert CliRunner().invoke(app, ["watch", f"--for={window}"]).exit_code == 2


def test_a_stack_that_is_not_there_cannot_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ended = CliRunner().invoke(app, ["watch", "--for", "1s", "--json"])

    assert ended.exit_code == UNREACHABLE
    assert json.loads(ended.stdout)["signals"] == []
