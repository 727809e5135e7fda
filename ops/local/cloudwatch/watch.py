"""CloudWatch beside a running ministack: metrics of log lines, and the states of alarms.

A thread that follows what ``emulated`` writes, publishes the metrics it finds there, and at every minute sets each
alarm's state where it has changed, so that actions and composite alarms follow as on AWS. Lambda's own metrics it takes
from ministack, with the API's errors, and the depth of the queues that alarms watch it measures. Nothing measures the
stream's iterator age here: alarms on it see no data.
"""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ops.local.cloudwatch import emf
from ops.local.cloudwatch.alarms import Metric, MetricAlarm, Sample, State, UnmodelledAlarmError
from ops.local.cloudwatch.evaluate import evaluate, range_s

Client = Callable[[str], Any]

_POLL_S: Final = 0.5
_MINUTE_S: Final = 60
_FIRST_S: Final = 15  # no alarm is evaluated sooner, for what has just been deployed to say something
_SETTLED_S: Final = 3  # after a minute, for what its last calls log
_VALUES_A_DATUM: Final = 150
_DATA_A_CALL: Final = 500
_QUEUE_DEPTH: Final = "ApproximateNumberOfMessagesVisible"


class Watcher:
    """One run's metrics and alarms. ``extra`` has properties of alarms, by name, that DescribeAlarms does not tell."""

    def __init__(self, client: Client, spool: Path, *, extra: Mapping[str, Mapping[str, Any]]) -> None:
        self._cloudwatch, self._sqs = client("cloudwatch"), client("sqs")
        self._extra = extra
        self._spool = spool.open()
        self._rest = ""
        self._samples: defaultdict[Metric, dict[tuple[float, float, str], float]] = defaultdict(dict)
        self._minute = (time.time() + _FIRST_S) // _MINUTE_S
        self._started = False
        self.refused = 0
        """Errors in EMF documents so far."""

    def step(self, now_s: float) -> None:
        """Take in what was written since, and evaluate where a minute is over. Call it every moment."""
        found = list(self._read(now_s))
        self._keep(sample for sample, _ in found)
        self._publish([sample for sample, extracted in found if extracted])
        minute = (now_s - _SETTLED_S) // _MINUTE_S
        if minute > self._minute:
            self._minute = minute
            self.evaluate(minute * _MINUTE_S)

    def close(self) -> None:
        """Follow what is written no longer."""
        self._spool.close()

    def evaluate(self, now_s: float) -> None:
        """Set every alarm's state that is another than before."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        described = list(pages.search("MetricAlarms[]"))
        alarms = [(MetricAlarm.read({**one, **self._extra.get(one["AlarmName"], {})}), one) for one in described]
        self._measure_queues(now_s, {alarm.metric for alarm, _ in alarms})
        changes = []
        for alarm, one in alarms:
            before = State(one["StateValue"])
            decided = evaluate(alarm, self._samples_of(alarm.metric), now_s=now_s, state=before)
            if decided.state is not before:
                changes.append((alarm, decided))
        with self._quiet_start([alarm.name for alarm, decided in changes if decided.state is State.OK]):
            for alarm, decided in changes:
                recent = [point.value if point else None for point in decided.datapoints]
                self._cloudwatch.set_alarm_state(
                    AlarmName=alarm.name,
                    StateValue=decided.state.value,
                    StateReason=decided.reason,
                    StateReasonData=json.dumps(
                        {
                            "version": "1.0",
                            "period": alarm.period_s,
                            "threshold": alarm.threshold,
                            "recentDatapoints": recent,
                        }
                    ),
                )
        self._forget(now_s - max((range_s(alarm) for alarm, _ in alarms), default=0))

    @contextmanager
    def _quiet_start(self, names: list[str]) -> Iterator[None]:
        """Keep the first OK of every alarm of a new stack from invoking the triage function once each, all at once."""
        names, self._started = [] if self._started else names, True
        if not names:
            yield
            return
        self._cloudwatch.disable_alarm_actions(AlarmNames=names)
        try:
            yield
        finally:
            self._cloudwatch.enable_alarm_actions(AlarmNames=names)

    def _read(self, now_s: float) -> Iterator[tuple[Sample, bool]]:
        """New samples, and whether they were extracted (or the service recorded them itself)."""
        *lines, self._rest = (self._rest + self._spool.read()).split("\n")
        for record in map(json.loads, lines):
            if "message" in record:
                extraction = emf.extract(record["message"], now_s=now_s)
                self.refused += extraction.parsing_errors + extraction.validation_errors
                yield from ((sample, True) for sample in extraction.samples)
            else:
                metric = Metric(record["namespace"], record["name"], frozenset(record["dimensions"].items()))
                yield Sample(metric, now_s, record["value"], unit=record["unit"]), False

    def _keep(self, samples: Iterator[Sample]) -> None:
        for sample in samples:
            # No window has a boundary within a whole ten seconds, so nothing is lost by adding these up.
            key = (sample.time_s // 10 * 10, sample.value, sample.unit)
            kept = self._samples[sample.metric]
            kept[key] = kept.get(key, 0) + sample.count

    def _samples_of(self, metric: Metric) -> Iterator[Sample]:
        for (time_s, value, unit), count in self._samples.get(metric, {}).items():
            yield Sample(metric, time_s, value, count, unit)

    def _forget(self, before_s: float) -> None:
        for metric, kept in list(self._samples.items()):
            for key in [key for key in kept if key[0] < before_s]:
                del kept[key]
            if not kept:
                del self._samples[metric]

    def _publish(self, samples: list[Sample]) -> None:
        """PutMetricData, many values a datum."""

        def datum(sample: Sample) -> tuple[str, str, list[tuple[str, str]], str, float]:
            metric = sample.metric
            return metric.namespace, metric.name, sorted(metric.dimensions), sample.unit, sample.time_s // 1

        data: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for (namespace, name, dimensions, unit, second), alike in groupby(sorted(samples, key=datum), key=datum):
            counts: defaultdict[float, float] = defaultdict(float)
            for sample in alike:
                counts[sample.value] += sample.count
            values = list(counts)
            for start in range(0, len(values), _VALUES_A_DATUM):
                some = values[start : start + _VALUES_A_DATUM]
                data[namespace].append(
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                        "Timestamp": second,
                        "Unit": unit,
                        "Values": some,
                        "Counts": [counts[value] for value in some],
                    }
                )
        for namespace, all_of_it in data.items():
            for start in range(0, len(all_of_it), _DATA_A_CALL):
                self._cloudwatch.put_metric_data(
                    Namespace=namespace, MetricData=all_of_it[start : start + _DATA_A_CALL]
                )

    def _measure_queues(self, now_s: float, metrics: set[Metric]) -> None:
        for metric in metrics:
            if (metric.namespace, metric.name) != ("AWS/SQS", _QUEUE_DEPTH):
                continue
            try:
                url = self._sqs.get_queue_url(QueueName=dict(metric.dimensions)["QueueName"])["QueueUrl"]
            except ClientError:
                continue  # no such queue, so nothing is measured of it
            depth = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            value = float(depth["Attributes"]["ApproximateNumberOfMessages"])
            sample = Sample(metric, now_s - _SETTLED_S, value, unit="Count")
            self._keep(iter([sample]))
            self._publish([sample])


@contextmanager
def watching(client: Client, spool: Path, *, extra: Mapping[str, Mapping[str, Any]], log: Path) -> Iterator[Watcher]:
    """Keep metrics and alarms true until exit. ``log`` receives what could not be done, to be tried again."""
    watcher, ended = Watcher(client, spool, extra=extra), threading.Event()
    logger = logging.Logger(__name__)  # noqa: LOG001 - of this run alone, with a file of its own
    logger.addHandler(logging.FileHandler(log, delay=True))

    def watch() -> None:
        while not ended.wait(_POLL_S):
            try:
                watcher.step(time.time())
            except (BotoCoreError, ClientError, UnmodelledAlarmError, ValueError):
                logger.exception("not done")

    thread = threading.Thread(target=watch, name="cloudwatch", daemon=True)
    thread.start()
    try:
        yield watcher
    finally:
        ended.set()
        thread.join()
        watcher.close()
        for handler in logger.handlers:
            handler.close()
