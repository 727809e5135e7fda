"""Counts what was decided of each agent's submissions in the last 24 hours, by agent and hour, and says when last.

An agent is named by a digest, as events name it. Its counters are whole numbers that add up in any order. A shard's
events come in their order, so when its last one was is the shard's own to write; of all shards the latest counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from handshake.core.tiers import Outcome
from handshake.metrics.events import MetricsEvent
from handshake.metrics.rollup import BUCKET_MS

HOURS: Final = 24
_OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
_LAST_PREFIX: Final = "last_"


@dataclass
class AgentDecisions:
    """Counters of one agent, by the names that they are stored under, and the time (epoch ms) of each shard's last."""

    counts: Counter[str] = field(default_factory=Counter)
    last_ms: dict[str, int] = field(default_factory=dict)

    def add(self, event: MetricsEvent, shard: str) -> None:
        """Count ``event``, which ``shard`` holds."""
        self.counts[_counter(event.decision, _hour(event.timestamp_ms))] += 1
        name = _LAST_PREFIX + shard
        self.last_ms[name] = max(self.last_ms.get(name, 0), event.timestamp_ms)


@dataclass(frozen=True)
class RecentDecisions:
    """Counts what an agent got in the last 24 hours, the hour now running included, and says when it got the last."""

    last_at_ms: int | None = None
    counts: Mapping[Outcome, int] = field(default_factory=lambda: dict.fromkeys(_OUTCOMES, 0))


def by_agent(events: Iterable[tuple[str, MetricsEvent]]) -> dict[str, AgentDecisions]:
    """Count those of ``events``, each beside its shard, that decided an agent's submission."""
    agents: dict[str, AgentDecisions] = {}
    for shard, event in events:
        if event.agent:
            agents.setdefault(event.agent, AgentDecisions()).add(event, shard)
    return agents


def recent(item: Mapping[str, Any] | None, *, now_ms: int) -> RecentDecisions:
    """Give what the stored counters of an agent say at ``now_ms`` (epoch ms)."""
    if item is None:
        return RecentDecisions()
    hours = range(_hour(now_ms) - HOURS + 1, _hour(now_ms) + 1)
    counts = {outcome: sum(int(item.get(_counter(outcome, hour), 0)) for hour in hours) for outcome in _OUTCOMES}
    times = [int(value) for name, value in item.items() if name.startswith(_LAST_PREFIX)]
    return RecentDecisions(max(times, default=None), counts)


def outlived(item: Mapping[str, Any] | None, *, now_ms: int) -> list[str]:
    """Name the counters of a stored item that are too old to be asked for."""
    oldest = _hour(now_ms) - HOURS
    counters = [name.rpartition("_") for name in item or ()]
    return [f"{outcome}_{hour}" for outcome, _, hour in counters if outcome in _OUTCOMES and int(hour) < oldest]


def is_recent(event: MetricsEvent, *, now_ms: int) -> bool:
    """Say whether ``event`` is one of the last 24 hours."""
    return _hour(event.timestamp_ms) > _hour(now_ms) - HOURS


def _hour(time_ms: int) -> int:
    return time_ms // BUCKET_MS["hour"]


def _counter(outcome: Outcome, hour: int) -> str:
    return f"{outcome}_{hour}"
