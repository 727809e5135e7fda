"""Record the timeline of incidents as somebody on call sees them: alarm, page, notification, incident, recovery."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.incidents import table as incidents
from ops.local.deployment import Deployment
from ops.reliability.fault_scenarios import FaultScenario

_MINUTES_SHOWN: Final = 6


@dataclass
class IncidentTimeline:
    """The times of the steps of one alert's incident, in epoch seconds; None where it has not."""

    scenario: FaultScenario
    state: str = "?"
    minutes: list[float] = field(default_factory=list)
    """The alarm's metric by its own statistic, the latest minutes, oldest first."""
    began_at: float | None = None
    alarm_at: float | None = None
    paged_at: float | None = None
    notified_at: float | None = None
    recorded_at: float | None = None
    restored_at: float | None = None
    ok_at: float | None = None
    closed_at: float | None = None
    incident_id: str = ""

    @property
    def fired(self) -> bool:
        """Tell whether the alarm fired, and the page, the notification and the incident's record followed."""
        paged = self.paged_at if self.scenario.pages else self.alarm_at
        return None not in (self.alarm_at, paged, self.notified_at, self.recorded_at)

    @property
    def over(self) -> bool:
        """Tell whether the alarm is OK again and its incident closed."""
        return None not in (self.ok_at, self.closed_at)

    def seconds(self) -> dict[str, float | None]:
        """Return how long each step took: from the fault's beginning, and for recovery from its end."""
        steps = {
            "toDetect": (self.began_at, self.alarm_at),
            "toPage": (self.began_at, self.paged_at),
            "toTriage": (self.began_at, self.recorded_at),
            "toNotify": (self.began_at, self.notified_at),
            "toRecover": (self.restored_at, self.ok_at),
            "toClose": (self.restored_at, self.closed_at),
        }
        return {name: _between(*times) for name, times in steps.items()}


class Observer:
    """Reads a stack's alarms, incidents and notifications into timelines."""

    def __init__(self, target: Deployment, stack: str, timelines: Sequence[IncidentTimeline], queue_url: str) -> None:
        self._cloudwatch, self._sqs = target.client("cloudwatch"), target.client("sqs")
        self._context = target.context()
        self._stack, self._timelines, self._queue_url = stack, timelines, queue_url

    def look(self) -> None:
        """Read all of them once, and note what is new."""
        now = time.time()
        self._look_at_alarms(now)
        self._read_messages(now)
        for timeline in self._timelines:
            if timeline.alarm_at is not None and timeline.closed_at is None:
                self._look_at_incident(timeline, now)

    def all_ok(self) -> bool:
        """Tell whether every alarm is OK, which it must be before anything begins."""
        self._look_at_alarms(time.time())
        return all(timeline.state == "OK" for timeline in self._timelines)

    def _look_at_alarms(self, now: float) -> None:
        names = {f"{self._stack}-{timeline.scenario.alarm}": timeline for timeline in self._timelines}
        for alarm in self._cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]:
            timeline = names[alarm["AlarmName"]]
            timeline.state = alarm["StateValue"]
            timeline.minutes = self._minutes(alarm)
            if timeline.state == "ALARM" and timeline.began_at is not None and timeline.alarm_at is None:
                timeline.alarm_at = now
            if timeline.state == "OK" and timeline.restored_at is not None and timeline.ok_at is None:
                timeline.ok_at = now

    def _minutes(self, alarm: Any) -> list[float]:
        until = datetime.now(UTC)
        points = self._cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            Statistics=[alarm["Statistic"]],
            Period=alarm["Period"],
            StartTime=until - timedelta(minutes=_MINUTES_SHOWN),
            EndTime=until,
        )["Datapoints"]
        return [point[alarm["Statistic"]] for point in sorted(points, key=lambda point: point["Timestamp"])]

    def _read_messages(self, now: float) -> None:
        answer = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
            subject = json.loads(message["Body"]).get("Subject") or ""
            page = f"{self._stack}-page" in subject
            for timeline in self._timelines:
                if "ALARM" in subject and timeline.alarm_at is not None:
                    # One page covers whatever fires while it is out.
                    if page and timeline.paged_at is None:
                        timeline.paged_at = now
                    if timeline.scenario.alarm in subject and timeline.notified_at is None:
                        timeline.notified_at = now
        paged = next((timeline.paged_at for timeline in self._timelines if timeline.paged_at is not None), None)
        for timeline in self._timelines:
            awaited = timeline.scenario.pages and timeline.alarm_at is not None and timeline.paged_at is None
            if paged is not None and awaited:
                timeline.paged_at = max(paged, timeline.alarm_at or paged)

    def _look_at_incident(self, timeline: IncidentTimeline, now: float) -> None:
        context = self._context.within(RETRY_BUDGET_S)
        incident = incidents.read_latest(context.dynamo, context.tables.runtime_kv, timeline.scenario.alarm)
        if incident is None or timeline.began_at is None or incident.opened_at_ms / 1000 < timeline.began_at:
            return
        timeline.incident_id = incident.id
        timeline.recorded_at = timeline.recorded_at or now
        if incident.state == "recovered":
            timeline.closed_at = now


@contextmanager
def subscribed(target: Deployment) -> Iterator[str]:
    """Yield the URL of a queue that receives the notifications that people are sent."""
    sqs, sns = target.client("sqs"), target.client("sns")
    url = sqs.create_queue(QueueName=f"handshake-drill-{time.time_ns()}")["QueueUrl"]
    topic = target.outputs["IncidentsTopic"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    try:
        yield url
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 1)
