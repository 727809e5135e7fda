"""Measure what callers at once cost each other: those who share nothing, and those who are after one item.

Approvals of different requests must not slow each other. Payments and approvals of one agent add to one day's spend,
and escalations of one principal and agent to one window: of any two such transactions Amazon's DynamoDB cancels one,
and DynamoDB Local queues it. So these are measured on DynamoDB Local as it is, and with its transactions cancelled as
tests.bench.rivals does, in a time of its own. HANDSHAKE_APPROVALS says how many approvals each number of clients makes.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ops.local.dynamodb import dynamodb_local
from tests.bench.contests import CONTESTS, Attempt, approvals_apart
from tests.bench.measured import Measured
from tests.bench.rivals import Contended, Timeline
from tests.bench.tapped import Tapped
from tests.support import engines
from tests.support.ledger import Call
from tests.support.service import InProcess

_APPROVALS: Final = 1_000
_APART: Final = (1, 4, 16)
_TOGETHER: Final = (1, 4, 16, 64)
# As long as an item that takes 500 transactions a second is held; and longer, because a transaction of several items
# holds each of them until all are ready.
_HOLDS_S: Final = (0.002, 0.01)
# What a partition takes a second, and what it takes to write a small item in a transaction.
_UNITS: Final = 1_000
_UNITS_A_WRITE: Final = 2
_WASTE: Final = ("calls each", "conflicts", "lost")


@dataclass(frozen=True)
class Run:
    """Hold answers, what was asked of the store, and how many a second were told yes while all were busy."""

    measured: Measured
    tap: Tapped
    rate: float


def main() -> int:
    """Measure, print. 1 if somebody who shares nothing waited for somebody, or if an amount or an answer is lost."""
    logging.disable()
    if missing := engines.dynamodb_local_missing():
        print(missing, file=sys.stderr)
        return os.EX_UNAVAILABLE
    console = Console(width=150)
    with _service() as service:
        faults = _apart(console, service)
        faults += _together(console, service)
    for fault in faults:
        console.print(fault, style="red", markup=False)
    return int(bool(faults))


@contextmanager
def _service() -> Iterator[InProcess]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        client = engines.client_of("dynamodb", endpoint)
        yield InProcess(client, engines.create_tables(client), clock=time.monotonic)


def _apart(console: Console, service: InProcess) -> list[str]:
    count = int(os.environ.get("HANDSHAKE_APPROVALS", _APPROVALS))
    table = _table("clients", "approvals/s", "x", "p50 ms", "p95 ms", *_WASTE, "retries", "shared")
    faults, alone = [], 0.0
    _measure(service, approvals_apart(service, 50), 1)  # the engine is slower at first
    for clients in _APART:
        run = _measure(service, approvals_apart(service, count), clients)
        measured, tap = run.measured, run.tap
        alone = alone or run.rate
        waste = (tap.conflicts, tap.lost, tap.retries, tap.shared_items)
        times = (f"{run.rate / alone:.2f}", f"{measured.took_ms(0.5):.1f}", f"{measured.took_ms(0.95):.1f}")
        table.add_row(str(clients), f"{run.rate:.0f}", *times, f"{tap.calls / count:.3f}", *map(str, waste))
        if (measured.acknowledged, tap.calls, *waste) != (count, 2 * count, 0, 0, 0, 0):
            faults.append(f"{clients} clients who share nothing got in each other's way")
    console.print(f"{count} approvals of different requests, principals and agents, by each number of clients:")
    console.print(table)
    console.print("shared: items that two of them wrote. Without one, Amazon's could not cancel any of them either.\n")
    return faults


def _together(console: Console, service: InProcess) -> list[str]:
    faults = []
    for hold_s in (None, *_HOLDS_S):
        table, limits = _table("after one item", "clients", "told/s", "x", "p50 ms", "p95 ms", *_WASTE, "503"), []
        for name, contest_of in CONTESTS.items():
            runs = {}
            for clients in _TOGETHER:
                contest = contest_of(service, clients)
                runs[clients] = run = _measure(service, contest.attempts, clients, hold_s=hold_s)
                table.add_row(name, str(clients), *_row(run, alone=runs[_TOGETHER[0]].rate))
                wrong = contest.fault(service, [call.reply for call in run.measured.calls])
                faults += [f"{name}, {clients} clients: {fault}" for fault in (*run.measured.lost, wrong) if fault]
            table.add_section()
            limits.append(f"{name} {_limit(runs)}")
        console.print(f"{_engine(hold_s)}:")
        console.print(table)
        console.print(f"Callers are told 503: {'; '.join(limits)}.\n")
    return faults


def _engine(hold_s: float | None) -> str:
    if hold_s is None:
        return "DynamoDB Local, which queues what Amazon's cancels"
    fit, units = f"{1 / hold_s:.0f} a second fit one item", f"{_UNITS // _UNITS_A_WRITE} its partition's write units"
    return f"Transactions that hold an item {hold_s * 1000:.0f} ms and cancel each other ({fit}, {units})"


def _row(run: Run, *, alone: float) -> Iterator[str]:
    measured, told = run.measured, max(1, run.measured.acknowledged)
    yield from (f"{run.rate:.0f}", f"{run.rate / alone:.2f}")
    yield from (f"{measured.took_ms(share):.0f}" for share in (0.5, 0.95))
    yield from (f"{count / told:.2f}" for count in (run.tap.calls, run.tap.conflicts, run.tap.lost))
    yield f"{measured.unavailable / len(measured.calls):.1%}"


def _limit(runs: Mapping[int, Run]) -> str:
    """At how many a second callers began to be told 503."""
    first = next((clients for clients, run in runs.items() if run.measured.unavailable), None)
    if first is None:
        return f"never, up to {max(run.rate for run in runs.values()):.0f} a second"
    return f"from {first} clients on, at {runs[first].rate:.0f} a second"


def _measure(service: InProcess, attempts: Sequence[Attempt], clients: int, *, hold_s: float | None = None) -> Run:
    """Have ``clients`` make ``attempts``, each the next as soon as it is free; in a time of its own with ``hold_s``."""
    timeline = Timeline()
    clock, pause, engine = (
        (timeline.now, timeline.sleep, Contended(service.dynamodb, timeline, hold_s))
        if hold_s
        else (time.monotonic, time.sleep, service.dynamodb)
    )
    tap = Tapped(engine)
    left, calls, busy = iter(attempts), list[Call](), list[tuple[float, int]]()

    def work() -> None:
        own = replace(service, dynamodb=tap, clock=clock, pause=pause)
        for attempt in left:
            began = clock()
            reply = attempt(own)
            calls.append(Call("a contested call", reply, clock() - began))
        busy.append((clock(), sum(call.reply.status == 200 for call in calls)))

    began = clock()
    (timeline.run if hold_s else _at_once)([work] * clients)
    # Once there is nothing left for one of them, fewer and fewer contend.
    until, told = min(busy)
    return Run(Measured(calls, clock() - began), tap, told / (until - began))


def _at_once(works: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(work) for work in works]:
            done.result()


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "after one item" else "right", no_wrap=True)
    return table
