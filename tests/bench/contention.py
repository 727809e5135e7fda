"""What callers at once cost each other: those who share nothing, and those who are after one item.

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
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.domain.submission import parse_submission
from handshake.flows.submit import submit as decide
from handshake.store import requests
from handshake.store.dynamo import Dynamo, Item, Key, Write
from ops.local.dynamodb import dynamodb_local
from tests import engines
from tests.bench.measured import Measured
from tests.bench.rivals import Contended, Timeline
from tests.bench.tapped import Tapped
from tests.faults.ledger import Call
from tests.service import InProcess, Reply, act, now_ms, submission, submit, unique

_APPROVALS: Final = 1_000
_APART: Final = (1, 4, 16)
_TOGETHER: Final = (1, 4, 16, 64)
# As long as an item that takes 500 transactions a second is held, which is also what 1000 write units a second allow;
# and a longer one, for a transaction of five items is not always so quick.
_HOLDS_S: Final = (0.002, 0.01)
_PATIENCE_S: Final = 60.0
_ITEMS_A_TRANSACTION: Final = 100

Attempt = Callable[[InProcess], Reply]


@dataclass(frozen=True)
class Contest:
    """What callers are after, and what is wrong with how it ended, given who was told yes; nothing, or a sentence."""

    attempts: Sequence[Attempt]
    fault: Callable[[InProcess, Sequence[Reply]], str]


def main() -> int:
    """Measure, print. 1 if somebody who shares nothing waited for somebody, or if an amount or an answer is lost."""
    logging.disable()
    if not engines.DYNAMODB_LOCAL.exists():
        print("DynamoDB Local is not here: python -m ops.local.dynamodb fetches it", file=sys.stderr)
        return 2
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


# -- apart --------------------------------------------------------------------------------------------------------


def _apart(console: Console, service: InProcess) -> list[str]:
    count = int(os.environ.get("HANDSHAKE_APPROVALS", _APPROVALS))
    table = _table(
        "clients", "approvals/s", "x", "p50 ms", "p95 ms", "calls each", "conflicts", "lost", "retries", "shared"
    )
    faults, alone = [], 0.0
    _measure(service, _approvals_apart(service, 50), 1)  # the engine is slower at first
    for clients in _APART:
        measured, tap = _measure(service, _approvals_apart(service, count), clients)
        rate = measured.per_second(measured.acknowledged)
        alone = alone or rate
        waste = (tap.conflicts, tap.lost, tap.retries, tap.shared_items)
        times = (f"{rate / alone:.2f}", f"{measured.took_ms(0.5):.1f}", f"{measured.took_ms(0.95):.1f}")
        table.add_row(str(clients), f"{rate:.0f}", *times, f"{tap.calls / count:.3f}", *map(str, waste))
        if (measured.acknowledged, tap.calls, *waste) != (count, 2 * count, 0, 0, 0, 0):
            faults.append(f"{clients} clients who share nothing got in each other's way")
    console.print(f"{count} approvals of different requests, principals and agents, by each number of clients:")
    console.print(table)
    console.print("shared: items that two of them wrote. Without one, nothing can cancel or delay either.\n")
    return faults


def _approvals_apart(service: InProcess, count: int) -> list[Attempt]:
    bodies = [submission(context={"amount": 150, "category": "ops"}) for _ in range(count)]
    _escalate(service, bodies)
    return [partial(act, request=body, key=unique("key")) for body in bodies]


# -- together -----------------------------------------------------------------------------------------------------


def _payments(_service: InProcess, clients: int) -> Contest:
    agent = unique("agent")
    bodies = [submission(agentId=agent, context={"amount": 1.25, "category": "ops"}) for _ in range(_tries(clients))]
    return Contest([partial(submit, body=body) for body in bodies], partial(_spend_fault, agent=agent))


def _approvals(service: InProcess, clients: int) -> Contest:
    agent, asked = unique("agent"), {"amount": 1.25, "category": "ops", "maxTransaction": 1}
    bodies = [submission(agentId=agent, context=asked) for _ in range(_tries(clients))]
    _escalate(service, bodies)
    attempts = [partial(act, request=body, key=unique("key")) for body in bodies]
    return Contest(attempts, partial(_spend_fault, agent=agent))


def _escalations(_service: InProcess, clients: int) -> Contest:
    who = [{"principalId": unique("principal"), "agentId": unique("agent")} for _ in range(4)]
    asked = {"amount": 150, "category": "ops"}
    # One window after the other, each of them tried for by everybody at once.
    bodies = [submission(**pair, context=asked) for pair in who for _ in range(max(clients, 8))]
    return Contest([partial(submit, body=body) for body in bodies], partial(_window_fault, who=who))


_CONTESTS: Final[Mapping[str, Callable[[InProcess, int], Contest]]] = {
    "payments of an agent": _payments,
    "approvals of an agent": _approvals,
    "escalations of a pair": _escalations,
}


def _tries(clients: int) -> int:
    """So many that every client comes back for more; within one day's limit of 1000."""
    return max(40, 4 * clients)


