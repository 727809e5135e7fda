"""Reads what the metrics endpoints are asked: a window, a bucket size and a metric (contract.md section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from handshake.core.errors import HandshakeError
from handshake.core.reasons import Reason
from handshake.metrics.formulas import METRICS
from handshake.metrics.rollup import BUCKET_MS, Bucket, BucketSize

# Not a decision's reason, so not in the registry.
INVALID_METRIC_QUERY: Final = Reason("invalid_metric_query", "metrics", 400, "blocked", "retry_after_remediation")
_DAY_MS: Final = BUCKET_MS["day"]

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Window:
    """A stretch of time that ends with the bucket now running, so its edges are always edges of buckets.

    ``summed_over`` is the largest bucket that makes it up: 24 hours, or 7 or 30 UTC days.
    """

    name: str
    summed_over: BucketSize
    length_ms: int

    def buckets(self, size: BucketSize, *, now_ms: int) -> list[Bucket]:
        """Give every bucket of ``size`` in it, oldest first, the last one holding ``now_ms``."""
        step = BUCKET_MS[size]
        end = Bucket.holding(size, now_ms).start_ms + step
        return [Bucket(size, start) for start in range(end - self.length_ms, end, step)]


WINDOWS: Final[Mapping[str, Window]] = {
    "24h": Window("24h", "hour", _DAY_MS),
    "7d": Window("7d", "day", 7 * _DAY_MS),
    "30d": Window("30d", "day", 30 * _DAY_MS),
}
_BUCKET_SIZES: Final[Mapping[str, BucketSize]] = {size: size for size in BUCKET_MS}
_METRIC_NAMES: Final = {name: name for name in METRICS}


@dataclass(frozen=True)
class SeriesQuery:
    """One metric, bucket by bucket, over a window."""

    metric: str
    bucket: BucketSize
    window: Window

    def buckets(self, *, now_ms: int) -> list[Bucket]:
        """Give the buckets of the series, oldest first."""
        return self.window.buckets(self.bucket, now_ms=now_ms)


def parse_window(window: Sequence[str]) -> Window:
    """Give the window named by the values of a query parameter; none of them means 24h.

    Raises HandshakeError invalid_metric_query for an unknown name, or more than one.
    """
    return _chosen("window", window, WINDOWS, default="24h")


def parse_series_query(
    *, metric: Sequence[str] = (), bucket: Sequence[str] = (), window: Sequence[str] = ()
) -> SeriesQuery:
    """Read what a series is asked for, from the values of each query parameter.

    Raises HandshakeError invalid_metric_query for an unknown name, or more than one.
    """
    return SeriesQuery(
        _chosen("metric", metric, _METRIC_NAMES, default="security_denial_total"),
        _chosen("bucket", bucket, _BUCKET_SIZES, default="hour"),
        parse_window(window),
    )


def _chosen(parameter: str, values: Sequence[str], choices: Mapping[str, Choice], *, default: str) -> Choice:
    name, *more = values or [default]
    if more or name not in choices:
        raise HandshakeError(INVALID_METRIC_QUERY, f"{parameter} must be one of: {', '.join(choices)}.")
    return choices[name]
