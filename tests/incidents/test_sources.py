"""What an incident's sources are asked, and what is made of what they answer: no more than they hold, newest first."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from handshake.incidents.cloudwatch import Metrics, Refused
from handshake.incidents.incident import Signal
from handshake.incidents.investigate import plain_or_digest
from handshake.incidents.logs import CallLogs

END_MS: Final = 1_795_480_260_000
QUARTER_MS: Final = 15 * 60_000


def _line(**changes: Any) -> dict[str, Any]:
    return {"message": "handled", "status": 403, "timestamp": "2026-11-24T00:31:00Z"} | changes


class Logs:
    """Answers with one page after another, each with this line, and as many as ``pages`` a window."""

    def __init__(self, *, pages: int = 1, message: str | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._pages, self._message = pages, message

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        """Give a page, and what asks for the next where there is one."""
        self.asked.append(asked)
        page = int(asked.get("nextToken", "1"))
        message = json.dumps(_line()) if self._message is None else self._message
        return {"events": [{"message": message}]} | ({"nextToken": str(page + 1)} if page < self._pages else {})


def _refused(logs: Logs, *groups: str, length_ms: int = QUARTER_MS, looks: int = 100) -> list[dict[str, Any]]:
    left = iter(range(looks))

    def more() -> bool:
        return next(left, None) is not None

    return CallLogs(logs, groups or ("a",)).refused(start_ms=END_MS - length_ms, end_ms=END_MS, more=more)


def test_the_latest_seconds_are_read_first_and_no_moment_twice() -> None:
    logs = Logs()

    _refused(logs, "a", "b")

    windows = [(asked["logGroupName"], asked["startTime"], asked["endTime"]) for asked in logs.asked]
    assert windows == [
        (group, END_MS - start, END_MS - end)
        for start, end in [(5_000, 0), (60_000, 5_001), (QUARTER_MS, 60_001)]
        for group in ("a", "b")
    ]


def test_of_a_shorter_time_nothing_before_it_is_read() -> None:
    logs = Logs()

    _refused(logs, length_ms=3_000)

    assert {asked["startTime"] for asked in logs.asked} == {END_MS - 3_000}


@pytest.mark.parametrize(("pages", "read"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_three_pages_of_a_window_are_read_each_after_the_one_before(pages: int, read: int) -> None:
    logs = Logs(pages=pages)

    assert len(_refused(logs)) == 3 * read
    assert [asked.get("nextToken") for asked in logs.asked[:read]] == [None, "2", "3"][:read]
    assert {asked["limit"] for asked in logs.asked} == {500}


@pytest.mark.parametrize("looks", [0, 1, 5])
def test_once_time_is_up_no_page_is_asked_for(looks: int) -> None:
    logs = Logs(pages=3)

    assert len(_refused(logs, looks=looks)) == len(logs.asked) == looks


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        (json.dumps(_line()), True),
        (json.dumps(_line(status=400)), True),
        (json.dumps(_line(status=399)), False),
        (json.dumps(_line(status=200, decision="deny")), True),
        (json.dumps(_line(status=200, decision="allow")), False),
        (json.dumps(_line(message="synthetic")), False),
        (json.dumps({"message": "handled"}), False),
        ("[]", False),
        ("START RequestId", False),
    ],
)
def test_a_line_is_one_of_a_call_that_was_refused_or_denied(message: str, *, counts: bool) -> None:
    assert bool(_refused(Logs(message=message))) is counts


def test_what_is_not_plain_is_told_by_the_first_sixteen_digits_of_its_digest() -> None:
    assert plain_or_digest("a.b") == f"sha256-{hashlib.sha256(b'a.b').hexdigest()[:16]}"
    assert plain_or_digest("a" * 64) == "a" * 64
    assert plain_or_digest("a" * 65) == f"sha256-{hashlib.sha256(b'a' * 65).hexdigest()[:16]}"


class CloudWatch:
    """Lists metrics, and gives for each what it counted, a page each."""

    def __init__(self, **counted: list[float]) -> None:
        self.asked: dict[str, list[dict[str, Any]]] = {"list_metrics": [], "get_metric_data": []}
        self._counted = counted
        self._operation = ""

    def get_paginator(self, operation: str) -> "CloudWatch":
        """Give the pages of an operation."""
        self._operation = operation
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        """Give them."""
        self.asked[self._operation].append(asked)
        if self._operation == "list_metrics":
            names = [{"endpoint": "GET /a", "reason_code": code, "service": "s"} for code in self._counted]
            return [{"Metrics": [{"Dimensions": [{"Name": n, "Value": v} for n, v in one.items()]}]} for one in names]
        at = datetime.fromtimestamp(END_MS / 1000, UTC)
        return [
            {"MetricDataResults": [{"Id": query["Id"], "Timestamps": [at] * len(values), "Values": values}]}
            for query, values in zip(asked["MetricDataQueries"], self._counted.values(), strict=False)
        ]


def test_refusals_are_counted_by_endpoint_and_code_most_first_and_none_without_any() -> None:
    cloudwatch = CloudWatch(security_a=[1.0, 2.0], security_b=[0.0], security_c=[40.0])

    refused = Metrics(cloudwatch).refused("s", start_ms=END_MS - QUARTER_MS, end_ms=END_MS)

    assert refused == [Refused("GET /a", "security_c", 40), Refused("GET /a", "security_a", 3)]
    [listed], [read] = cloudwatch.asked["list_metrics"], cloudwatch.asked["get_metric_data"]
    assert (listed["Namespace"], listed["MetricName"], listed["RecentlyActive"]) == ("Handshake", "Denied", "PT3H")
    assert {"Name": "service", "Value": "s"} in listed["Dimensions"]
    assert (read["StartTime"].timestamp(), read["EndTime"].timestamp()) == (
        (END_MS - QUARTER_MS) / 1000,
        END_MS / 1000,
    )
    queries = [query["MetricStat"] for query in read["MetricDataQueries"]]
    assert {(query["Metric"]["MetricName"], query["Period"], query["Stat"]) for query in queries} == {
        ("Denied", 300, "Sum")
    }


def test_where_no_refusal_was_listed_none_is_asked_for() -> None:
    cloudwatch = CloudWatch()

    assert Metrics(cloudwatch).refused("s", start_ms=0, end_ms=END_MS) == []
    assert cloudwatch.asked["get_metric_data"] == []


@pytest.mark.parametrize(("listed", "read"), [(499, 499), (500, 500), (501, 500)])
def test_a_call_asks_for_no_more_metrics_than_it_may(listed: int, read: int) -> None:
    cloudwatch = CloudWatch(**{f"security_{n}": [1.0] for n in range(listed)})

    assert len(Metrics(cloudwatch).refused("s", start_ms=0, end_ms=END_MS)) == read


def test_the_datapoints_of_a_signal_are_read_oldest_first_with_its_own_statistic() -> None:
    class Unordered(CloudWatch):
        def paginate(self, **asked: Any) -> list[dict[str, Any]]:
            self.asked[self._operation].append(asked)
            moments = [datetime.fromtimestamp((END_MS - ago) / 1000, UTC) for ago in (0, 120_000, 60_000)]
            return [{"MetricDataResults": [{"Id": "signal", "Timestamps": moments, "Values": [3.0, 1.0, 2.0]}]}]

    cloudwatch = Unordered()
    signal = Signal("Handshake", "Latency", {"service": "s", "endpoint": "GET /a"}, 60, "p95")

    points = Metrics(cloudwatch).datapoints(signal, start_ms=0, end_ms=END_MS)

    assert points == [(END_MS - 120_000, 1.0), (END_MS - 60_000, 2.0), (END_MS, 3.0)]
    [asked] = cloudwatch.asked["get_metric_data"]
    [query] = asked["MetricDataQueries"]
    assert query["MetricStat"] == {
        "Metric": {
            "Namespace": "Handshake",
            "MetricName": "Latency",
            "Dimensions": [{"Name": "service", "Value": "s"}, {"Name": "endpoint", "Value": "GET /a"}],
        },
        "Period": 60,
        "Stat": "p95",
    }