def _spend_fault(service: InProcess, told: Sequence[Reply], *, agent: str) -> str:
    acknowledged = Decimal("1.25") * sum(reply.body.get("decision") == "allow" for reply in told)
    kept = requests.spent(_stored(service, requests.spend_key(agent, now_ms())))
    return "" if kept == acknowledged else f"{acknowledged} was allowed and {kept} is kept as spent"


def _window_fault(service: InProcess, told: Sequence[Reply], *, who: Sequence[Mapping[str, str]]) -> str:
    acknowledged = sum(reply.body.get("decision") == "escalate" for reply in told)
    windows = [
        requests.Escalations.from_item(_stored(service, requests.escalations_key(pair["principalId"], pair["agentId"])))
        for pair in who
    ]
    kept = [len(window.times_ms) for window in windows]
    return "" if sum(kept) == acknowledged and max(kept) <= 5 else f"{acknowledged} escalated, {kept} are remembered"


def _together(console: Console, service: InProcess) -> list[str]:
    faults = []
    headings = (
        "after one item",
        "clients",
        "told/s",
        "x",
        "p50 ms",
        "p95 ms",
        "calls each",
        "conflicts",
        "lost",
        "503",
    )
    for hold_s in (None, *_HOLDS_S):
        table = _table(*headings)
        for name, contest_of in _CONTESTS.items():
            alone = 0.0
            for clients in _TOGETHER:
                contest = contest_of(service, clients)
                measured, tap = _measure(service, contest.attempts, clients, hold_s=hold_s)
                told = max(1, measured.acknowledged)
                rate = measured.per_second(measured.acknowledged)
                alone = alone or rate
                times = (f"{rate / alone:.2f}", f"{measured.took_ms(0.5):.0f}", f"{measured.took_ms(0.95):.0f}")
                each = (f"{count / told:.2f}" for count in (tap.calls, tap.conflicts, tap.lost))
                unavailable = f"{measured.unavailable / len(measured.calls):.1%}"
                table.add_row(name, str(clients), f"{rate:.0f}", *times, *each, unavailable)
                wrong = contest.fault(service, [call.reply for call in measured.calls])
                faults += [f"{name}, {clients} clients: {fault}" for fault in (*measured.lost, wrong) if fault]
            table.add_section()
        console.print(
            f"Transactions that hold an item {hold_s * 1000:.0f} ms and cancel each other, in a time of their own:"
            if hold_s
            else "DynamoDB Local, which queues what Amazon's cancels:"
        )
        console.print(table)
    return faults


# -- measuring ----------------------------------------------------------------------------------------------------


def _measure(
    service: InProcess, attempts: Sequence[Attempt], clients: int, *, hold_s: float | None = None
) -> tuple[Measured, Tapped]:
    """Have ``clients`` make ``attempts``, each the next as soon as it is free; in a time of its own with ``hold_s``."""
    timeline = Timeline()
    clock, pause, engine = (
        (timeline.now, timeline.sleep, Contended(service.dynamodb, timeline, hold_s))
        if hold_s
        else (time.monotonic, time.sleep, service.dynamodb)
    )
    tap = Tapped(engine)
    left, calls = iter(attempts), list[Call]()

    def work() -> None:
        own = replace(service, dynamodb=tap, clock=clock, pause=pause)
        for attempt in left:
            began = clock()
            reply = attempt(own)
            calls.append(Call("", reply, clock() - began))

    began = clock()
    (timeline.run if hold_s else _at_once)([work] * clients)
    return Measured(calls, clock() - began), tap


def _at_once(works: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(work) for work in works]:
            done.result()


class _Bulk(Dynamo):
    """Finds nothing, and keeps what it should write for later."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.writes: list[Write] = []

    def batch_get(self, keys: Sequence[tuple[str, Key]]) -> list[Item | None]:
        """See Dynamo."""
        return [None] * len(keys)

    def write(self, *writes: Write) -> None:
        """See Dynamo."""
        self.writes += writes


def _escalate(service: InProcess, bodies: Sequence[Mapping[str, Any]]) -> None:
    """Store ``bodies`` as their submission would, in a few large transactions."""
    bulk = _Bulk(service.dynamodb)
    context = replace(service.runtime.context, dynamo=bulk)
    for body in bodies:
        made = decide(
            context, parse_submission(body, now_ms=now_ms()), escalation_ttl_ms=service.runtime.escalation_ttl_ms
        )
        assert made.record.outcome == "escalate", made
    store = Dynamo(service.dynamodb)
    for first in range(0, len(bulk.writes), _ITEMS_A_TRANSACTION):
        store.allow(_PATIENCE_S)
        store.write(*bulk.writes[first : first + _ITEMS_A_TRANSACTION])


def _stored(service: InProcess, key: Key) -> Item | None:
    [item] = Dynamo(service.dynamodb).batch_get([(service.tables.workflow, key)])
    return item


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "after one item" else "right", no_wrap=True)
    return table
