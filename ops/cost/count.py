"""Count what the templates deploy and what costs of it, for ops/cost/deployed.json."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ops.cost.inputs import HOURS_PER_MONTH, Deployed
from ops.local.settings import ROOT
from ops.local.translation import stacks_of

_RATES: Final[Mapping[str, int]] = {"rate(1 minute)": 60 * HOURS_PER_MONTH, "rate(1 hour)": HOURS_PER_MONTH}


def count(environment: str) -> Deployed:
    """Count what the templates deploy to ``environment``, staging or production."""
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
    [notifier] = [function for function in functions if function["CodeUri"].endswith("/notifier")]
    [verification] = [function for function in functions if function["CodeUri"].endswith("/evidence_verification")]
    stream = projector["Events"]["MetricsStream"]["Properties"]
    resources = [one for stack in stacks.values() for one in stack.resources.values()]
    rules = _of(resources, "AWS::XRay::SamplingRule")
    rule = rules[0]["Properties"]["SamplingRule"] if rules else None
    return Deployed(
        routes=sum(event["Type"] == "Api" for event in events),
        log_retention_months=settings["LogRetentionDays"] * 24 / HOURS_PER_MONTH,
        throttle_rate=settings["ThrottleRate"],
        memory_gb=shared["MemorySize"] / 1024,
        projector_memory_gb=projector["MemorySize"] / 1024,
        verification_memory_gb=verification["MemorySize"] / 1024,
        notifier_memory_gb=notifier["MemorySize"] / 1024,
        batch_size=stream["BatchSize"],
        batch_window_s=settings["FoldingWindowSeconds"],
        system_lines="SystemLogLevel" not in shared.get("LoggingConfig", {}),
        sampling=[rule["ReservoirSize"], rule["FixedRate"]] if rule else None,
        scheduled_runs=sum(
            _RATES[event["Properties"]["ScheduleExpression"]] for event in events if event["Type"] == "ScheduleV2"
        ),
        alarms=sum(map(_alarm_metrics, _of(resources, "AWS::CloudWatch::Alarm"))),
        composite_alarms=len(_of(resources, "AWS::CloudWatch::CompositeAlarm")),
        dashboards=len(_of(resources, "AWS::CloudWatch::Dashboard")),
        secrets=len(_of(resources, "AWS::SecretsManager::Secret")),
        keys=len(_of(resources, "AWS::KMS::Key")),
        channel_queues=sum(event["Type"] == "SQS" for event in events),
    )


def _alarm_metrics(alarm: Mapping[str, Any]) -> int:
    """Count what an alarm is billed by: the metrics that it reads, not their expressions."""
    metrics = alarm["Properties"].get("Metrics")
    return 1 if metrics is None else sum("MetricStat" in one for one in metrics)


def _of(resources: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in resources if one["Type"] == kind]
