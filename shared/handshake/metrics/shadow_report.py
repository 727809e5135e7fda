"""Tells what shadows of policies would have decided: named in the events of decisions, and counted by the projector.

It is no evidence, for it decides nothing. Counters are whole numbers that add up in any order; of the requests that a
change was seen on a few are kept, one for each of some slots, the latest of those that fall into it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from handshake.core.jsonio import canonical, digest
from handshake.core.tiers import Outcome
from handshake.metrics.events import MetricsEvent

EXAMPLES: Final = 10
_CHANGE_DIGITS: Final = 16


class Shadowed(NamedTuple):
    """Says what version ``number`` of a shadow of ``scope`` (its partition) would have decided, and by what."""

    scope: str
    number: int
    outcome: Outcome
    policy: str


class Shadow(NamedTuple):
    """Names a shadow: its scope, as its partition is called, and the number of its version."""

    scope: str
    number: int


class Change(NamedTuple):
    """A decision as it was made, as the shadow would have made it, and what of the shadow decided."""

    before: Outcome
    after: Outcome
    policy: str

    @property
    def key(self) -> str:
        """Give a short text that stands for it."""
        return digest(list(self))[:_CHANGE_DIGITS]


@dataclass
class ShadowReport:
    """Counts what a shadow was judged on, and each change; ``examples`` are requestIds by change and slot."""

    judged: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    examples: dict[Change, dict[int, str]] = field(default_factory=dict)

    def add(self, event: MetricsEvent, shadowed: Shadowed) -> None:
        """Count what a shadow says of the decision that ``event`` tells of."""
        self.judged += 1
        if shadowed.outcome != event.decision:
            change = Change(event.decision, shadowed.outcome, shadowed.policy)
            self.changes[change] += 1
            self.examples.setdefault(change, {})[_slot(event.request_id)] = event.request_id


def shadows_text(shadows: Sequence[Shadowed]) -> str:
    """Give what an event keeps of the shadows that were judged on its decision."""
    return canonical([list(shadowed) for shadowed in shadows])


def by_shadow(events: Iterable[MetricsEvent]) -> dict[Shadow, ShadowReport]:
    """Count what the shadows named in ``events`` would have decided."""
    reports: dict[Shadow, ShadowReport] = {}
    for event in events:
        for shadowed in shadows_of(event):
            reports.setdefault(Shadow(shadowed.scope, shadowed.number), ShadowReport()).add(event, shadowed)
    return reports


def shadows_of(event: MetricsEvent) -> list[Shadowed]:
    """Give what an event says of shadows."""
    return [Shadowed(*kept) for kept in json.loads(event.shadows or "[]")]


def _slot(request_id: str) -> int:
    return int(digest(request_id)[:8], 16) % EXAMPLES
