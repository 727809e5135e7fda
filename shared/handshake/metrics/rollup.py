"""Roll-ups: what the events of an hour or a day add up to, in counters that merge by addition.

Every counter is a whole number, so any split of the events, in any order, adds up to exactly the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import Final, Literal, NamedTuple

from handshake.core.reasons import FAMILIES, SECURITY_DENIALS, UNKNOWN_FAMILY, ReasonCode
from handshake.metrics.events import MetricsEvent
from handshake.metrics.histogram import bin_of

ROLLUP_SCHEMA_VERSION: Final = "v1"
PROJECTOR_VERSION: Final = "v1"

BucketSize = Literal["hour", "day"]
BUCKET_MS: Final[Mapping[BucketSize, int]] = {"hour": 60 * 60 * 1000, "day": 24 * 60 * 60 * 1000}

# Costs are kept as whole billionths, which add without rounding.
COST_SCALE: Final = 10**9

RollUp = Counter[str]

_FAMILY_PREFIX: Final = "family_"
_AIRT_PREFIX: Final = "airt_"
# Before each of the others: what of them was reported.
_REPORTED_PREFIX: Final = "reported_"


class Bucket(NamedTuple):
    """One UTC hour or day. ``start_ms`` is its first millisecond, epoch ms."""

    size: BucketSize
    start_ms: int

    @classmethod
    def holding(cls, size: BucketSize, time_ms: int) -> "Bucket":
        """Give the bucket of ``size`` that ``time_ms`` falls into."""
        return cls(size, time_ms - time_ms % BUCKET_MS[size])

    @property
    def start(self) -> str:
        """Give the start in ISO 8601, to the second, as roll-ups are ordered by in the store."""
        return datetime.fromtimestamp(self.start_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Tally(StrEnum):
    """The counters every roll-up may hold, beside those of reason families and of AIRT."""

    EVENTS = auto()
    DENIED = auto()
    SECURITY_DENIED = auto()
    REPLAY_DETECTED = auto()
    REPLAY_GUARD_UNAVAILABLE = auto()
    HIGH_RISK = auto()
    HIGH_RISK_STOPPED = auto()
    ALLOWED = auto()
    ALLOWED_WITH_LINEAGE = auto()
    TERMINAL = auto()
    COST = auto()


def _high_risk(event: MetricsEvent) -> bool:
    return event.risk_tier in ("high", "critical")


# What is counted, and when: the definitions of contract.md section 5.
_COUNTED_WHEN: Final[Mapping[Tally, Callable[[MetricsEvent], bool]]] = {
    Tally.EVENTS: lambda _: True,
    Tally.DENIED: lambda event: event.decision == "deny",
    Tally.SECURITY_DENIED: lambda event: event.decision == "deny" and event.reason_code in SECURITY_DENIALS,
    Tally.REPLAY_DETECTED: lambda event: event.reason_code == ReasonCode.SECURITY_REPLAY_DETECTED,
    Tally.REPLAY_GUARD_UNAVAILABLE: lambda event: event.reason_code == ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE,
    Tally.HIGH_RISK: _high_risk,
    Tally.HIGH_RISK_STOPPED: lambda event: _high_risk(event) and event.decision != "allow",
    Tally.ALLOWED: lambda event: event.decision == "allow",
    Tally.ALLOWED_WITH_LINEAGE: lambda event: event.decision == "allow" and event.has_valid_lineage,
    Tally.TERMINAL: lambda event: event.is_terminal,
}


def buckets_of(event: MetricsEvent) -> list[Bucket]:
    """Give the hour and the day that ``event`` counts towards."""
    return [Bucket.holding(size, event.timestamp_ms) for size in BUCKET_MS]


def contribution(event: MetricsEvent) -> RollUp:
    """Count what ``event`` alone adds to each of its roll-ups; no counter in it is zero."""
    rollup = Counter[str](tally.value for tally, counted in _COUNTED_WHEN.items() if counted(event))
    # Attribute names come from here, so an event cannot be let choose one.
    family = event.reason_family if event.reason_family in FAMILIES else UNKNOWN_FAMILY
    rollup[_FAMILY_PREFIX + family] += 1
    if event.incident_detected_ms is not None and event.terminal_decision_ms is not None:
        # Two machines' clocks may disagree by a moment.
        airt_ms = max(0, event.terminal_decision_ms - event.incident_detected_ms)
        rollup[f"{_AIRT_PREFIX}{bin_of(airt_ms)}"] += 1
    cost = event.human_minutes + event.compute_cost_units + event.escalation_overhead_units
    rollup += Counter({Tally.COST.value: int(cost * COST_SCALE)})
    if event.reported:
        rollup.update({_REPORTED_PREFIX + name: count for name, count in rollup.items()})
    return rollup


def roll_up(events: Iterable[MetricsEvent]) -> dict[Bucket, RollUp]:
    """Give the hourly and daily roll-ups of ``events``."""
    rollups: defaultdict[Bucket, RollUp] = defaultdict(Counter)
    for event in events:
        added = contribution(event)
        for bucket in buckets_of(event):
            rollups[bucket].update(added)
    return dict(rollups)


def merged(rollups: Iterable[RollUp]) -> RollUp:
    """Give the roll-up of all that ``rollups`` count."""
    total: RollUp = Counter()
    for rollup in rollups:
        total.update(rollup)
    return total


def families(rollup: RollUp) -> dict[str, int]:
    """Count events by reason family."""
    return _under(_FAMILY_PREFIX, rollup)


def reported(rollup: RollUp) -> RollUp:
    """Give the part of ``rollup`` that callers reported; it counts towards the whole too."""
    return Counter(_under(_REPORTED_PREFIX, rollup))


def own(rollup: RollUp) -> RollUp:
    """Give the part of ``rollup`` that the service itself decided or denied."""
    by_others = reported(rollup)
    return +Counter(
        {name: count - by_others[name] for name, count in rollup.items() if not name.startswith(_REPORTED_PREFIX)}
    )


def airt_histogram(rollup: RollUp) -> dict[int, int]:
    """Count closed incidents by the histogram bin of their duration."""
    return {int(index): count for index, count in _under(_AIRT_PREFIX, rollup).items()}


def _under(prefix: str, rollup: RollUp) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in rollup.items() if name.startswith(prefix)}
