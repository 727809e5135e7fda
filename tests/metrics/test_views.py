"""Tests what the metrics endpoints answer, against the contract's definitions computed the plain way."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode
from handshake.metrics import views as metric_views
from handshake.metrics.events import MetricsEvent
from handshake.metrics.formulas import METRICS
from handshake.metrics.query import WINDOWS, parse_series_query
from handshake.metrics.rollup import Bucket, RollUp, roll_up
from tests.support.metrics_events import NOW_MS, an_event, events, plain_metric

AIRT_TOLERANCE = 0.013
SUMMARY_FIELDS = {
    "uair": "uair",
    "airt_p50_ms": "airtP50Ms",
    "airt_p95_ms": "airtP95Ms",
    "gar": "gar",
    "tca": "tca",
    "security_replay_detected_total": "replayDetectedEvents",
    "security_replay_guard_unavailable_total": "replayGuardUnavailableEvents",
}


@given(st.lists(events(), max_size=30), st.sampled_from(sorted(WINDOWS)))
def test_a_summary_equals_a_plain_computation_over_the_events_of_its_window(
    happened: list[MetricsEvent], window: str
) -> None:
    buckets = WINDOWS[window].buckets(WINDOWS[window].summed_over, now_ms=NOW_MS)
    within = [event for event in happened if event.timestamp_ms >= buckets[0].start_ms]

    answer = metric_views.summary(WINDOWS[window], _rollups(happened, buckets))

    values: Mapping[str, object] = answer
    for metric, field in SUMMARY_FIELDS.items():
        assert values[field] == pytest.approx(plain_metric(metric, within)[0], rel=_tolerance(metric), abs=0)
    assert answer["totalEvents"] == len(within)
    assert answer["denialEvents"] == sum(event.decision == "deny" for event in within)


@given(
    st.lists(events(), max_size=30),
    st.sampled_from(sorted(METRICS)),
    st.sampled_from(["hour", "day"]),
    st.sampled_from(sorted(WINDOWS)),
)
def test_each_point_of_a_series_equals_a_plain_computation_over_the_events_of_its_bucket(
    happened: list[MetricsEvent], metric: str, size: str, window: str
) -> None:
    query = parse_series_query(metric=[metric], bucket=[size], window=[window])
    buckets = query.buckets(now_ms=NOW_MS)

    answer = metric_views.series(query, buckets, _rollups(happened, buckets))

    assert [point["timestamp"] for point in answer["series"]] == [bucket.start_ms for bucket in buckets]
    for bucket, point in zip(buckets, answer["series"], strict=True):
        of_bucket = [event for event in happened if Bucket.holding(bucket.size, event.timestamp_ms) == bucket]
        value, samples = plain_metric(metric, of_bucket)
        assert point["value"] == pytest.approx(value, rel=_tolerance(metric), abs=0)
        assert point["sampleCount"] == samples


@given(st.lists(events(earliest_ms=NOW_MS - 60_000), max_size=30))
def test_families_share_out_all_events_largest_first(happened: list[MetricsEvent]) -> None:
    answer = metric_views.reasons(WINDOWS["24h"], roll_up(happened).values())

    families = answer["families"]
    # Both the hour's and the day's roll-up were given, so each event counts twice.
    assert answer["total"] == sum(family["count"] for family in families) == 2 * len(happened)
    assert [family["count"] for family in families] == sorted((family["count"] for family in families), reverse=True)
    assert sum(family["percentage"] for family in families) == pytest.approx(1 if happened else 0)


def test_an_answer_has_exactly_the_fields_of_the_contract() -> None:
    query = parse_series_query(metric=["gar"], bucket=["day"])
    [bucket] = query.buckets(now_ms=NOW_MS)
    rollup = roll_up([an_event(reason_code="nobody_knows")])[bucket]
    versions = {"schemaVersion": "v1", "projectorVersion": "v1"}

    assert metric_views.summary(query.window, [rollup]) == {
        "window": "24h",
        **versions,
        "uair": 0,
        "airtP50Ms": 0,
        "airtP95Ms": 0,
        "gar": 1,
        "tca": 0,
        "totalEvents": 1,
        "denialEvents": 0,
        "replayDetectedEvents": 0,
        "replayGuardUnavailableEvents": 0,
    }
    assert metric_views.series(query, [bucket], [rollup]) == {
        "metric": "gar",
        "bucket": "day",
        "window": "24h",
        **versions,
        "series": [{"timestamp": bucket.start_ms, "value": 1, "sampleCount": 1}],
    }
    assert metric_views.reasons(query.window, [rollup]) == {
        "window": "24h",
        **versions,
        "total": 1,
        "families": [{"reasonFamily": "unknown", "count": 1, "percentage": 1}],
    }


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_no_data_is_told_apart_from_zero_by_its_samples(metric: str) -> None:
    query = parse_series_query(metric=[metric], bucket=["day"])
    [bucket] = query.buckets(now_ms=NOW_MS)
    # An allowed, high-risk incident without lineage that took no time and cost nothing: every metric is zero.
    zero = an_event(risk_tier="high", has_valid_lineage=False, incident_detected_ms=NOW_MS, terminal_decision_ms=NOW_MS)

    [nothing] = metric_views.series(query, [bucket], [RollUp()])["series"]
    [something] = metric_views.series(query, [bucket], [roll_up([zero])[bucket]])["series"]

    assert (nothing["value"], nothing["sampleCount"]) == (0, 0)
    assert (something["value"], something["sampleCount"]) == (0, 1)


def test_a_security_code_that_denies_nothing_is_no_security_denial() -> None:
    code = ReasonCode.SECURITY_REPLAY_DETECTED.value
    counted = [an_event(decision=decision, reason_code=code) for decision in ("allow", "deny", "escalate")]
    rollup = roll_up(counted)[Bucket.holding("day", NOW_MS)]

    assert METRICS["security_denial_total"](rollup).value == 1
    assert METRICS["security_replay_detected_total"](rollup).value == 3


def _rollups(happened: list[MetricsEvent], buckets: Sequence[Bucket]) -> list[RollUp]:
    rollups = roll_up(happened)
    return [rollups.get(bucket, RollUp()) for bucket in buckets]


def _tolerance(metric: str) -> float:
    return AIRT_TOLERANCE if metric.startswith("airt") else 1e-12
