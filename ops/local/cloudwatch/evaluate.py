"""Decide the state of a metric alarm, as CloudWatch does.

After Amazon's "Alarm evaluation", "Alarm evaluation window", "Configuring how CloudWatch alarms treat missing data" and
"Percentile-based alarms and low data samples". Where those leave room:

- A window slides by the minute (by 10 s for periods under a minute), or keeps to the clock where the alarm says so.
  Only periods that are over count.
- More data points are fetched than EvaluationPeriods, as the documentation's examples show: two more.
- Too few samples for a percentile means over all data points that are evaluated together.
- Where only breaching data points are there, too recent and too few to alarm, and missing data is missing or
  ignored, the state stays.
- Percentiles are exact, with linear interpolation; Amazon's are estimates over bins.

Not modelled: metric math, anomaly detection, trimmed statistics, Metrics Insights, time zones of wall clock windows,
actions that repeat (Auto Scaling), muting.
"""

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from ops.local.cloudwatch.alarms import MetricAlarm, Missing, Sample, State, UnmodelledAlarmError

_FETCHED_BESIDE: Final = 2
_ALWAYS_IGNORES_MISSING: Final = "AWS/DynamoDB"
_COMPARISONS: Final[dict[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True)
class Datapoint:
    """One period's statistic. ``start_s`` is epoch seconds; ``samples`` is how many values it is made of."""

    start_s: float
    value: float
    samples: float


@dataclass(frozen=True)
class Evaluation:
    """``datapoints`` covers the evaluation range, oldest first, with None for a period without data."""

    state: State
    reason: str
    datapoints: tuple[Datapoint | None, ...]


def tick_s(alarm: MetricAlarm) -> int:
    """Return how many seconds an alarm's window moves by, and so how often it is evaluated."""
    return alarm.period_s if alarm.wall_clock else min(alarm.period_s, 10 if alarm.period_s < 60 else 60)


def range_s(alarm: MetricAlarm) -> int:
    """Return how many seconds back data can matter to an alarm."""
    return alarm.period_s * (alarm.evaluation_periods + _FETCHED_BESIDE)


def datapoints(alarm: MetricAlarm, samples: Iterable[Sample], *, now_s: float) -> tuple[Datapoint | None, ...]:
    """Compute the evaluation range's data points, oldest first, from the samples of the alarm's metric."""
    end = now_s // tick_s(alarm) * tick_s(alarm)
    periods = alarm.evaluation_periods + _FETCHED_BESIDE
    start = end - periods * alarm.period_s
    found: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.metric == alarm.metric and alarm.unit in (None, sample.unit):
            found[int((sample.time_s - start) // alarm.period_s)].append(sample)
    return tuple(
        Datapoint(
            start + index * alarm.period_s, _statistic(alarm, found[index]), sum(one.count for one in found[index])
        )
        if index in found
        else None
        for index in range(periods)
    )


def evaluate(alarm: MetricAlarm, samples: Iterable[Sample], *, now_s: float, state: State) -> Evaluation:
    """Decide the state of ``alarm``, now in ``state``, at ``now_s`` (epoch seconds).

    Raises UnmodelledAlarmError for a comparison or a statistic that is not modelled.
    """
    if alarm.comparison not in _COMPARISONS:
        raise UnmodelledAlarmError(f"{alarm.name}: comparison {alarm.comparison} is not modelled")
    points = datapoints(alarm, samples, now_s=now_s)
    real = [point for point in points if point is not None][-alarm.evaluation_periods :]
    if real and not alarm.evaluates_low_samples and sum(point.samples for point in real) < _enough(alarm):
        return Evaluation(state, "Too few samples for the percentile: the state stays.", points)
    decided = _decide(alarm, points, real, state)
    return Evaluation(decided, _reason(alarm, real, decided), points)


def _decide(alarm: MetricAlarm, points: Sequence[Datapoint | None], real: Sequence[Datapoint], state: State) -> State:
    needed = alarm.datapoints_to_alarm
    breaching = sum(_breaches(alarm, point) for point in real)
    filled = alarm.evaluation_periods - len(real)
    missing = Missing.IGNORE if alarm.metric.namespace == _ALWAYS_IGNORES_MISSING else alarm.missing
    if filled and missing is Missing.BREACHING:
        breaching += filled
    if breaching >= needed:
        return State.ALARM
    if not filled or missing in (Missing.BREACHING, Missing.NOT_BREACHING):
        return State.OK
    if not real:
        return State.INSUFFICIENT_DATA if missing is Missing.MISSING else state
    if breaching < len(real):
        return State.OK
    # Only breaching ones, fewer than it takes. An old one is not waited on for company, a new one is.
    age = len(points) - points.index(real[0])
    return State.ALARM if missing is Missing.MISSING and age >= needed else state


def _breaches(alarm: MetricAlarm, point: Datapoint) -> bool:
    compare, _ = _COMPARISONS[alarm.comparison]
    return compare(point.value, alarm.threshold)


def _statistic(alarm: MetricAlarm, samples: Sequence[Sample]) -> float:
    if alarm.percentile is not None:
        return _interpolated(samples, alarm.percentile)
    count = sum(sample.count for sample in samples)
    total = sum(sample.value * sample.count for sample in samples)
    match alarm.statistic:
        case "Sum":
            return total
        case "Average":
            return total / count
        case "SampleCount":
            return count
        case "Minimum":
            return min(sample.value for sample in samples)
        case "Maximum":
            return max(sample.value for sample in samples)
        case unknown:
            raise UnmodelledAlarmError(f"{alarm.name}: statistic {unknown} is not modelled")


def _interpolated(samples: Sequence[Sample], percentile: float) -> float:
    ordered = sorted((sample.value, sample.count) for sample in samples)
    last_ranks = list(accumulate(count for _, count in ordered))
    rank = percentile / 100 * (last_ranks[-1] - 1)

    def at(wanted: float) -> float:
        return next(
            (value for (value, _), last in zip(ordered, last_ranks, strict=True) if wanted < last), ordered[-1][0]
        )

    low = at(int(rank))
    return low + (rank - int(rank)) * (at(int(rank) + 1) - low)


def _enough(alarm: MetricAlarm) -> float:
    """Return how many samples it takes before a percentile says something."""
    if alarm.percentile is None:
        return 0
    nearest_end = min(alarm.percentile, 100 - alarm.percentile) / 100
    return round(10 / nearest_end, 6) if nearest_end else float("inf")


def _reason(alarm: MetricAlarm, real: Sequence[Datapoint], state: State) -> str:
    if not real:
        return f"No datapoints were received; missing data is treated as {alarm.missing.value}."
    _, words = _COMPARISONS[alarm.comparison]
    crossed = sum(_breaches(alarm, point) for point in real)
    values = ", ".join(f"{point.value:g}" for point in reversed(real))
    filled = alarm.evaluation_periods - len(real)
    missing = f" {filled} missing datapoints were treated as {alarm.missing.value}." if filled else ""
    return (
        f"Threshold Crossed: {crossed} of the last {alarm.evaluation_periods} datapoints [{values}] were {words} the "
        f"threshold ({alarm.threshold:g}); {alarm.datapoints_to_alarm} make an alarm: {state.value}.{missing}"
    )
