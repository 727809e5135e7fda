"""Read and write for a migration: page by page, throttled, and so that it can die anywhere."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import ConditionFailedError, Page
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Update
from ops.migrations import records
from ops.migrations.records import DONE, Lock, Record

SEGMENTS: Final = 4
# Writes in flight at once. At some 10 ms each they make 800 a second, which --rate then holds down.
_WRITERS: Final = 8
_PAGE: Final = 1000
_BACK_OFF_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_RACES: Final = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """The items of a table that a migration looks at.

    ``table`` is its deployed name, ``where`` and ``values`` filter a scan, and ``attributes`` are read. The filter need
    not be exact: what the migration's Change says of an item decides.
    """

    table: str
    where: str
    values: Mapping[str, Any]
    attributes: Sequence[str]


# The write that brings an item up, or None where it needs none; on the condition that the item still is as given.
Change = Callable[[Item], Update | None]


@dataclass(frozen=True)
class Plan:
    """The effect of applying a migration, in words, and the number of items it changes."""

    what: str
    items: int


@dataclass
class Throttle:
    """Let ``rate`` items a second through, fewer once the store throttles."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _free_at: float = field(default=float("-inf"), init=False)

    def take(self, count: int) -> None:
        """Wait until ``count`` more items may be written."""
        now = self.clock()
        if self._free_at > now:
            self.sleep(self._free_at - now)
        self._free_at = max(self._free_at, now) + count / self.rate

    def back_off(self, seconds: float) -> None:
        """Wait, and go on at half the rate."""
        self.rate = max(1.0, self.rate / 2)
        self.sleep(seconds)


class Reader:
    """The means of a plan; it changes nothing."""

    def __init__(self, context: Context, throttle: Throttle) -> None:
        self.context = context
        self._throttle = throttle

    def count(self, scope: Scope, change: Change) -> int:
        """Count the items that ``change`` has a write for. Reads the whole table. Raises StoreUnavailableError."""
        count, start = 0, None
        while True:
            page = self._read(scope, start)
            for item in page.items:
                count += self._patiently(change, item) is not None
            if page.next_key is None:
                return count
            start = page.next_key

    def _read(self, scope: Scope, start: Item | None, **options: Any) -> Page:
        return self._patiently(
            lambda: self.context.dynamo.scan_page(
                scope.table,
                scope.where,
                scope.values,
                start=start,
                ProjectionExpression=", ".join(scope.attributes),
                Limit=_PAGE,
                **options,
            )
        )

    def _patiently(self, call: Callable[..., T], *arguments: Any) -> T:
        waits = iter(_BACK_OFF_S)
        while True:
            self.context = records.patiently(self.context)
            try:
                return call(*arguments)
            except StoreUnavailableError as fault:
                wait = next(waits, None)
                # What the store refuses for good, it answers at once.
                if wait is None or isinstance(fault.__cause__, ClientError):
                    raise
                self._throttle.back_off(wait)


class Worker(Reader):
    """The means of applying a migration while ``lock`` is held. ``record`` is its progress."""

    def __init__(self, context: Context, throttle: Throttle, *, lock: Lock, record: Record) -> None:
        super().__init__(context, throttle)
        self._lock = lock
        self._record = record

    @property
    def begun_at_ms(self) -> int:
        """Return when the migration was first begun, epoch ms; the same however often it is resumed."""
        return self._record.begun_at_ms

    def back_fill(self, scope: Scope, change: Change) -> None:
        """Write ``change`` of every item of ``scope``, from where the last run stopped. Once a migration.

        Segments take turns, a page each, so that the load is spread over the table's partitions. Raises
        StoreUnavailableError and LockedError; what was written stays, and another run goes on.
        """
        cursors = dict(self._record.cursors)
        turns = deque(name for name in map(str, range(self._record.segments)) if cursors.get(name) != DONE)
        with ThreadPoolExecutor(_WRITERS) as writers:
            while turns:
                segment = turns.popleft()
                page = self._segment(scope, segment, cursors.get(segment))
                changed = sum(self._write(writers, group, change) for group in _groups(page.items))
                self._progress(segment, page.next_key or DONE, changed)
                if page.next_key:
                    cursors[segment] = page.next_key
                    turns.append(segment)

    def _segment(self, scope: Scope, segment: str, cursor: Item | str | None) -> Page:
        start = cursor if isinstance(cursor, dict) else None
        return self._read(scope, start, Segment=int(segment), TotalSegments=self._record.segments)

    def _write(self, writers: ThreadPoolExecutor, group: Sequence[Item], change: Change) -> int:
        self._throttle.take(len(group))
        self._patiently(self._lock.keep)
        return self._patiently(lambda: sum(writers.map(lambda item: self._bring_up(item, change), group)))

    def _bring_up(self, item: Item, change: Change) -> bool:
        for _ in range(_RACES):
            update = change(item)
            if update is None:
                return False
            try:
                self.context.dynamo.write(update)
            except ConditionFailedError as lost:
                # Somebody changed it, or this very write had been applied: what is there now decides.
                there = lost.found[0]
                if there is None:
                    return False
                item = there
            else:
                return True
        raise StoreUnavailableError("An item keeps changing.")

    def _progress(self, segment: str, to: Item | str, changed: int) -> None:
        update = records.move_cursor(self.context.tables.runtime_kv, self._record.name, segment, to=to, changed=changed)
        self._patiently(self._lock.write, update)


def _groups(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _WRITERS):
        yield items[start : start + _WRITERS]
