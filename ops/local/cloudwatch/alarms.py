"""Describe alarms, and the data they are evaluated against."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

_HIGH_RESOLUTION_PERIODS: Final = (10, 20, 30)


class UnmodelledAlarmError(Exception):
    """The alarm uses what is not modelled: metric math, anomaly detection, trimmed statistics."""


class State(StrEnum):
    """The state of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """An alarm's treatment of missing data (TreatMissingData)."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True)
class Metric:
    """A metric's identity: every set of dimensions is a metric of its own."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Sample:
    """``value``, seen ``count`` times at ``time_s`` (epoch seconds)."""

    metric: Metric
    time_s: float
    value: float
    count: float = 1
    unit: str = "None"


@dataclass(frozen=True)
class MetricAlarm:
    """An alarm on one metric. ``percentile`` (0 to 100) stands where the statistic is one."""

    name: str
    metric: Metric
    statistic: str
    percentile: float | None
    comparison: str
    threshold: float
    period_s: int
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing
    evaluates_low_samples: bool
    wall_clock: bool
    unit: str | None
    actions: Mapping[State, tuple[str, ...]]

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Self:
        """Read a resolved AWS::CloudWatch::Alarm, or an alarm of DescribeAlarms: both use the same names.

        Raises UnmodelledAlarmError, and ValueError for a period CloudWatch does not have.
        """
        if not properties.get("MetricName") or properties.get("ThresholdMetricId"):
            raise UnmodelledAlarmError(f"{properties.get('AlarmName')}: only alarms on one metric are modelled")
        period, periods = int(properties["Period"]), int(properties["EvaluationPeriods"])
        if period <= 0 or (period % 60 and period not in _HIGH_RESOLUTION_PERIODS):
            raise ValueError(f"period {period} is neither 10, 20, 30 nor a multiple of 60")
        statistic, percentile = properties.get("Statistic") or "", None
        if extended := properties.get("ExtendedStatistic"):
            statistic, percentile = extended, _percentile(extended)
        dimensions = frozenset((pair["Name"], str(pair["Value"])) for pair in properties.get("Dimensions") or ())
        enabled = properties.get("ActionsEnabled", True) in (True, "true")
        return cls(
            name=properties["AlarmName"],
            metric=Metric(properties["Namespace"], properties["MetricName"], dimensions),
            statistic=statistic,
            percentile=percentile,
            comparison=properties["ComparisonOperator"],
            threshold=float(properties["Threshold"]),
            period_s=period,
            evaluation_periods=periods,
            datapoints_to_alarm=int(properties.get("DatapointsToAlarm") or periods),
            missing=Missing(properties.get("TreatMissingData") or Missing.MISSING),
            evaluates_low_samples=properties.get("EvaluateLowSampleCountPercentile", "evaluate") != "ignore",
            wall_clock="WallClockWindow" in (properties.get("EvaluationWindow") or {}),
            unit=properties.get("Unit"),
            actions=_actions(properties) if enabled else {},
        )


@dataclass(frozen=True)
class CompositeAlarm:
    """An alarm on the states of others."""

    name: str
    rule: str
    description: str
    actions: Mapping[State, tuple[str, ...]]

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Self:
        """Read a resolved AWS::CloudWatch::CompositeAlarm."""
        return cls(
            properties["AlarmName"],
            properties["AlarmRule"],
            properties.get("AlarmDescription", ""),
            _actions(properties) if properties.get("ActionsEnabled", True) in (True, "true") else {},
        )


def actions_on(alarm: MetricAlarm | CompositeAlarm, before: State, after: State) -> tuple[str, ...]:
    """Return the actions that a transition sets off: none where the state stays."""
    return alarm.actions.get(after, ()) if after != before else ()


def _actions(properties: Mapping[str, Any]) -> dict[State, tuple[str, ...]]:
    lists = {
        State.ALARM: "AlarmActions",
        State.OK: "OKActions",
        State.INSUFFICIENT_DATA: "InsufficientDataActions",
    }
    return {state: tuple(properties.get(name) or ()) for state, name in lists.items()}


def _percentile(statistic: str) -> float:
    try:
        percentile = float(statistic.removeprefix("p"))
    except ValueError:
        raise UnmodelledAlarmError(f"statistic {statistic} is not modelled") from None
    if not statistic.startswith("p") or not 0 <= percentile <= 100:
        raise UnmodelledAlarmError(f"statistic {statistic} is not modelled")
    return percentile
