"""python -m ops watch: follow the signals of ops/release/watch.yaml after a release, and say go or roll back."""

import json
import operator
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Stack, failure_code, say
from ops.local.settings import ROOT, STACK_NAME
from ops.verdict import CannotJudgeError

if TYPE_CHECKING:
    from ops.release.watch_config import Signal

GO: Final = 0
CANNOT_SAY: Final = 1
ROLL_BACK: Final = 3

_EVERY_S: Final = 20.0
# A day's watch is read afterwards: what changed, and that it still looked.
_SAY_AGAIN: Final = timedelta(hours=1)
_NAMESPACE: Final = "Handshake"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass
class Seen:
    """The state of one signal in the window. ``calls`` is how many calls its metric was taken of.

    ``enough`` says whether it counted the signal's minimum of calls while it was over its threshold.
    """

    signal: "Signal"
    state: str = "missing"
    fired_at: datetime | None = None
    calls: int = 0
    worst: float = 0.0
    enough: bool = True


@dataclass
class Outcome:
    """The verdict: an exit code, its sentence, and the signals that it rests on."""

    code: int
    sentence: str
    seen: list[Seen] = field(default_factory=list)


def follow(
    cloudwatch: Any,
    stack: str,
    signals: "Sequence[Signal]",
    *,
    seconds: float,
    say: Callable[[str], None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Look every twenty seconds until the window is over, or a signal says roll back.

    ``say`` is given a line a signal at the first look, where a state has changed, and every hour.
    An alarm that fired and recovered between two looks counts: its history is read, not only its state. A rate of fewer
    calls than the signal's minimum is looked into, and is no reason to roll back. Without a single call in the window
    nothing is known, so that is no go.
    """
    began = now()
    shown, shown_at = list[str](), began
    while True:
        seen = [_look(cloudwatch, stack, signal, since=began, until=now()) for signal in signals]
        states = [one.state for one in seen]
        if states != shown or now() - shown_at >= _SAY_AGAIN:
            shown, shown_at = states, now()
            for one in seen:
                say(f"{one.state:<5} {one.signal.alarm}: {one.signal.statistic} {one.worst:g} of {one.calls} calls")
        if missing := [one.signal.alarm for one in seen if one.state == "missing"]:
            return Outcome(CANNOT_SAY, f"no such alarm: {', '.join(missing)}", seen)
        if fired := [one for one in seen if one.fired_at and one.enough and one.signal.verdict == "roll_back"]:
            return Outcome(ROLL_BACK, f"roll back: {', '.join(one.signal.alarm for one in fired)} fired", seen)
        left = seconds - (now() - began).total_seconds()
        if left <= 0:
            break
        pause(min(_EVERY_S, left))
    if not any(one.calls for one in seen):
        return Outcome(CANNOT_SAY, "cannot say: nobody called while it watched", seen)
    looked_at = [one.signal.alarm for one in seen if one.fired_at]
    return Outcome(GO, "go" + (f"; look into {', '.join(looked_at)}" if looked_at else ""), seen)


def watch(
    stack: Stack = STACK_NAME,
    window: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, as 90s, 30m or 4h; the configured hours without it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Follow the three signals after a release, and say go or roll back.

    A signal that fires ends the watch at once, with what to do first; a rate, once enough calls were denied. The alarms
    themselves roll back while a deployment still shifts traffic; after that, this says when you should.

    It says what it sees at first, whenever an alarm changes, and every hour.

    Ends with 0 for go, 3 for roll back, 1 where it cannot say (no alarm, no call, no answer), 2 where it was called
    wrongly, 69 where the stack cannot be reached.
    """
    # The gate's module reads templates with SAM's translator, which takes a second to import.
    from ops.local import deployment
    from ops.release.watch_config import read_watch_config

    def said(line: str) -> None:
        say(f"{datetime.now(UTC):%H:%M:%S} {line}", stderr=True)

    try:
        config = read_watch_config(ROOT)
        seconds = _seconds(window) if window else config.hours * 3600.0
        cloudwatch = deployment.find(stack).client("cloudwatch")
        outcome = follow(
            cloudwatch,
            stack,
            config.signals,
            seconds=seconds,
            say=said,
        )
    except CannotJudgeError as error:
        outcome = Outcome(CANNOT_SAY, str(error))
    except Exception as error:
        if (code := failure_code(error)) is None:
            raise
        outcome = Outcome(code, str(error))
    fired = [one for one in outcome.seen if one.fired_at]
    if as_json:
        print(
            json.dumps(
                {"said": outcome.sentence, "exitCode": outcome.code, "signals": list(map(_as_json, outcome.seen))}
            )
        )
    else:
        say(outcome.sentence)
        for action in (action for one in fired for action in one.signal.actions):
            say(f"  {action.do}")
            print(f"    {action.run}")  # whole, to be copied
    raise typer.Exit(outcome.code)


def _look(cloudwatch: Any, stack: str, signal: "Signal", *, since: datetime, until: datetime) -> Seen:
    name = f"{stack}-{signal.alarm}"
    alarms = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    seen = Seen(signal)
    if not alarms:
        return seen
    seen.state = alarms[0]["StateValue"]
    history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", StartDate=since)
    fired = [one["Timestamp"] for one in history["AlarmHistoryItems"] if one["HistorySummary"].endswith("to ALARM")]
    fired = [at for at in fired if at >= since]
    if seen.state == "ALARM":
        fired.append(alarms[0].get("StateUpdatedTimestamp", until))
    seen.fired_at = min(fired, default=None)
    # By whole periods, the first of them included; and what an alarm that rings already was decided on.
    begins = since.replace(second=0, microsecond=0)
    earlier = begins - timedelta(seconds=signal.period_seconds * signal.of)
    points = _points(cloudwatch, stack, signal, start=earlier, end=until + timedelta(seconds=signal.period_seconds))
    within = [point for point in points if point.at >= begins]
    seen.calls = int(sum(point.calls for point in within))
    seen.worst = max((point.value for point in within), default=0.0)
    seen.enough = signal.minimum == 1 or _is_enough(signal, points)
    return seen


@dataclass(frozen=True)
class _Point:
    """A period of a signal: its statistic, how many calls it counted, and how many there were."""

    at: datetime
    value: float
    counted: float
    calls: float


def _points(cloudwatch: Any, stack: str, signal: "Signal", *, start: datetime, end: datetime) -> list[_Point]:
    """Read a signal's periods, oldest first. A day of minutes is more than GetMetricStatistics gives."""
    metric = {
        "Namespace": _NAMESPACE,
        "MetricName": signal.metric,
        "Dimensions": [{"Name": "service", "Value": stack}],
    }
    queries = [
        {"Id": name, "MetricStat": {"Metric": metric, "Period": signal.period_seconds, "Stat": statistic}}
        for name, statistic in (("value", signal.statistic), ("counted", "Sum"), ("calls", "SampleCount"))
    ]
    read: dict[str, dict[datetime, float]] = {"value": {}, "counted": {}, "calls": {}}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end
    )
    for result in pages.search("MetricDataResults[]"):
        read[result["Id"]] |= zip(result["Timestamps"], result["Values"], strict=True)
    return [_Point(at, value, read["counted"][at], read["calls"][at]) for at, value in sorted(read["value"].items())]


def _is_enough(signal: "Signal", points: Sequence[_Point]) -> bool:
    """Say whether the alarm's M of N periods were over the threshold with the minimum counted in each.

    It is what the signal's release alarm asks, which is made on AWS only.
    """
    reaches = operator.gt if signal.comparison == "GreaterThanThreshold" else operator.ge
    over = [one.at for one in points if reaches(one.value, signal.threshold) and one.counted >= signal.minimum]
    window = timedelta(seconds=signal.period_seconds * signal.of)
    return any(last - first < window for first, last in zip(over, over[signal.datapoints - 1 :], strict=False))


def _as_json(seen: Seen) -> dict[str, Any]:
    return {
        "alarm": seen.signal.alarm,
        "state": seen.state,
        "firedAt": seen.fired_at and seen.fired_at.isoformat(),
        "calls": seen.calls,
        "worst": seen.worst,
        "enough": seen.enough,
        "actions": [action.run for action in seen.signal.actions] if seen.fired_at else [],
    }


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)([smh])", text)
    if not match or not int(match[1]):
        raise typer.BadParameter("a time is a number and s, m or h, as 90s", param_hint="--for")
    return float(int(match[1]) * _UNITS[match[2]])
