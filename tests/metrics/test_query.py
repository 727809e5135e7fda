"""Tests what the metrics endpoints can be asked."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.metrics.query import WINDOWS, parse_series_query, parse_window
from handshake.metrics.rollup import BUCKET_MS, BucketSize
from tests.support.metrics_events import DAY_MS, HOUR_MS, NOW_MS
from tests.support.refusals import refusal

LENGTHS = {("24h", "hour"): 24, ("24h", "day"): 1, ("7d", "hour"): 168, ("7d", "day"): 7} | {
    ("30d", "hour"): 720,
    ("30d", "day"): 30,
}


@given(st.sampled_from(sorted(WINDOWS)), st.sampled_from(sorted(BUCKET_MS)), st.integers(60 * DAY_MS, NOW_MS * 2))
def test_a_window_is_whole_consecutive_buckets_that_end_with_the_one_now_running(
    window: str, size: BucketSize, now_ms: int
) -> None:
    buckets = parse_window([window]).buckets(size, now_ms=now_ms)

    assert len(buckets) == LENGTHS[window, size]
    assert all(bucket.size == size and bucket.start_ms % BUCKET_MS[size] == 0 for bucket in buckets)
    assert all(later.start_ms - earlier.start_ms == BUCKET_MS[size] for earlier, later in pairwise(buckets))
    assert buckets[-1].start_ms <= now_ms < buckets[-1].start_ms + BUCKET_MS[size]


def test_windows_are_summed_over_the_largest_bucket_that_makes_them_up() -> None:
    assert {name: window.summed_over for name, window in WINDOWS.items()} == {
        "24h": "hour",
        "7d": "day",
        "30d": "day",
    }


def test_24_hours_are_the_running_hour_and_the_23_before_it() -> None:
    buckets = parse_window(["24h"]).buckets("hour", now_ms=NOW_MS)

    assert [buckets[0].start, buckets[-1].start] == ["2026-03-04T15:00:00Z", "2026-03-05T14:00:00Z"]


def test_7_days_are_today_and_the_6_utc_days_before_it() -> None:
    buckets = parse_window(["7d"]).buckets("day", now_ms=NOW_MS)

    assert [buckets[0].start, buckets[-1].start] == ["2026-02-27T00:00:00Z", "2026-03-05T00:00:00Z"]


def test_nothing_asked_is_security_denials_by_the_hour_over_24_hours() -> None:
    query = parse_series_query()

    assert (query.metric, query.bucket, query.window.name) == ("security_denial_total", "hour", "24h")
    assert query.buckets(now_ms=NOW_MS)[0].start_ms == NOW_MS - NOW_MS % HOUR_MS - 23 * HOUR_MS


@pytest.mark.parametrize(
    "asked",
    [
        *({"window": [name]} for name in ("", "24H", " 24h", "1d", "365d", "24h,7d")),
        *({"bucket": [name]} for name in ("", "minute", "week", "HOUR")),
        *({"metric": [name]} for name in ("", "uairs", "airtP50Ms", "events", "__class__")),
        {"window": ["24h", "24h"]},
        {"bucket": ["hour", "day"]},
        {"metric": ["gar", "gar"]},
    ],
)
def test_anything_else_is_refused(asked: dict[str, Any]) -> None:
    refused = refusal(lambda: parse_series_query(**asked))

    reason = refused.reason
    assert (reason.code, reason.status, reason.response_class) == ("invalid_metric_query", 400, "blocked")
    assert next(iter(asked)) in refused.message
