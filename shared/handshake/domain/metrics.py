"""The metrics: how each is computed from a roll-up, and over how many samples (contract.md section 5)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from handshake.domain.histogram import percentile
from handshake.domain.rollup import COST_SCALE, RollUp, Tally, airt_histogram


@dataclass(frozen=True)
class Metric:
    """How to compute a value, and the number of samples behind it. The value of no samples is 0."""

    value: Callable[[RollUp], float]
    samples: Callable[[RollUp], int]


def _count(tally: Tally) -> Metric:
    return Metric(lambda rollup: rollup[tally], lambda rollup: rollup[Tally.EVENTS])


def _ratio(part: Tally, whole: Tally, *, scale: int = 1) -> Metric:
    def value(rollup: RollUp) -> float:
        return rollup[part] / (rollup[whole] * scale) if rollup[whole] else 0.0

    return Metric(value, lambda rollup: rollup[whole])


def _airt(percent: int) -> Metric:
    return Metric(
        lambda rollup: percentile(airt_histogram(rollup), percent),
        lambda rollup: sum(airt_histogram(rollup).values()),
    )


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
