"""The metrics: how each is read off a roll-up (contract.md section 5)."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from handshake.metrics.histogram import percentile
from handshake.metrics.rollup import COST_SCALE, RollUp, Tally, airt_histogram


class Reading(NamedTuple):
    """A metric's value and the number of samples behind it. The value of no samples is 0."""

    value: float
    samples: int


Metric = Callable[[RollUp], Reading]


def _count(tally: Tally) -> Metric:
    return lambda rollup: Reading(rollup[tally], rollup[Tally.EVENTS])


def _ratio(part: Tally, whole: Tally, *, scale: int = 1) -> Metric:
    def read(rollup: RollUp) -> Reading:
        samples = rollup[whole]
        return Reading(rollup[part] / (samples * scale) if samples else 0.0, samples)

    return read


def _airt(percent: int) -> Metric:
    def read(rollup: RollUp) -> Reading:
        histogram = airt_histogram(rollup)
        return Reading(percentile(histogram, percent), sum(histogram.values()))

    return read


METRICS: Final[Mapping[str, Metric]] = {
    "uair": _ratio(Tally.HIGH_RISK_STOPPED, Tally.HIGH_RISK),
    "airt_p50_ms": _airt(50),
    "airt_p95_ms": _airt(95),
    "gar": _ratio(Tally.ALLOWED_WITH_LINEAGE, Tally.ALLOWED),
    "tca": _ratio(Tally.COST, Tally.TERMINAL, scale=COST_SCALE),
    "security_denial_total": _count(Tally.SECURITY_DENIED),
    "security_replay_detected_total": _count(Tally.REPLAY_DETECTED),
    "security_replay_guard_unavailable_total": _count(Tally.REPLAY_GUARD_UNAVAILABLE),
}
