"""Measure each call with a thousand, a hundred thousand and a million stored requests: items, capacity, time.

On DynamoDB Local, whose rows tests/bench/population.py multiplies; a fifth of the requests wait for a person, all of
one tenant, and a guard is kept for each request. Sizes take turns. Capacity is counted by Amazon's rules
(tests/bench/capacity.py). At the end, expired guards are removed and overdue escalations expired for some seconds, with
5 ms a call, which says how many one run would do. HANDSHAKE_SIZES names the sizes, HANDSHAKE_REPETITIONS how often each
call is made.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.replay_guards import retain as retention
from handshake.requests import expire_overdue as expiry
from ops.local.dynamodb import dynamodb_local
from tests.bench.capacity import Units
from tests.bench.population import BUSY_TENANT, multiply, store_a_few
from tests.bench.wire import Wire
from tests.support import engines
from tests.support.service import InProcess, get, human, now_ms, post
from tests.support.store_calls import CALLS, Call, Prepare

_SIZES: Final = "1000,100000,1000000"
_REPETITIONS: Final = 9
_STORE_S: Final = 0.005
_JOB_S: Final = 10.0
_GUARDS: Final = 1_000_000
_A_PAGE: Final = 5000
_LATER_MS: Final = 25 * 60 * 60 * 1000
_PATIENCE_S: Final = 10.0
_PAGES_IN: Final = 20
# What reads more where more is stored, up to a bound of its own.
_BOUNDED: Final[Mapping[str, str]] = {
    "queue of the busy tenant": "25 a page",
    "queue, 20 pages in": "25 a page",
    "history of the busy tenant": "25 a page",
    "sweep": "1 MB of a shard",
    "simulate for everybody": "newest 2000",
    "simulate for an agent": "8 MB of a shard",
}


@dataclass
class Cost:
    """Hold what one call takes at one size. ``items`` are those the store looked at."""

    items: int = 0
    units: Units = field(default_factory=Units)
    took_ms: list[float] = field(default_factory=list)

    def as_large_as(self, other: "Cost") -> bool:
        """Say if both look at as much, and are charged alike."""
        return (self.items, self.units) == (other.items, other.units)


def main() -> int:
    """Load, measure, print. 1 where a call's items or capacity grow with what is stored, for no reason named here."""
    logging.disable()
    sizes = [int(size) for size in os.environ.get("HANDSHAKE_SIZES", _SIZES).split(",")]
    repetitions = int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS))
    console, began = Console(width=150), time.monotonic()
    with _services(sizes) as services:
        console.print(f"loaded in {time.monotonic() - began:.0f} s")
        wires = [Wire(service.dynamodb) for service in services]
        costs = {name: _measure(services, wires, prepare, repetitions) for name, prepare in _calls().items()}
        console.print(_table(sizes, costs))
        console.print(f"up to {repetitions} calls each; ratios are of the largest to the smallest size")
        for line in _scheduled(services[0]):
            console.print(line)
    grown = [name for name, of in costs.items() if name not in _BOUNDED and not of[0].as_large_as(of[-1])]
    if grown:
        console.print("grows with what is stored: " + ", ".join(grown), style="red")
    return 1 if grown else 0


def _calls() -> dict[str, Prepare]:
    known = {name: prepare for name, (prepare, _) in CALLS.items()}
    reader = human("reader", tenantId=BUSY_TENANT, scopes=["workflow:read:tenant", "workflow:resolve"])

    def queue(pages: int) -> Prepare:
        def prepare(service: InProcess) -> Call:
            query: dict[str, str] = {}
            for _ in range(pages):
                cursor = get(service, "/workflow/decision-room", envelope=reader, query=query).body.get("nextCursor")
                query = {"cursor": cursor} if cursor else query
            return lambda service: get(service, "/workflow/decision-room", envelope=reader, query=query)

        return prepare

    def sweep(_: InProcess) -> Call:
        return lambda service: expiry.expire_overdue(service.context)

    def simulate(_: InProcess) -> Call:
        return lambda service: post(service, "/policy/simulate", {"scope": "global", "rules": []})

    return known | {
        "queue of the busy tenant": queue(0),
        "queue, 20 pages in": queue(_PAGES_IN),
        "history of the busy tenant": lambda _: lambda service: get(service, "/workflow/decisions", envelope=reader),
        "sweep": sweep,
        "simulate for everybody": simulate,
    }


