"""Run migrations: find them, hold them against the records, plan them, apply them in order under the lock."""

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.release.schema import is_same_migration
from ops.migrations import records
from ops.migrations.records import Lock, Record
from ops.migrations.work import SEGMENTS, Plan, Reader, Throttle, Worker

FOLDER: Final = Path(__file__).resolve().parents[2] / "migrations"
DEFAULT_RATE: Final = 200


class ChecksumError(Exception):
    """The files differ from those that were applied. The message names the file and what to do."""


@dataclass(frozen=True)
class Migration:
    """One file of the folder. ``checksum`` is its SHA-256, hex."""

    name: str
    path: Path
    checksum: str

    def load(self) -> ModuleType:
        """Import the module, which has ``plan`` and ``apply``."""
        spec = importlib.util.spec_from_file_location(f"migration_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.path} is no module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@dataclass(frozen=True)
class Standing:
    """A migration, and the stack's record of it."""

    migration: Migration
    record: Record | None

    @property
    def state(self) -> str:
        """Return ``applied``, ``begun`` (a run ended in its middle) or ``pending``."""
        if self.record is None:
            return "pending"
        return "begun" if self.record.applied_at_ms is None else "applied"


def migrations_in(folder: Path = FOLDER) -> list[Migration]:
    """List the migrations in ``folder``, in their order."""
    return [
        Migration(path.stem, path, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.glob("*.py"))
        if path.stem[0] != "_"
    ]


def survey(context: Context, folder: Path = FOLDER) -> list[Standing]:
    """Compare each migration with its record. Raises ChecksumError, StoreUnavailableError."""
    recorded = records.read_records(context)
    found = [Standing(migration, recorded.get(migration.name)) for migration in migrations_in(folder)]
    _ensure_same(found, recorded)
    return found


def plan(context: Context, standing: Standing) -> Plan:
    """Plan what applying it, or the rest of it, would do. Changes nothing. Raises StoreUnavailableError."""
    made: Plan = standing.migration.load().plan(Reader(context, Throttle(DEFAULT_RATE)))
    return made


def apply_pending(
    context: Context,
    *,
    operator: str,
    throttle: Throttle | None = None,
    folder: Path = FOLDER,
    began: Callable[[str], object] = lambda _: None,
) -> list[Record]:
    """Apply what is not applied yet, in order, calling ``began`` for each. Returns their records.

    Raises LockedError, ChecksumError and StoreUnavailableError. Whatever it raises, and wherever it dies, the next run
    goes on from there.
    """
    if all(standing.state == "applied" for standing in survey(context, folder)):
        return []
    throttle = throttle or Throttle(DEFAULT_RATE)
    with Lock(context, operator=operator) as lock:
        # Again, because whoever held the lock may have applied some.
        waiting = [one.migration for one in survey(context, folder) if one.state != "applied"]
        return [_apply(context, lock, one, throttle=throttle, began=began) for one in waiting]


def _apply(
    context: Context, lock: Lock, migration: Migration, *, throttle: Throttle, began: Callable[[str], object]
) -> Record:
    began(migration.name)
    table, name = context.tables.runtime_kv, migration.name
    lock.write(
        records.begin(
            table,
            name,
            checksum=migration.checksum,
            operator=lock.operator,
            segments=SEGMENTS,
            now_ms=context.now_ms(),
        )
    )
    migration.load().apply(Worker(context, throttle, lock=lock, record=_recorded(context, name)))
    lock.write(records.complete(table, name, operator=lock.operator, now_ms=context.now_ms()))
    return _recorded(context, name)


def _recorded(context: Context, name: str) -> Record:
    record = records.read_record(context, name)
    if record is None:
        raise StoreUnavailableError(f"The record of {name} was removed while it was applied.")
    return record


def _ensure_same(found: list[Standing], recorded: Mapping[str, Record]) -> None:
    for standing in found:
        record, path = standing.record, standing.migration.path
        migration = standing.migration
        if record and not is_same_migration(migration.name, recorded=record.checksum, checksum=migration.checksum):
            raise ChecksumError(
                f"{path.parent.name}/{path.name} was changed after it was {standing.state} on this stack:"
                " restore the file as it was, and put the change in a migration of its own"
            )
    unknown = sorted(recorded.keys() - {standing.migration.name for standing in found})
    if unknown:
        raise ChecksumError(
            f"this stack has {', '.join(unknown)}, which this checkout lacks:"
            " check out the release that the stack is at, or a later one"
        )
