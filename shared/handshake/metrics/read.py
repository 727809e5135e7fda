"""Answer questions about the metrics, each from one query over roll-ups."""

from typing import TYPE_CHECKING

from handshake.dynamo.context import Context
from handshake.metrics import views as metric_views
from handshake.metrics.query import SeriesQuery, Window
from handshake.metrics.rollup import RollUp, own
from handshake.metrics.rollup_table import read_rollups

if TYPE_CHECKING:
    from handshake.metrics.answers import MetricsReasons, MetricsSeries, MetricsSummary


def summary(context: Context, window: Window) -> "MetricsSummary":
    """Read every metric over ``window``."""
    return metric_views.summary(window, _over(context, window))


def reasons(context: Context, window: Window, *, own_only: bool = False) -> "MetricsReasons":
    """Count events by reason family over ``window``; ``own_only`` leaves out what callers reported."""
    rollups = _over(context, window)
    return metric_views.reasons(window, map(own, rollups) if own_only else rollups)


def series(context: Context, query: SeriesQuery, *, own_only: bool = False) -> "MetricsSeries":
    """Read one metric, bucket by bucket; ``own_only`` leaves out what callers reported."""
    buckets = query.buckets(now_ms=context.now_ms())
    rollups = read_rollups(context.dynamo, context.tables.metrics, buckets)
    return metric_views.series(query, buckets, map(own, rollups) if own_only else rollups)


def _over(context: Context, window: Window) -> list[RollUp]:
    buckets = window.buckets(window.summed_over, now_ms=context.now_ms())
    return read_rollups(context.dynamo, context.tables.metrics, buckets)
