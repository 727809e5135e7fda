"""CloudWatch metrics: an alarm's own signal, and what was refused where."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from handshake.incidents.incident import Signal
from handshake.incidents.sources import asking

_NAMESPACE: Final = "Handshake"
_DENIED_PERIOD_S: Final = 300
# Endpoints times reason codes are some hundreds at most; a call takes 500 queries.
_METRICS_READ: Final = 500


@dataclass(frozen=True)
class Refused:
    """Calls to an endpoint refused for one reason."""

    endpoint: str
    reason_code: str
    count: int


class Metrics:
    """Reads through a botocore CloudWatch client. Every method raises SourceUnavailableError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def datapoints(self, signal: Signal, *, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
        """Give a signal's (epoch ms, value) in that time, oldest first."""
        with asking("CloudWatch"):
            [found] = self._read([_query(signal)], start_ms=start_ms, end_ms=end_ms)
        return sorted((_ms(at), value) for at, value in zip(found["Timestamps"], found["Values"], strict=True))

    def refused(self, service: str, *, start_ms: int, end_ms: int) -> list[Refused]:
        """Count what ``service`` refused in that time, most first.

        CloudWatch lists a metric some minutes after its first datapoint, so a reason that was never seen before may be
        missing.
        """
        with asking("CloudWatch"):
            dimensions = list(islice(self._denied(service), _METRICS_READ))
            signals = [Signal(_NAMESPACE, "Denied", one, _DENIED_PERIOD_S, "Sum") for one in dimensions]
            found = (
                self._read(
                    [_query(signal, f"m{n}") for n, signal in enumerate(signals)], start_ms=start_ms, end_ms=end_ms
                )
                if signals
                else []
            )
        counts = Counter[tuple[str, str]]()
        for result in found:
            one = dimensions[int(result["Id"][1:])]
            counts[one["endpoint"], one["reason_code"]] += round(sum(result["Values"]))
        return [Refused(*key, count) for key, count in counts.most_common() if count]

    def _denied(self, service: str) -> Iterator[Mapping[str, str]]:
        pages = self._client.get_paginator("list_metrics").paginate(
            Namespace=_NAMESPACE,
            MetricName="Denied",
            Dimensions=[{"Name": "service", "Value": service}, {"Name": "endpoint"}, {"Name": "reason_code"}],
            RecentlyActive="PT3H",
        )
        for page in pages:
            for metric in page["Metrics"]:
                yield {one["Name"]: one["Value"] for one in metric["Dimensions"]}

    def _read(self, queries: list[dict[str, Any]], *, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        pages = self._client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(start_ms / 1000, UTC),
            EndTime=datetime.fromtimestamp(end_ms / 1000, UTC),
        )
        for page in pages:
            found += page["MetricDataResults"]
        return found


def _query(signal: Signal, name: str = "signal") -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": signal.namespace,
                "MetricName": signal.metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in signal.dimensions.items()],
            },
            "Period": signal.period_s,
            "Stat": signal.statistic,
        },
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
