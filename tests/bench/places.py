"""Run load: on handlers in processes of this machine on DynamoDB Local, or over HTTP on the stack deployed to it.

Clients are threads, spread over as many processes as there are processors, so that they bind each other no more than
they must.
"""

import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Protocol

from botocore.credentials import ReadOnlyCredentials

from handshake.dynamo.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from handshake.dynamo.tables import Tables
from ops.local.settings import REGION
from ops.local.signing_edge import Upstream
from tests.bench.tapped import Tapped
from tests.bench.traffic import Action, Caller
from tests.support import engines
from tests.support.ledger import Call
from tests.support.service import Deployed, InProcess, Service

PROCESSES: Final = os.cpu_count() or 1

# What tells a process by its command line; the first that is in it. "AWS" is what stands for it on this machine.
_KINDS: Final = {
    "kill_on_parent_exit.py": "clients",
    "DynamoDBLocal.jar": "AWS",
    "ministack_patches.py": "AWS",
    "_worker.py": "functions",
    "": "clients",
}


class Place(Protocol):
    """Names a service so that any process can call it."""

    def services(self, count: int) -> tuple[list[Service], Tapped | None]:
        """The service once for each of ``count`` clients, and all they ask of the store where that shows."""


@dataclass(frozen=True)
class Direct:
    """The handlers themselves, as patient with DynamoDB Local as functions are."""

    endpoint: str
    tables: Tables

    def services(self, count: int) -> tuple[list[Service], Tapped | None]:
        """See Place."""
        tap = Tapped(_client_of(self.endpoint))
        return [InProcess(tap, self.tables, clock=time.monotonic) for _ in range(count)], tap


@dataclass(frozen=True)
class OverHttp:
    """The deployed stack, called with signatures that API Gateway checks. ``key`` is not renewed."""

    api_url: str
    key: ReadOnlyCredentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """See CredentialSource."""
        return self.key

    def services(self, count: int) -> tuple[list[Service], Tapped | None]:
        """See Place."""
        caller = Upstream(self.api_url, credentials=self, region=REGION)
        service = Deployed(dynamodb=None, tables=Tables(), trust_key=b"", caller=caller, stranger=caller)
        return [service] * count, None


@dataclass(frozen=True)
class Shift:
    """Say what clients are to do: go through ``actions`` for ``seconds``, or until each has had ``enough`` decided."""

    run: str
    actions: Sequence[Action]
    seconds: float
    enough: int | None = None


@dataclass(frozen=True)
class Told:
    """Hold what the clients of one process were told, and what they asked of the store (0 where it does not show)."""

    seconds: float
    calls: Sequence[Call]
    submitted: Sequence[str]
    store_calls: int
    store_retries: int


@contextmanager
def crowd() -> Iterator[ProcessPoolExecutor]:
    """The processes that clients live in."""
    # A fork would take the threads' locks with it.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=logging.disable) as processes:
        yield processes


def play(processes: ProcessPoolExecutor, place: Place, shift: Shift, *, clients: int) -> list[Told]:
    """Have ``clients`` work at ``place``, and say what those of each process were told."""
    shares = [range(clients)[first::PROCESSES] for first in range(min(PROCESSES, clients))]
    return list(processes.map(_play_share, shares, repeat(place), repeat(shift)))


def _play_share(numbers: Sequence[int], place: Place, shift: Shift) -> Told:
    began = time.monotonic()
    services, tap = place.services(len(numbers))
    callers = [Caller(service, shift.run, number) for service, number in zip(services, numbers, strict=True)]
    until = began + shift.seconds
    with ThreadPoolExecutor(len(callers)) as threads:
        for done in [threads.submit(one.work, shift.actions, until=until, enough=shift.enough) for one in callers]:
            done.result()
    calls = [call for caller in callers for call in caller.calls]
    submitted = [name for caller in callers for name in caller.submitted]
    took = time.monotonic() - began
    return Told(took, calls, submitted, tap.calls if tap else 0, tap.retries if tap else 0)


@cache
def _client_of(endpoint: str) -> Any:
    """The one client of this process: its connections stay open from level to level."""
    return engines.client_of("dynamodb", endpoint, connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S)


def cpu_seconds() -> Mapping[str, float]:
    """Return what each kind of process that this one started has used of the processors so far; empty without a /proc.

    What clients use includes the handlers that they call themselves.
    """
    parents: dict[str, str] = {}
    used: dict[str, tuple[str, float]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        kind = next(kind for mark, kind in _KINDS.items() if mark in command)
        parents[process.name] = fields[1]
        used[process.name] = kind, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total: defaultdict[str, float] = defaultdict(float)
    for process_id, (kind, seconds) in used.items():
        if str(os.getpid()) in _line_of(process_id, parents):
            total[kind] += seconds
    return total


def _line_of(process_id: str, parents: Mapping[str, str]) -> Iterator[str]:
    while process_id in parents:
        yield process_id
        process_id = parents[process_id]
