"""Evaluates an alarm on an expression, for the expressions that the templates have: IF(a >= N, b, 0), and a filled sum.

A period's IF has a value where both metrics have one; CloudWatch leaves the others missing. SUM(FILL(METRICS(), 0)) has
one in every period, a metric without data counting as 0.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ops.local.cloudwatch.alarms import Metric, MetricAlarm, Sample, State
from ops.local.cloudwatch.evaluate import datapoints, evaluate

_ALARMS_OWN = ("AlarmName", "ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm")


def state_of(alarm: Mapping[str, Any], samples: Iterable[Sample], *, now_s: float, before: State = State.OK) -> State:
    """Decide the state of a resolved AWS::CloudWatch::Alarm, on one metric or on an expression of several."""
    samples = list(samples)
    if "Metrics" not in alarm:
        return evaluate(MetricAlarm.read(alarm), samples, now_s=now_s, state=before).state
    queries = {one["Id"]: one for one in alarm["Metrics"]}
    [shown] = (one for one in queries.values() if one.get("ReturnData", True))
    by_id = {
        name: _periods(alarm, one["MetricStat"], samples, now_s=now_s)
        for name, one in queries.items()
        if "MetricStat" in one
    }
    result = Metric("expression", shown["Id"])
    values = [Sample(result, at, value) for at, value in _evaluated(shown["Expression"], by_id).items()]
    stands_for = {
        **{name: alarm[name] for name in (*_ALARMS_OWN, "TreatMissingData")},
        "Namespace": result.namespace,
        "MetricName": result.name,
        "Statistic": "Maximum",
        "Period": _period(alarm),
    }
    return evaluate(MetricAlarm.read(stands_for), values, now_s=now_s, state=before).state


def _evaluated(expression: str, by_id: Mapping[str, Mapping[float, float]]) -> dict[float, float]:
    """Compute an expression by period, of its metrics' values by period. A filled period without data is left out."""
    if expression == "SUM(FILL(METRICS(), 0))":
        periods = {at for values in by_id.values() for at in values}
        return {at: sum(values.get(at, 0.0) for values in by_id.values()) for at in periods}
    read = re.fullmatch(r"IF\((\w+) >= (\d+), (\w+), 0\)", expression)
    assert read, f"{expression} is no expression that this module knows"
    counted, minimum, value = read.groups()
    return {
        at: by_id[value][at] if count >= int(minimum) else 0.0
        for at, count in by_id[counted].items()
        if at in by_id[value]
    }


def _period(alarm: Mapping[str, Any]) -> int:
    [period] = {one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one}
    return int(period)


def _periods(
    alarm: Mapping[str, Any], stat: Mapping[str, Any], samples: Iterable[Sample], *, now_s: float
) -> dict[float, float]:
    """Compute a metric's statistic by the start of each period of the evaluation range."""
    properties = {**{name: alarm[name] for name in _ALARMS_OWN}, **stat["Metric"]}
    one = MetricAlarm.read({**properties, "Period": stat["Period"], "Statistic": stat["Stat"]})
    return {point.start_s: point.value for point in datapoints(one, samples, now_s=now_s) if point}
