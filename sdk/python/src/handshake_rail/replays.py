"""Remembers which grants were used, until they can no longer be."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

_LOCK_WAIT_S: Final = 5.0
_TABLE: Final = "CREATE TABLE IF NOT EXISTS used (grant_id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID"


class Replays(Protocol):
    """The memory that ``verify_grant`` asks last, when all else about a grant is right."""

    def first_use(self, grant_id: str, until: float, now: float) -> bool:
        """Remember ``grant_id`` until ``until``, epoch seconds, and say whether it was new. One of rivals gets True."""
        ...


class MemoryReplays:
    """Remembers while the process lives: for an executor that runs once, and claims its grants itself."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._lock = Lock()

    def first_use(self, grant_id: str, until: float, now: float) -> bool:
        """See Replays."""
        with self._lock:
            self._used = {known: end for known, end in self._used.items() if end > now}
            if grant_id in self._used:
                return False
            self._used[grant_id] = until
            return True


class FileReplays:
    """Remembers in a file, through crashes and for every process of this machine that is given the same ``path``."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        with closing(self._connect()) as connection, connection:
            connection.execute(_TABLE)

    def first_use(self, grant_id: str, until: float, now: float) -> bool:
        """See Replays. Raises sqlite3.Error where the file cannot be written, so that nothing is executed."""
        with closing(self._connect()) as connection, connection:
            connection.execute("DELETE FROM used WHERE until <= ?", (now,))
            kept = connection.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (grant_id, until))
            return kept.rowcount == 1

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_LOCK_WAIT_S)