def _measure(services: Sequence[InProcess], wires: Sequence[Wire], prepare: Prepare, repetitions: int) -> list[Cost]:
    costs = []
    for service, wire in zip(services, wires, strict=True):
        call = prepare(service)
        exchanges = list(wire.record(partial(call, service)))
        units = sum((one.units for one in exchanges), Units())
        costs.append(Cost(sum(one.items for one in exchanges), units))
    began = time.perf_counter()
    for _ in range(repetitions):
        for service, cost in zip(services, costs, strict=True):
            call = prepare(service)
            at = time.perf_counter()
            call(service)
            cost.took_ms.append((time.perf_counter() - at) * 1000)
        # DynamoDB Local takes seconds for a page of what hundreds of thousands of rows are sorted for.
        if time.perf_counter() - began > _PATIENCE_S:
            break
    return costs


def _table(sizes: Sequence[int], costs: Mapping[str, Sequence[Cost]]) -> Table:
    stored = " / ".join(f"{size:,}" for size in sizes)
    table = Table(box=SIMPLE_HEAD, title=f"with {stored} requests", title_justify="left")
    for heading in ("call", "items", "RCU", "WCU", "p50 ms", "of p50", ""):
        table.add_column(heading, justify="right" if heading not in ("call", "") else "left", no_wrap=True)
    for name, of in costs.items():
        times = [median(cost.took_ms) for cost in of]
        table.add_row(
            name,
            _alike(cost.items for cost in of),
            _alike(cost.units.read for cost in of),
            _alike(cost.units.write for cost in of),
            " / ".join(f"{one:.1f}" for one in times),
            f"{times[-1] / times[0]:.1f}",
            _BOUNDED.get(name, ""),
        )
    return table


def _alike(figures: Iterator[Any] | Any) -> str:
    said = [f"{one:g}" for one in figures]
    return said[0] if len(set(said)) == 1 else " / ".join(said)


def _scheduled(service: InProcess) -> Iterator[str]:
    """Measure what each scheduled job does in a second, where the store answers after 5 ms.

    Escalations are found and read on DynamoDB Local. A million expired guards it would sort for each page, so there
    the store is played: it has them, in pages of 5000, and removes what it is asked to.
    """

    def removed(asked: Any) -> Any:
        return {"Responses": [{"Item": {}} for _ in asked["Statements"]]}

    pages = iter(range(1, _GUARDS // _A_PAGE + 1))

    def expired(_: Any) -> Any:
        page = next(pages, 0)
        keys = [{"guard_key": {"S": f"decision_action#{page:032x}{number:032x}"}} for number in range(page and _A_PAGE)]
        return {"Items": keys} | ({"LastEvaluatedKey": keys[-1]} if page * _A_PAGE < _GUARDS and keys else {})

    for_ms = int(_JOB_S * 1000)
    jobs: list[tuple[str, dict[str, Callable[[Any], Any]], Callable[[Context], int], int]] = [
        (
            f"of {_GUARDS:,} expired guards removed",
            {"Query": expired, "BatchExecuteStatement": removed},
            lambda run: retention.retain_guards(run, run_ms=for_ms).removed,
            retention.RUN_MS,
        ),
        (
            "escalations expired",
            {"TransactWriteItems": lambda _: {}},
            lambda run: expiry.expire_overdue(run, run_ms=for_ms).expired,
            expiry.RUN_MS,
        ),
    ]
    for what, canned, run, whole_ms in jobs:
        delayed = Wire(engines.client_of("dynamodb", service.dynamodb.meta.endpoint_url))
        delayed.delay_s, delayed.canned = _STORE_S, canned
        context = service.context._replace(dynamo=Dynamo(delayed.client), now_ms=lambda: now_ms() + _LATER_MS)
        began, cpu = time.monotonic(), time.process_time()
        done = run(context)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        yield (
            f"{what}: {done:,} in {took:.1f} s ({done / took:.0f} a second, {1000 * cpu / max(1, done):.2f} ms of CPU "
            f"each), so {done / took * whole_ms / 1000:,.0f} in its {whole_ms // 1000} s"
        )


@contextmanager
def _services(sizes: Sequence[int]) -> Iterator[list[InProcess]]:
    with tempfile.TemporaryDirectory() as scratch:
        log, data = Path(scratch) / "log", Path(scratch) / "data"
        data.mkdir()
        with dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL, data=data) as endpoint:
            client = engines.client_of("dynamodb", endpoint)
            all_tables = [engines.create_tables(client) for _ in sizes]
            for tables in all_tables:
                store_a_few(InProcess(client, tables))
        [database] = data.glob("*.db")
        for tables, size in zip(all_tables, sizes, strict=True):
            multiply(database, tables, size, size)
        with dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL, data=data) as endpoint:
            # A client each, because a wire stands behind each.
            yield [InProcess(engines.client_of("dynamodb", endpoint), tables) for tables in all_tables]
