"""Hold the roll-ups against the events they are folded from, and make them equal.

Counting everything takes a while, and traffic goes on meanwhile. What is read and written, and in what order, is
chosen so that no event is lost or counted twice, and so that a rebuild that dies anywhere is finished by another.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from handshake.dynamo.context import Context
from handshake.metrics.agent_decisions import AgentDecisions, is_recent
from handshake.metrics.event_stream import UnreadableEventError, stored_events
from handshake.metrics.rollup import Bucket, RollUp, Tally, buckets_of, contribution, merged
from handshake.metrics.rollup_table import RollupTransaction, read_all_rollups

# By how much writers' clocks may differ from this one.
CLOCKS_MS: Final = 5_000
# How long after an event says it was appended it may still arrive: eight tries of a write and the pauses between.
LATE_MS: Final = 15_000
# An event that old has been folded, unless the projector is behind.
LAG_MS: Final = 5 * 60_000

# With the write that keeps the hold, what one transaction takes.
_REPLACED_AT_ONCE: Final = 99
# Nobody waits for any single call.
_CALL_S: Final = 20.0


# Stands for the shard of all that a rebuild counts of an agent.
_REBUILT: Final = "rebuilt"

T = TypeVar("T")
# A bucket, and what it is to hold.
Change = tuple[Bucket, RollUp]


class OvertakenError(Exception):
    """Another rebuild holds the roll-ups now; what this one wrote, that one overwrites."""


@dataclass(frozen=True)
class Difference:
    """A counter whose stored value the events do not explain; they add up to ``at_least`` .. ``at_most``.

    The two differ where events may or may not have been folded yet.
    """

    bucket: Bucket
    counter: str
    stored: int
    at_least: int
    at_most: int


@dataclass(frozen=True)
class Comparison:
    """The result of holding ``events`` events against ``rollups`` roll-ups. ``not_yet_folded`` is mere lag."""

    events: int
    rollups: int
    not_yet_folded: int
    unreadable: Sequence[str]
    differences: Sequence[Difference]

    @property
    def holds(self) -> bool:
        """Say whether every event is accounted for."""
        return not self.differences and not self.unreadable


@dataclass
class _Counted:
    """Roll-ups of the events: of those that must have been folded, and of those that may have been.

    ``agents`` is what was decided of each in the last 24 hours.
    """

    settled: dict[Bucket, RollUp] = field(default_factory=lambda: defaultdict(Counter))
    recent: dict[Bucket, RollUp] = field(default_factory=lambda: defaultdict(Counter))
    agents: dict[str, AgentDecisions] = field(default_factory=dict)
    events: int = 0
    unreadable: list[str] = field(default_factory=list)


def compare(context: Context) -> Comparison:
    """Count every event and compare; changes nothing.

    The roll-ups are read first: whatever they count by then, the events that are read after them hold. Raises
    StoreUnavailableError.
    """
    settled_before = context.now_ms() - LAG_MS
    stored = read_all_rollups(context.dynamo, context.tables.metrics)
    counted = _count(context, before_ms=context.now_ms() + CLOCKS_MS, settled_before_ms=settled_before)
    return _compared(stored, counted)


def rebuild(context: Context, *, stream: str, pause: Callable[[float], None]) -> Comparison:
    """Make the roll-ups equal to the events, and say how they differed before.

    Projectors of ``stream`` are held off by their checkpoints, so nothing else changes a roll-up. All events that
    were folded until then were appended before ``cut``. Once none from before it can still arrive, those are
    counted, and projectors go on with the others. Raises StoreUnavailableError, and OvertakenError when another
    rebuild took over. Whatever it raises, and wherever it dies, the hold stays until a rebuild succeeds.
    """
    own_id = context.new_id()
    tx = RollupTransaction(context.within(_CALL_S))
    tx.hold(stream, by=own_id)
    tx.commit()
    held_at = context.now_ms()
    cut = held_at + CLOCKS_MS
    stored = read_all_rollups(context.dynamo, context.tables.metrics)
    while (left := cut + CLOCKS_MS + LATE_MS - context.now_ms()) > 0:
        pause(left / 1000)
    counted = _count(context, before_ms=cut, settled_before_ms=held_at - LAG_MS)
    for changes in _batches(_changes(stored, counted)):
        tx = RollupTransaction(context.within(_CALL_S))
        tx.keep_hold(stream, by=own_id)
        for bucket, rollup in changes:
            tx.replace_rollup(bucket, rollup)
        _ensure_not_overtaken(tx)
    for agents in _batches(counted.agents.items()):
        tx = RollupTransaction(context.within(_CALL_S))
        tx.keep_hold(stream, by=own_id)
        for agent, decisions in agents:
            tx.replace_agent_decisions(agent, decisions)
        _ensure_not_overtaken(tx)
    tx = RollupTransaction(context.within(_CALL_S))
    tx.release(stream, by=own_id, counted_before_ms=cut)
    _ensure_not_overtaken(tx)
    return _compared(stored, counted)


def _count(context: Context, *, before_ms: int, settled_before_ms: int) -> _Counted:
    counted = _Counted()
    for found in stored_events(context.dynamo.within(_CALL_S), context.tables.metrics):
        if isinstance(found, UnreadableEventError):
            counted.unreadable.append(str(found))
        elif found.appended_at_ms < before_ms:
            counted.events += 1
            rollups = counted.settled if found.appended_at_ms < settled_before_ms else counted.recent
            added = contribution(found.event)
            for bucket in buckets_of(found.event):
                rollups[bucket].update(added)
            if found.event.agent and is_recent(found.event, now_ms=before_ms):
                counted.agents.setdefault(found.event.agent, AgentDecisions()).add(found.event, _REBUILT)
    return counted


def _changes(stored: Mapping[Bucket, RollUp], counted: _Counted) -> Iterator[Change]:
    for bucket in sorted({*stored, *counted.settled, *counted.recent}):
        whole = merged([counted.settled[bucket], counted.recent[bucket]])
        if stored.get(bucket) != whole:
            yield bucket, whole


def _batches(changes: Iterable[T]) -> Iterator[list[T]]:
    left = iter(changes)
    while batch := list(islice(left, _REPLACED_AT_ONCE)):
        yield batch


def _ensure_not_overtaken(tx: RollupTransaction) -> None:
    if not tx.commit():
        raise OvertakenError


def _compared(stored: Mapping[Bucket, RollUp], counted: _Counted) -> Comparison:
    differences: list[Difference] = []
    not_yet_folded = 0
    for bucket in sorted({*stored, *counted.settled, *counted.recent}):
        held, settled = stored.get(bucket, Counter()), counted.settled[bucket]
        found = list(_differences(bucket, held, settled, merged([settled, counted.recent[bucket]])))
        differences += found
        if bucket.size == "hour" and not found:
            not_yet_folded += settled[Tally.EVENTS] + counted.recent[bucket][Tally.EVENTS] - held[Tally.EVENTS]
    return Comparison(counted.events, len(stored), not_yet_folded, counted.unreadable, differences)


def _differences(bucket: Bucket, stored: RollUp, least: RollUp, most: RollUp) -> Iterator[Difference]:
    # With none of the recent events folded, or all of them, there is only one right value.
    if stored[Tally.EVENTS] == least[Tally.EVENTS]:
        most = least
    elif stored[Tally.EVENTS] == most[Tally.EVENTS]:
        least = most
    for counter in sorted({*stored, *most}):
        if not least[counter] <= stored[counter] <= most[counter]:
            yield Difference(bucket, counter, stored[counter], least[counter], most[counter])
