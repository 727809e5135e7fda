"""Durations counted in bins that grow by a constant factor, so that any percentile errs by a bounded share.

Counts of the same bin add up, so histograms merge like any other counter. The bins are those of DDSketch
(Masson, Rim, Lee: "DDSketch", VLDB 2019).
"""

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

# The contract allows 1.3 %; the remainder covers floating point at a bin's edge.
RELATIVE_ERROR: Final = 0.0125
_GROWTH: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)


def bin_of(duration_ms: int) -> int:
    """Give the bin that counts ``duration_ms`` (zero or more). Zero, which has no logarithm, is alone in bin 0."""
    return 1 + math.ceil(math.log(duration_ms, _GROWTH)) if duration_ms else 0


def percentile(histogram: Mapping[int, int], percent: int) -> float:
    """Give the ``percent``-th percentile (1 to 100) by nearest rank, ms, within RELATIVE_ERROR; 0 when empty."""
    bins = sorted(histogram)
    rank = math.ceil(percent * sum(histogram.values()) / 100)
    reached = accumulate(histogram[index] for index in bins)
    return next((_middle(index) for index, count in zip(bins, reached, strict=True) if count >= rank), 0.0)


def _middle(index: int) -> float:
    """Give the value whose relative distance to both edges of bin ``index`` is the same."""
    return 2 * _GROWTH ** (index - 1) / (_GROWTH + 1) if index else 0.0
