"""Evaluates an alarm on an expression, for the expressions that the templates have: IF(a >= N, b, 0).

A period's expression has a value where both metrics have one; CloudWatch leaves the others missing.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ops.local.cloudwatch.alarms import Metric, MetricAlarm, Sample, State
from ops.local.cloudwatch.evaluate import datapoints, evaluate

_ALARMS_OWN = ("AlarmName", "ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm")


def state_of(alarm: Mapping[str, Any], samples: Iterable[Sample], *, now_s: float, before: State = State.OK) -> State:
    """Decide the state of a resolved AWS::CloudWatch::Alarm, on one metric or on an expression of two."""
    samples = list(samples)
    if "Metrics" not in alarm:
        return evaluate(MetricAlarm.read(alarm), samples, now_s=now_s, state=before).state
    queries = {one["Id"]: one for one in alarm["Metrics"]}
    [shown] = (one for one in queries.values() if one.get("ReturnData", True))
    read = re.fullmatch(r"IF\((\w+) >= (\d+), (\w+), 0\)", shown["Expression"])
    assert read, f"{shown['Expression']} is no expression that this module knows"
    counted, minimum, value = read.groups()
    by_id = {name: _periods(alarm, queries[name]["MetricStat"], samples, now_s=now_s) for name in (counted, value)}
    result = Metric("expression", shown["Id"])
    values = [
        Sample(result, at, by_id[value][at] if count >= int(minimum) else 0.0)
        for at, count in by_id[counted].items()
        if at in by_id[value]
    ]
    stands_for = {
        **{name: alarm[name] for name in (*_ALARMS_OWN, "TreatMissingData")},
        "Namespace": result.namespace,
        "MetricName": result.name,
        "Statistic": "Maximum",
        "Period": _period(alarm),
    }
    return evaluate(MetricAlarm.read(stands_for), values, now_s=now_s, state=before).state


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
