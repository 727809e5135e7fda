"""Store a record of each migration in runtime_kv, and the lock of whoever runs them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import ConditionFailedError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Delete, Item, Key, Put, Update
from handshake.release.schema import MIGRATION_PREFIX, migration_key

# Longer than everything that may lie between two writes of a live run, back-off included.
LOCK_LIFE_MS: Final = 120_000
DONE: Final = "done"
# Nobody waits for any single call.
CALL_S: Final = 10.0
_LOCK: Final[Key] = {"kv_key": "lock#migrations"}


class LockedError(Exception):
    """Somebody else runs migrations on this stack; the message says who, and for how long at least."""


@dataclass(frozen=True)
class Record:
    """The progress of a migration. Times are epoch ms; ``applied_at_ms`` is None until it is complete.

    ``cursors`` are by segment: the key after which to go on, or DONE.
    """

    name: str
    checksum: str
    begun_at_ms: int
    begun_by: str
    segments: int
    cursors: Mapping[str, Item | str]
    changed: int
    applied_at_ms: int | None
    applied_by: str


class Lock:
    """The lock of one run. Clocks differ, so it can be lost to an operator who believes that it expired.

    Everything that is recorded renews the lock in the same transaction, and so is written only while it is held.
    """

    def __init__(self, context: Context, *, operator: str) -> None:
        self._context = context
        self._table = context.tables.runtime_kv
        self.operator = operator
        self._run_id = context.new_id()
        self._renewed_at_ms = 0

    def __enter__(self) -> Self:
        """Take the lock. Raises LockedError, or StoreUnavailableError."""
        now = self._context.now_ms()
        put = Put(
            self._table,
            {
                **_LOCK,
                "run_id": self._run_id,
                "operator": self.operator,
                "since": now,
                "expires_at": now + LOCK_LIFE_MS,
            },
            condition="attribute_not_exists(kv_key) OR expires_at < :now",
            values={":now": now},
        )
        try:
            patiently(self._context).dynamo.write(put)
        except ConditionFailedError as taken:
            holder = taken.found[0] or {}
            # A write whose answer was lost finds its own condition failed.
            if holder.get("run_id") != self._run_id:
                left_s = max(0, int(holder.get("expires_at", now)) - now) // 1000
                raise LockedError(
                    f"{holder.get('operator', 'somebody')} is running migrations on this stack;"
                    f" if that run died, its lock expires in {left_s} s"
                ) from None
        self._renewed_at_ms = now
        return self

    def __exit__(self, *_: object) -> None:
        own = Delete(self._table, _LOCK, condition="run_id = :own", values={":own": self._run_id})
        with suppress(ConditionFailedError, StoreUnavailableError):
            patiently(self._context).dynamo.write(own)

    def keep(self) -> None:
        """Renew the lock where it is time to. Raises LockedError where it was lost, StoreUnavailableError."""
        if self._context.now_ms() - self._renewed_at_ms > LOCK_LIFE_MS // 4:
            self.write()

    def write(self, *updates: Update) -> None:
        """Write ``updates`` and renew the lock. Raises LockedError where it was lost, StoreUnavailableError."""
        now = self._context.now_ms()
        renewal = Update(
            self._table,
            _LOCK,
            "SET expires_at = :until",
            {":until": now + LOCK_LIFE_MS, ":own": self._run_id},
            condition="run_id = :own",
        )
        try:
            patiently(self._context).dynamo.write(renewal, *updates)
        except ConditionFailedError:
            raise LockedError("another operator took the lock over and goes on from here") from None
        self._renewed_at_ms = now


def patiently(context: Context) -> Context:
    """Give the same context with a time budget of its own for the next call to the store."""
    return context.within(CALL_S)


def read_records(context: Context) -> dict[str, Record]:
    """Read every record, by migration. Scans runtime_kv, which is small. Raises StoreUnavailableError."""
    items = patiently(context).dynamo.scan(
        context.tables.runtime_kv, "begins_with(kv_key, :migration)", {":migration": MIGRATION_PREFIX}
    )
    records = (_record(item) for item in items)
    return {record.name: record for record in records}


def read_record(context: Context, name: str) -> Record | None:
    """Read the record of one migration. Raises StoreUnavailableError."""
    [item] = patiently(context).dynamo.batch_get([(context.tables.runtime_kv, migration_key(name))])
    return _record(item) if item else None


def begin(table: str, name: str, *, checksum: str, operator: str, segments: int, now_ms: int) -> Update:
    """Build the write that records a migration's beginning; of one begun before it changes nothing."""
    return Update(
        table,
        migration_key(name),
        "SET checksum = if_not_exists(checksum, :checksum), begun_at = if_not_exists(begun_at, :now),"
        " begun_by = if_not_exists(begun_by, :operator), #segments = if_not_exists(#segments, :segments),"
        " cursors = if_not_exists(cursors, :none), changed = if_not_exists(changed, :zero)",
        {
            ":checksum": checksum,
            ":now": now_ms,
            ":operator": operator,
            ":segments": segments,
            ":none": {},
            ":zero": 0,
        },
        names={"#segments": "segments"},  # a reserved word
    )


def move_cursor(table: str, name: str, segment: str, *, to: Item | str, changed: int) -> Update:
    """Build the write that records how far a segment is, and how many items that changed."""
    return Update(
        table,
        migration_key(name),
        "SET cursors.#segment = :to ADD changed :changed",
        {":to": to, ":changed": changed},
        names={"#segment": segment},
    )


def complete(table: str, name: str, *, operator: str, now_ms: int) -> Update:
    """Build the write that records that a migration was applied."""
    return Update(
        table,
        migration_key(name),
        "SET applied_at = :now, applied_by = :operator REMOVE cursors",
        {":now": now_ms, ":operator": operator},
    )


def _record(item: Item) -> Record:
    applied_at = item.get("applied_at")
    return Record(
        name=item["kv_key"].removeprefix(MIGRATION_PREFIX),
        checksum=item["checksum"],
        begun_at_ms=int(item["begun_at"]),
        begun_by=item["begun_by"],
        segments=int(item["segments"]),
        cursors=item.get("cursors", {}),
        changed=int(item["changed"]),
        applied_at_ms=None if applied_at is None else int(applied_at),
        applied_by=item.get("applied_by", ""),
    )
