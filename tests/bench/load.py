"""Measure the service under load: recorded actions of agents and what their callers do next, by 1 to 64 clients.

Each number of clients works for some seconds against the handlers in processes of this machine on DynamoDB Local, and
against the stack that SAM deploys to this machine, over HTTP; so emulator and service can be told apart. Clients,
service and store share the processors: ratios say something, absolutes little. tests.bench.traffic has the mix.
HANDSHAKE_LEVEL_SECONDS says how long each number of clients is measured, HANDSHAKE_ACTIONS where the actions are.
"""

import json
import logging
import os
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.dynamo.client import Dynamo
from handshake.requests import table as requests
from ops.commands.replay import read_actions
from ops.local.dynamodb import dynamodb_local
from ops.local.settings import ROOT
from ops.local.stack import LocalStack
from tests.bench.measured import Measured
from tests.bench.places import Direct, OverHttp, Place, Shift, cpu_seconds, crowd, play
from tests.bench.traffic import Action
from tests.support import engines
from tests.support.service import Deployed, InProcess, Service, apply_policy, rules

_ACTIONS: Final = ROOT / "examples" / "agent_actions.jsonl"
_LEVELS: Final = (1, 4, 16, 64)
_SECONDS: Final = 6.0
# Before a level is measured each client is told some decisions, because functions start for every call at once.
_WARM_UP_S: Final = 30.0
_WARM: Final = 2
# What lets nine of ten payments of the recording through, as docs/first-run.md has it.
_POLICY: Final = rules(
    max_transaction=1200, daily_spend_limit=25_000, allowed_categories=["transport", "retail", "telecom"]
)
_DECIDED: Final = ("submit", "action")
_SERVERS: Final = ("functions", "AWS")
_PLACES: Final = ("handlers on DynamoDB Local", "deployed stack, over HTTP")


@dataclass(frozen=True)
class Running:
    """A place to send load to, the service and its store as seen from here, and the functions' log lines if any."""

    place: Place
    service: Service
    lines: Path | None = None


@dataclass(frozen=True)
class Level:
    """Hold what a number of clients came to. ``cores`` are the processors kept busy, by kind of process."""

    measured: Measured
    submitted: Sequence[str]
    store_calls: int
    retries: int | None
    cores: Mapping[str, float]

    @property
    def decisions(self) -> int:
        """Count the decisions that were told."""
        return sum(call.route in _DECIDED and call.reply.status == 200 for call in self.measured.calls)

    @property
    def lost(self) -> list[str]:
        """The calls without an answer that says how they ended."""
        undecided = [
            f"{call.route} was told no decision"
            for call in self.measured.calls
            if call.route in _DECIDED and call.reply.status == 200 and "decision" not in call.reply.body
        ]
        return [*self.measured.lost, *undecided]


def main() -> int:
    """Load, measure, print. 1 if a call had no answer or a decision that was told is not stored, 2 if it cannot run."""
    path = Path(os.environ.get("HANDSHAKE_ACTIONS", _ACTIONS))
    missing = {
        path: "the recorded actions are not there; HANDSHAKE_ACTIONS names another file of them",
        engines.DYNAMODB_LOCAL: "DynamoDB Local is not there; python -m ops.local.dynamodb fetches it",
    }
    for needed, says in missing.items():
        if not needed.exists():
            print(f"{needed}: {says}", file=sys.stderr)
            return 2
    logging.disable()
    console, actions = Console(width=165), read_actions(path)
    seconds = float(os.environ.get("HANDSHAKE_LEVEL_SECONDS", _SECONDS))
    faults, found = [], []
    for name, running in zip(_PLACES, (_direct, _deployed), strict=True):
        with running() as where, crowd() as processes:
            assert apply_policy(where.service, {"scope": "global", "rules": _POLICY}).status == 200
            levels = {clients: _measure(processes, where, actions, clients, seconds) for clients in _LEVELS}
            lost = _missing(where.service, [name for level in levels.values() for name in level.submitted])
        _print(console, name, levels, seconds)
        faults += [f"{name}: {one}" for level in levels.values() for one in level.lost]
        faults += [f"{name}: {request_id} was decided and is not stored" for request_id in lost]
        found.append(levels)
    _print_ratios(console, *found)
    for fault, times in Counter(faults).most_common():
        console.print(f"{fault} ({times})", style="red", markup=False)
    return int(bool(faults))


@contextmanager
def _direct() -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        client = engines.client_of("dynamodb", endpoint)
        tables = engines.create_tables(client)
        yield Running(Direct(endpoint, tables), InProcess(client, tables))


