"""Many stored requests, events and guards on DynamoDB Local, as the service itself stored a few of each.

A few requests go through the handlers; then their rows are copied in DynamoDB Local's own database file, each copy
under a request, event or guard id of its own. Its API would take a million of them in hours.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha1
from pathlib import Path
from typing import Any, Final

from handshake.dynamo.tables import Tables
from tests.support.service import InProcess, act, submission, submit, unique

# Tenths of the requests: what is decided of them, and of these the escalated ones wait.
_DECIDED: Final = (*((10,) * 7), 5000, 150, 150)
_AGENTS: Final = 20
_DAY_MS: Final = 24 * 60 * 60 * 1000
_ID: Final = re.compile(rb"req-[\w-]*-[0-9a-f]{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TAIL: Final = 6
BUSY_TENANT: Final = "tenant-busy"


def store_a_few(service: InProcess) -> None:
    """The requests that are copied: of several agents, all of one tenant, in the mix of ``_DECIDED``."""
    patient = replace(service)
    # Copying takes longer than an escalation waits.
    patient.runtime = replace(patient.runtime, escalation_ttl_ms=_DAY_MS)
    # Not at the end: DynamoDB Local has not written its last transaction to the file when it is stopped.
    closed = submission(tenantId=BUSY_TENANT, context={"amount": 150})
    submit(patient, closed)
    assert act(patient, closed, key="k").status == 200
    for agent in (unique("agent") for _ in range(_AGENTS)):
        for amount in _DECIDED:
            changes: dict[str, Any] = {"agentId": agent, "tenantId": BUSY_TENANT, "context": {"amount": amount}}
            assert submit(patient, submission(**changes)).status == 200


def multiply(database: Path, tables: Tables, requests: int, guards: int) -> None:
    """Copy what is stored until there are so many requests, each with its evidence and event, and so many guards."""
    with closing(sqlite3.connect(database)) as held:
        held.execute("PRAGMA synchronous = OFF")
        held.execute("PRAGMA journal_mode = OFF")
        held.execute("PRAGMA cache_size = -4000000")
        _copy(held, tables.workflow, "substr(hashKey, 1, 4) = x'52455123'", "rangeKey = x'5354415445'", requests)
        _copy(held, tables.metrics, "substr(hashKey, 1, 6) = x'4556454E5423'", "1", requests)
        _copy(held, tables.replay_guards, "1", "1", guards)
        held.commit()


def _copy(held: sqlite3.Connection, table: str, which: str, counted: str, wanted: int) -> None:
    cursor = held.execute(f'SELECT * FROM "{table}" WHERE {which}')  # noqa: S608 - our own names
    columns = [column[0] for column in cursor.description]
    templates = [_Template.of(dict(zip(columns, row, strict=True))) for row in cursor]
    [(few,)] = held.execute(f'SELECT count(*) FROM "{table}" WHERE {which} AND {counted}')  # noqa: S608 - as above
    numbers = range(1, -(-wanted // few))
    # No id of the templates' own ends so: theirs are hexadecimal to the end.
    copies = (template.copy(f"z{number:05x}".encode()) for number in numbers for template in templates)
    places = ", ".join("?" for _ in columns)
    with _without_indexes(held, table):
        held.executemany(f'INSERT INTO "{table}" VALUES ({places})', copies)  # noqa: S608 - as above


@contextmanager
def _without_indexes(held: sqlite3.Connection, table: str) -> Iterator[None]:
    """Indexes made of what is there by the end take a fraction of the time that keeping them up to date does."""
    named = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    indexes = list(held.execute(named, (table,)))
    for name, _ in indexes:
        held.execute(f'DROP INDEX "{name}"')
    yield
    for _, sql in indexes:
        held.execute(sql)


@dataclass(frozen=True)
class _Template:
    """A row, and for the columns that name it what stands around the last digits of every id."""

    row: dict[str, Any]
    around: dict[str, list[bytes]]

    @classmethod
    def of(cls, row: dict[str, Any]) -> "_Template":
        names = [name for name in ("hashKey", "rangeKey", "ObjectJSON") if name in row]
        own = any(_ID.search(row[name]) for name in names if name != "ObjectJSON")
        # A guard has no id; its key is a digest.
        ids = _ID if own else re.compile(re.escape(row["hashKey"]))
        return cls(row, {name: _around(row[name], ids) for name in names})

    def copy(self, tail: bytes) -> tuple[Any, ...]:
        """The row with ``tail`` for the last digits of every id."""
        made = self.row | {name: tail.join(parts) for name, parts in self.around.items()}
        # What orders rows that are otherwise equal; all that matters of it is that it is their own.
        made["hashValue"] = sha1(made["hashKey"]).digest()  # noqa: S324 - DynamoDB Local's own digest
        if "hashRangeValue" in made:
            made["hashRangeValue"] = sha1(made["hashKey"] + made["rangeKey"]).digest()  # noqa: S324 - as above
        return tuple(made.values())


def _around(value: bytes, ids: re.Pattern[bytes]) -> list[bytes]:
    ends = [match.end() for match in ids.finditer(value)]
    starts = [0, *ends]
    return [value[start : end - _TAIL] for start, end in zip(starts, ends, strict=False)] + [value[starts[-1] :]]
