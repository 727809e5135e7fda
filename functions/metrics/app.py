"""Metrics: what the roll-ups say, and events that callers report (contract.md section 5)."""

from typing import TYPE_CHECKING

from handshake.api.http import Call, HttpHandler, Route
from handshake.metrics import read as read_metrics
from handshake.metrics.query import Window, parse_series_query, parse_window
from handshake.metrics.report_event import report_event

if TYPE_CHECKING:
    from handshake.metrics.answers import EventKept, MetricsReasons, MetricsSeries, MetricsSummary


def summary(call: Call) -> "MetricsSummary":
    """Read every metric over a window."""
    return read_metrics.summary(call.context, _window(call))


def series(call: Call) -> "MetricsSeries":
    """Read one metric, bucket by bucket."""
    query = parse_series_query(
        metric=call.query_values("metric"),
        bucket=call.query_values("bucket"),
        window=call.query_values("window"),
    )
    return read_metrics.series(call.context, query)


def reasons(call: Call) -> "MetricsReasons":
    """Count events by family of reasons."""
    return read_metrics.reasons(call.context, _window(call))


def project(call: Call) -> "EventKept":
    """Keep the report of a decision that was made elsewhere."""
    from handshake.metrics.reported_event import parse_reported_event  # noqa: PLC0415 - pydantic, for the rarest route

    return report_event(call.context, parse_reported_event(call.json_body(), now_ms=call.context.now_ms()))


def _window(call: Call) -> Window:
    return parse_window(call.query_values("window"))


handler = HttpHandler(
    Route("GET", "/metrics/summary", summary),
    Route("GET", "/metrics/series", series),
    Route("GET", "/metrics/reasons", reasons),
    Route("POST", "/metrics/project", project),
)
