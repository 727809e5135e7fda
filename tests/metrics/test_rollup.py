"""Roll-ups: what events add up to."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.metrics.events import MetricsEvent
from handshake.metrics.rollup import Bucket, buckets_of, contribution, families, merged, roll_up
from tests.support.metrics_events import DAY_MS, HOUR_MS, NOW_MS, an_event, events


@given(st.lists(st.tuples(events(), st.integers(0, 3))), st.permutations(range(4)))
def test_events_folded_in_any_split_and_order_add_up_to_the_same(
    parted: list[tuple[MetricsEvent, int]], order: list[int]
) -> None:
    parts = [roll_up(event for event, part in parted if part == which) for which in order]

    whole = roll_up(event for event, _ in parted)

    assert whole == {bucket: merged(part.get(bucket, Counter()) for part in parts) for bucket in whole}
    assert whole.keys() == {bucket for part in parts for bucket in part}


@given(events())
def test_an_event_counts_towards_its_hour_and_its_day(event: MetricsEvent) -> None:
    hour, day = buckets_of(event)

    assert hour.size == "hour"
    assert day.size == "day"
    assert hour.start_ms % HOUR_MS == 0
    assert day.start_ms % DAY_MS == 0
    assert 0 <= event.timestamp_ms - hour.start_ms < HOUR_MS
    assert 0 <= event.timestamp_ms - day.start_ms < DAY_MS
    assert roll_up([event]) == {hour: contribution(event), day: contribution(event)}


def test_bucket_starts_read_as_utc_times_and_sort_as_they_follow() -> None:
    assert Bucket.holding("hour", NOW_MS).start == "2026-03-05T14:00:00Z"
    assert Bucket.holding("day", NOW_MS).start == "2026-03-05T00:00:00Z"
    assert Bucket.holding("day", 0).start < Bucket.holding("day", NOW_MS).start


def test_a_family_that_is_not_the_registrys_is_counted_as_unknown() -> None:
    stray = MetricsEvent(**{**vars(an_event()), "reason_family": "alice@example.com"})

    assert families(contribution(stray)) == {"unknown": 1}


def test_an_incident_that_two_clocks_end_before_it_began_took_no_time() -> None:
    event = an_event(incident_detected_ms=NOW_MS, terminal_decision_ms=NOW_MS - 3)

    assert contribution(event)["airt_0"] == 1


@pytest.mark.parametrize("missing", ["incident_detected_ms", "terminal_decision_ms"])
def test_an_incident_without_both_ends_has_no_duration(missing: str) -> None:
    ends = {"incident_detected_ms": NOW_MS, "terminal_decision_ms": NOW_MS}
    event = an_event(**{**ends, missing: None})

    assert not any(name.startswith("airt_") for name in contribution(event))


def test_costs_add_up_exactly() -> None:
    tenth = an_event(human_minutes=Decimal("0.1"), compute_cost_units=Decimal("1e-9"))

    assert merged(contribution(tenth) for _ in range(3))["cost"] == 300_000_003