@contextmanager
def _deployed() -> Iterator[Running]:
    with LocalStack() as stack:
        place = OverHttp(stack.api_url, stack.issuer.get_frozen_credentials())
        yield Running(place, Deployed.on(stack), stack.logs / "events.jsonl")


def _measure(
    processes: ProcessPoolExecutor, where: Running, actions: Sequence[Action], clients: int, seconds: float
) -> Level:
    run = uuid.uuid4().hex[:8]
    play(processes, where.place, Shift(f"{run}-warm", actions, _WARM_UP_S, _WARM), clients=clients)
    offset = where.lines.stat().st_size if where.lines else 0
    before = cpu_seconds()
    told = play(processes, where.place, Shift(run, actions, seconds), clients=clients)
    after, took = cpu_seconds(), max(one.seconds for one in told)
    return Level(
        Measured([call for one in told for call in one.calls], took),
        submitted=[name for one in told for name in one.submitted],
        store_calls=_store_calls(where.lines, offset) if where.lines else sum(one.store_calls for one in told),
        retries=None if where.lines else sum(one.store_retries for one in told),
        cores={kind: (used - before.get(kind, 0.0)) / took for kind, used in after.items()},
    )


def _store_calls(lines: Path, offset: int) -> int:
    """Count what the functions say in their lines after ``offset`` that they asked of the store."""
    with lines.open() as written:
        written.seek(offset)
        told = [json.loads(json.loads(line)["message"]) for line in written if '"message"' in line]
    return sum(line["store_calls"] for line in told if line["message"] == "handled")


def _missing(service: Service, submitted: Sequence[str]) -> set[str]:
    store = Dynamo(service.dynamodb)
    return set(submitted) - set(requests.request_ids(store, service.tables.workflow))


# -- printing -----------------------------------------------------------------------------------------------------


def _print(console: Console, name: str, levels: Mapping[int, Level], seconds: float) -> None:
    first = levels[_LEVELS[0]].measured
    headings = ("clients", "calls", "calls/s", "x", "decisions/s", "p50 ms", "p95 ms", "x", "p99 ms")
    table = _table(*headings, "store calls each", "retries", "503", "cores: clients", *_SERVERS)
    for clients, level in levels.items():
        measured, count = level.measured, len(level.measured.calls)
        rate, p95 = measured.per_second(count), measured.took_ms(0.95)
        table.add_row(
            *(str(clients), str(count), f"{rate:.1f}", f"{rate / first.per_second(len(first.calls)):.2f}"),
            *(f"{measured.per_second(level.decisions):.1f}", f"{measured.took_ms(0.5):.0f}", f"{p95:.0f}"),
            *(f"{p95 / first.took_ms(0.95):.2f}", f"{measured.took_ms(0.99):.0f}", f"{level.store_calls / count:.2f}"),
            *("-" if level.retries is None else str(level.retries), str(measured.unavailable)),
            *(f"{level.cores[kind]:.2f}" if kind in level.cores else "-" for kind in ("clients", *_SERVERS)),
        )
    console.print(f"{name}, {seconds:g} s each:")
    console.print(table)
    for clients, level in levels.items():
        refused = Counter(call.reply.outcome for call in level.measured.calls if call.reply.status != 200)
        told = ", ".join(f"{times} times {status} {code}" for (status, code), times in refused.most_common())
        console.print(
            f"{clients} clients were told {told}" if told else f"{clients} clients were told 200 by every call"
        )
    _print_mix(console, levels)


def _print_mix(console: Console, levels: Mapping[int, Level]) -> None:
    calls = [call for level in levels.values() for call in level.measured.calls]
    table = _table("call", "of all", *(f"p95 ms, {clients}" for clients in levels))
    for kind, count in Counter(call.route for call in calls).most_common():
        waits = [
            Measured([call for call in level.measured.calls if call.route == kind], 1).took_ms(0.95)
            for level in levels.values()
        ]
        table.add_row(kind, f"{count / len(calls):.1%}", *(f"{ms:.0f}" for ms in waits))
    console.print(table)


def _print_ratios(console: Console, direct: Mapping[int, Level], deployed: Mapping[int, Level]) -> None:
    table = _table("clients", "calls/s, deployed / direct", "p50", "p95")
    for clients, level in direct.items():
        pair = level.measured, deployed[clients].measured
        rates = [measured.per_second(len(measured.calls)) for measured in pair]
        waits = [[measured.took_ms(share) for share in (0.5, 0.95)] for measured in pair]
        ratios = (rates[1] / rates[0], waits[1][0] / waits[0][0], waits[1][1] / waits[0][1])
        table.add_row(str(clients), *(f"{ratio:.2f}" for ratio in ratios))
    console.print("What the emulator costs:")
    console.print(table)


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "call" else "right")
    return table
