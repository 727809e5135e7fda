"""Percentiles out of bins."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.metrics.histogram import bin_of, percentile
from tests.support.metrics_events import nearest_rank

# What the contract promises of AIRT.
TOLERANCE = 0.013
YEARS_270_MS = 2**43


def _percentile(durations: list[int], percent: int) -> float:
    return percentile(Counter(map(bin_of, durations)), percent)


@given(st.lists(st.integers(0, YEARS_270_MS), min_size=1), st.integers(1, 100))
@example([0, 0, 1], 95)
@example(list(range(1, 101)), 95)
def test_every_percentile_is_within_the_promised_error_of_the_nearest_rank(durations: list[int], percent: int) -> None:
    exact = nearest_rank(sorted(durations), percent)

    assert _percentile(durations, percent) == pytest.approx(exact, rel=TOLERANCE, abs=0)


def test_the_error_is_bounded_at_the_edges_of_every_bin() -> None:
    edges = {1, YEARS_270_MS}
    for index in range(1, bin_of(YEARS_270_MS)):
        low = _first_duration_beyond(index)
        edges |= {max(1, low - 1), low, low + 1}

    for duration in edges:
        assert _percentile([duration], 50) == pytest.approx(duration, rel=TOLERANCE, abs=0)


def test_zero_is_exact() -> None:
    assert _percentile([0], 50) == 0


def test_nothing_has_a_percentile_of_zero() -> None:
    assert percentile({}, 95) == 0


def test_a_histogram_stays_small_whatever_it_counts() -> None:
    assert bin_of(YEARS_270_MS) < 1200


def _first_duration_beyond(index: int) -> int:
    low, high = 1, YEARS_270_MS
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if bin_of(middle) <= index else (low, middle)
    return low
