"""Show what roll-ups say, as the metrics endpoints answer it (contract.md section 5)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from handshake.metrics.formulas import METRICS, Metric
from handshake.metrics.query import SeriesQuery, Window
from handshake.metrics.rollup import (
    PROJECTOR_VERSION,
    ROLLUP_SCHEMA_VERSION,
    Bucket,
    RollUp,
    Tally,
    families,
    merged,
    reported,
)

if TYPE_CHECKING:
    from handshake.metrics.answers import MetricsReasons, MetricsSeries, MetricsSummary, Point, Versioned


def summary(window: Window, rollups: Iterable[RollUp]) -> "MetricsSummary":
    """Show every metric over the whole of ``window``."""
    total = merged(rollups)
    return {
        **_versioned(window),
        "uair": METRICS["uair"](total).value,
        "airtP50Ms": METRICS["airt_p50_ms"](total).value,
        "airtP95Ms": METRICS["airt_p95_ms"](total).value,
        "gar": METRICS["gar"](total).value,
        "tca": METRICS["tca"](total).value,
        "totalEvents": total[Tally.EVENTS],
        "denialEvents": total[Tally.DENIED],
        "replayDetectedEvents": total[Tally.REPLAY_DETECTED],
        "replayGuardUnavailableEvents": total[Tally.REPLAY_GUARD_UNAVAILABLE],
    }


def series(query: SeriesQuery, buckets: Sequence[Bucket], rollups: Iterable[RollUp]) -> "MetricsSeries":
    """Show one point for each of ``buckets``, those without events included.

    A point whose samples are partly or all reported by callers has the dimension ``reported``.
    """
    return {
        "metric": query.metric,
        "bucket": query.bucket,
        **_versioned(query.window),
        "series": [
            _point(bucket, rollup, METRICS[query.metric]) for bucket, rollup in zip(buckets, rollups, strict=True)
        ],
    }


def _point(bucket: Bucket, rollup: RollUp, metric: Metric) -> "Point":
    reading = metric(rollup)
    point: Point = {"timestamp": bucket.start_ms, "value": reading.value, "sampleCount": reading.samples}
    if metric(reported(rollup)).samples:
        point["dimension"] = "reported"
    return point


def reasons(window: Window, rollups: Iterable[RollUp]) -> "MetricsReasons":
    """Show events by reason family, largest first, ties by name."""
    total = merged(rollups)
    events = total[Tally.EVENTS]
    largest_first = sorted(families(total).items(), key=lambda family: (-family[1], family[0]))
    return {
        **_versioned(window),
        "total": events,
        "families": [
            {"reasonFamily": name, "count": count, "percentage": count / events} for name, count in largest_first
        ],
    }


def _versioned(window: Window) -> "Versioned":
    return {"window": window.name, "schemaVersion": ROLLUP_SCHEMA_VERSION, "projectorVersion": PROJECTOR_VERSION}
