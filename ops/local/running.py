"""Tell other commands on this machine of the local stack that runs, and give them its key."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ops.local.settings import ISSUER_ARN, REGION, ROOT_KEY, STACK_NAME, STATE, private

RUNNING: Final = STATE / "running.json"


@dataclass(frozen=True)
class Running:
    """The local stack that runs. ``root_key`` is the id and the secret of its account's root."""

    endpoint_url: str
    region: str
    stack: str
    root_key: tuple[str, str]
    issuer_role: str


@contextmanager
def running_here(endpoint_url: str) -> Iterator[None]:
    """Let other commands of this user find the local stack while this process lives.

    The file is for its owner alone, in a folder for its owner alone. It is locked, and the lock goes with the process:
    what a killed one leaves behind names no stack.
    """
    record = {
        "endpointUrl": endpoint_url,
        "region": REGION,
        "stack": STACK_NAME,
        "rootKey": ROOT_KEY,
        "issuerRole": ISSUER_ARN,
    }
    descriptor, name = tempfile.mkstemp(dir=private(STATE))  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(record, file)
        file.flush()
        Path(name).replace(RUNNING)
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(RUNNING.stat(), os.fstat(file.fileno())):  # a later stack's stays
                    RUNNING.unlink()


def read_running() -> Running | None:
    """Read which local stack runs; None where none does, whatever a killed one has left behind."""
    try:
        with RUNNING.open() as file:
            if not _locked(file):
                return None
            record = json.load(file)
    except FileNotFoundError:
        return None
    key_id, secret = record["rootKey"]
    return Running(record["endpointUrl"], record["region"], record["stack"], (key_id, secret), record["issuerRole"])


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
