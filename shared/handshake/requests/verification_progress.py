"""Keeps how far the nightly verification of evidence has come, lane by lane, in the runtime key-value table.

A lane is what one run works on at a time: a shard of what was recorded the day before, a part of a night's thirtieth
of the workflow or the metrics table, all policies, all agents or all people. It goes from night to night and leaves
none out: a night that is not done when the next begins is done first. Each write names the version that it follows, so
two runs never move one lane; the lease only keeps the second from trying.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Transaction, unread
from handshake.requests.decision import utc_day
from handshake.requests.table import RECORDED_SHARDS

LaneKind = Literal["policies", "agents", "people", "recorded", "requests", "events"]

NIGHTS: Final = 30
"""Nights after which all of the workflow and the metrics table was looked at."""
PARTS: Final = 4
"""Lanes that share a night's thirtieth of a table."""
KEY_PREFIX: Final = "verification#"
NAMED: Final = 20
"""Findings that a lane keeps by name."""
MAX_NAMED_LENGTH: Final = 1000
"""Characters that it keeps of each: with whatever was written to the tables in it, a lane still fits an item."""

_DAY_MS: Final = 24 * 60 * 60 * 1000
# By then whatever was recorded the day before is in the table and in its index.
_BEGINS_MS: Final = 60 * 60 * 1000


@dataclass(frozen=True)
class Lane:
    """One of the kinds of work, and which part of it."""

    kind: LaneKind
    number: int

    @property
    def key(self) -> Key:
        """Give the key of its item."""
        return {"kv_key": f"{KEY_PREFIX}{self.kind}#{self.number}"}


LANES: Final[Sequence[Lane]] = (
    Lane("policies", 0),
    Lane("agents", 0),
    Lane("people", 0),
    *(Lane("recorded", number) for number in range(RECORDED_SHARDS)),
    *(Lane("requests", number) for number in range(PARTS)),
    *(Lane("events", number) for number in range(PARTS)),
)


@dataclass(frozen=True)
class Progress:
    """Says where a lane stands: in ``night``, after the key ``start``, with ``checked`` items of that night behind it.

    ``broken`` counts the findings of the last night that had any, ``broken_night``; ``named`` are the first of them.
    Until ``leased_until_ms`` a run is at it. ``version`` counts its writes; 0 is a lane that was never written.
    """

    lane: Lane
    night: int
    start: Item | None = None
    checked: int = 0
    broken: int = 0
    broken_night: int | None = None
    named: tuple[str, ...] = ()
    leased_until_ms: int = 0
    moved_at_ms: int | None = None
    version: int = 0

    def due(self, tonight: int, now_ms: int) -> bool:
        """Say whether there is work for a run, and none is at it."""
        return self.night <= tonight and self.leased_until_ms <= now_ms

    def after(self, checked: int, findings: Sequence[str], next_key: Item | None) -> "Progress":
        """Move on past a page: to ``next_key``, or where there is none to the next night."""
        moved = replace(self, start=next_key, checked=self.checked + checked)
        if findings:
            earlier = self.named if self.broken_night == self.night else ()
            count = self.broken if self.broken_night == self.night else 0
            moved = replace(
                moved,
                broken=count + len(findings),
                broken_night=self.night,
                named=(*earlier, *(finding[:MAX_NAMED_LENGTH] for finding in findings))[:NAMED],
            )
        return moved if next_key else replace(moved, night=self.night + 1, checked=0)


def night_of(now_ms: int) -> int:
    """Give the night whose work is due: days since the epoch, each from an hour past midnight (UTC)."""
    return (now_ms - _BEGINS_MS) // _DAY_MS


def day_before(night: int) -> str:
    """Give the UTC day that was over when ``night`` began."""
    return utc_day((night - 1) * _DAY_MS)


def segment(lane: Lane, night: int) -> dict[str, int]:
    """Give Scan's options for the part of its table that a lane looks at in ``night``: in NIGHTS of them, all of it."""
    return {"Segment": night % NIGHTS * PARTS + lane.number, "TotalSegments": NIGHTS * PARTS}


def read_progress(context: Context) -> list[Progress]:
    """Read where every lane stands; one that was never written begins tonight. Raises StoreUnavailableError.

    So does one that is further than any run can have moved it: who writes tables cannot have it never due again.
    """
    items = context.dynamo.batch_get([(context.tables.runtime_kv, lane.key) for lane in LANES])
    tonight = night_of(context.now_ms())
    return [_progress(lane, item, tonight) for lane, item in zip(LANES, items, strict=True)]


class ProgressTransaction(Transaction):
    """Writes of the lanes."""

    def move(self, seen: Progress, moved: Progress) -> None:
        """Write ``moved`` if the lane is still as it was ``seen``."""
        item: dict[str, Any] = {
            **moved.lane.key,
            "night": moved.night,
            "start": json.dumps(moved.start, default=int) if moved.start else None,
            "checked": moved.checked,
            "broken": moved.broken,
            "broken_night": moved.broken_night,
            "named": list(moved.named),
            "leased_until": moved.leased_until_ms,
            "moved_at": moved.moved_at_ms,
            "version": moved.version,
        }
        condition, values = ("version = :seen", {":seen": seen.version}) if seen.version else (_NONE_YET, {})
        self._add(Put(self._context.tables.runtime_kv, item, condition, values), unread)


_NONE_YET: Final = "attribute_not_exists(kv_key)"


def _progress(lane: Lane, item: Item | None, tonight: int) -> Progress:
    if item is None:
        return Progress(lane, tonight)
    broken_night, moved_at = item.get("broken_night"), item.get("moved_at")
    # A lane that is done stands at the next night.
    possible = item["night"] <= tonight + 1
    return Progress(
        lane=lane,
        night=int(item["night"]) if possible else tonight,
        start=json.loads(item["start"]) if possible and item.get("start") else None,
        checked=int(item["checked"]),
        broken=int(item["broken"]),
        broken_night=None if broken_night is None else int(broken_night),
        named=tuple(item["named"]),
        leased_until_ms=int(item["leased_until"]),
        moved_at_ms=None if moved_at is None else int(moved_at),
        version=int(item["version"]),
    )
