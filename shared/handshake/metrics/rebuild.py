"""Hold the roll-ups against the events they are folded from, and make them equal.

Counting everything takes a while, and traffic goes on meanwhile. What is read and written, and in what order, is
chosen so that no event is lost or counted twice, and so that a rebuild that dies anywhere is finished by another.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from handshake.dynamo.client import ConditionFailedError, Write
from handshake.dynamo.context import Context
from handshake.metrics.event_stream import UnreadableEventError, stored_events
from handshake.metrics.rollup import Bucket, RollUp, Tally, buckets_of, contribution, merged
from handshake.metrics.rollup_table import hold, keep_hold, read_all_rollups, release, replace

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
    """What ``events`` readable events say about ``rollups`` stored roll-ups. ``not_yet_folded`` is mere lag."""

    events: int
    rollups: int
    not_yet_folded: int
    unreadable: Sequence[str]
    differences: Sequence[Difference]

    @property
    def holds(self) -> bool:
        """Whether every event is accounted for."""
        return not self.differences and not self.unreadable


@dataclass
class _Counted:
    """Roll-ups of the events: of those that must have been folded, and of those that may have been."""

    settled: dict[Bucket, RollUp] = field(default_factory=lambda: defaultdict(Counter))
    recent: dict[Bucket, RollUp] = field(default_factory=lambda: defaultdict(Counter))
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
    table, own_id = context.tables.metrics, context.new_id()
    _write(context, *hold(table, stream, by=own_id))
    held_at = context.now_ms()
    cut = held_at + CLOCKS_MS
    stored = read_all_rollups(context.dynamo, table)
    while (left := cut + CLOCKS_MS + LATE_MS - context.now_ms()) > 0:
        pause(left / 1000)
    counted = _count(context, before_ms=cut, settled_before_ms=held_at - LAG_MS)
    try:
        for writes in _batches(_changes(table, stored, counted)):
            _write(context, keep_hold(table, stream, by=own_id), *writes)
        _write(context, *release(table, stream, by=own_id, counted_before_ms=cut))
    except ConditionFailedError:
        raise OvertakenError from None
    return _compared(stored, counted)


def _count(context: Context, *, before_ms: int, settled_before_ms: int) -> _Counted:
    counted = _Counted()
    context.dynamo.allow(_CALL_S)
    for found in stored_events(context.dynamo, context.tables.metrics):
        if isinstance(found, UnreadableEventError):
            counted.unreadable.append(str(found))
        elif found.appended_at_ms < before_ms:
            counted.events += 1
            rollups = counted.settled if found.appended_at_ms < settled_before_ms else counted.recent
            added = contribution(found.event)
            for bucket in buckets_of(found.event):
                rollups[bucket].update(added)
    return counted


def _changes(table: str, stored: Mapping[Bucket, RollUp], counted: _Counted) -> Iterator[Write]:
    for bucket in sorted({*stored, *counted.settled, *counted.recent}):
        whole = merged([counted.settled[bucket], counted.recent[bucket]])
        if stored.get(bucket) != whole:
            yield replace(table, bucket, whole)


def _batches(writes: Iterator[Write]) -> Iterator[list[Write]]:
    while batch := list(islice(writes, _REPLACED_AT_ONCE)):
        yield batch


def _write(context: Context, *writes: Write) -> None:
    context.dynamo.allow(_CALL_S)
    context.dynamo.write(*writes)


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
