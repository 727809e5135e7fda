"""Read what the model counts with: prices, the cost of one call, and what the templates deploy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ops.local.settings import ROOT

_HERE: Final = Path(__file__).parent
_ENDLESS: Final = float("inf")
_HOURS_PER_MONTH: Final = 730
_RATES: Final[Mapping[str, int]] = {"rate(1 minute)": 60 * _HOURS_PER_MONTH, "rate(1 hour)": _HOURS_PER_MONTH}


@dataclass(frozen=True)
class Price:
    """The price of one unit in dollars, by tiers: up to how many a month, and dollars each; the last has no end."""

    unit: str
    tiers: Sequence[tuple[float, float]]

    def of(self, quantity: float) -> float:
        """Return the dollars of a month's ``quantity``."""
        bounds = [0.0, *(bound for bound, _ in self.tiers)]
        steps = zip(pairwise(bounds), self.tiers, strict=True)
        return sum(max(0.0, min(quantity, high) - low) * price for (low, high), (_, price) in steps)


@dataclass(frozen=True)
class Prices:
    """The price table, and the day it was right."""

    as_of: date
    region: str
    by_name: Mapping[str, Price]


@dataclass(frozen=True)
class Call:
    """Request units, store calls, milliseconds of the handler's own and log bytes of one call of an endpoint."""

    reads: float
    writes: float
    store_calls: int
    handler_ms: float
    log_bytes: float


@dataclass(frozen=True)
class Deployed:
    """Settings of the templates that cost, or bound a cost."""

    routes: int
    log_retention_months: float
    throttle_rate: int
    memory_gb: float
    projector_memory_gb: float
    verification_memory_gb: float
    batch_size: int
    batch_window_s: float
    system_lines: bool
    sampling: tuple[float, float] | None
    scheduled_runs: int
    alarms: int
    composite_alarms: int
    dashboards: int
    secrets: int
    keys: int


@cache
def prices() -> Prices:
    """Read prices.yaml."""
    table = _yaml(_HERE / "prices.yaml")
    by_name = {
        name: Price(one["unit"], [(tier.get("up_to", _ENDLESS), tier["price"]) for tier in one["tiers"]])
        for name, one in table["prices"].items()
    }
    return Prices(table["as_of"], table["region"], by_name)


@cache
def measured() -> Mapping[str, Call]:
    """Read measured.json: the cost of each kind of call, named as in tests/bench/warm_path.py."""
    return {name: Call(**one) for name, one in json.loads((_HERE / "measured.json").read_text()).items()}


@cache
def background() -> Mapping[str, Any]:
    """Read background.yaml."""
    counted: dict[str, Any] = _yaml(_HERE / "background.yaml")
    return counted


@cache
def deployed(environment: str) -> Deployed:
    """Count what the templates deploy to ``environment``, staging or production."""
    from ops.local.translation import stacks_of  # noqa: PLC0415 - slow to import, and other commands do without

    stacks = stacks_of(ROOT, environment)
    body = stacks[""].template
    settings, shared = body["Mappings"]["Settings"][environment], body["Globals"]["Function"]
    functions = [
        one["Properties"]
        for name, one in body["Resources"].items()
        if name in stacks[""].resources and one["Type"] == "AWS::Serverless::Function"
    ]
    events = [event for function in functions for event in function.get("Events", {}).values()]
    [projector] = [function for function in functions if "MetricsStream" in function.get("Events", {})]
    [verification] = [function for function in functions if function["CodeUri"].endswith("/evidence_verification")]
    stream = projector["Events"]["MetricsStream"]["Properties"]
    resources = [one for stack in stacks.values() for one in stack.resources.values()]
    rules = _of(resources, "AWS::XRay::SamplingRule")
    rule = rules[0]["Properties"]["SamplingRule"] if rules else None
    return Deployed(
        routes=sum(event["Type"] == "Api" for event in events),
        log_retention_months=settings["LogRetentionDays"] * 24 / _HOURS_PER_MONTH,
        throttle_rate=settings["ThrottleRate"],
        memory_gb=shared["MemorySize"] / 1024,
        projector_memory_gb=projector["MemorySize"] / 1024,
        verification_memory_gb=verification["MemorySize"] / 1024,
        batch_size=stream["BatchSize"],
        batch_window_s=settings["FoldingWindowSeconds"],
        system_lines="SystemLogLevel" not in shared.get("LoggingConfig", {}),
        sampling=(rule["ReservoirSize"], rule["FixedRate"]) if rule else None,
        scheduled_runs=sum(
            _RATES[event["Properties"]["ScheduleExpression"]] for event in events if event["Type"] == "ScheduleV2"
        ),
        alarms=sum(map(_alarm_metrics, _of(resources, "AWS::CloudWatch::Alarm"))),
        composite_alarms=len(_of(resources, "AWS::CloudWatch::CompositeAlarm")),
        dashboards=len(_of(resources, "AWS::CloudWatch::Dashboard")),
        secrets=len(_of(resources, "AWS::SecretsManager::Secret")),
        keys=len(_of(resources, "AWS::KMS::Key")),
    )


def _alarm_metrics(alarm: Mapping[str, Any]) -> int:
    """Count what an alarm is billed by: the metrics that it reads, not their expressions."""
    metrics = alarm["Properties"].get("Metrics")
    return 1 if metrics is None else sum("MetricStat" in one for one in metrics)


def _of(resources: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in resources if one["Type"] == kind]


def _yaml(path: Path) -> Any:
    # SAM CLI publishes no types.
    from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    return yaml_parse(path.read_text(encoding="utf-8"))
