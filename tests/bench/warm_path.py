"""What one call takes of a warm function: handler time without the database, store calls, bytes, capacity, log line.

Each endpoint's call is made once on DynamoDB Local and recorded at the wire; then it is made over and over with those
answers, so what is measured is handler, SDK and log line alone. The baseline is one read by the bare SDK on the same
wire. The second table makes each request to the store take 5 ms, and holds p95 against the contract's service levels
(section 7). HANDSHAKE_REPETITIONS says how often each call is made; HANDSHAKE_MEASURED names a file to write what
`python -m ops cost` counts with.
"""

import io
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ops.local.dynamodb import dynamodb_local
from tests.bench.capacity import Units
from tests.bench.wire import Exchange, Wire
from tests.contract.test_store_calls import CALLS
from tests.support import engines
from tests.support.logs import standard_output
from tests.support.service import InProcess

_REPETITIONS: Final = 300
_STORE_S: Final = 0.005
# Contract section 7, ms.
_SERVICE_LEVELS: Final[Mapping[str, int]] = {
    "submit, allowed": 200,
    "submit, denied": 200,
    "submit, escalated": 200,
    "approve with key": 250,
    "reject with key": 250,
    "apply": 300,
    "summary": 250,
    "series": 300,
}


@dataclass(frozen=True)
class Warm:
    """One endpoint's call, measured. Times are ms, sizes bytes, capacity in units."""

    exchanges: Sequence[Exchange]
    expected_calls: int
    log_bytes: int
    took_ms: Sequence[float]

    @property
    def units(self) -> Units:
        """Capacity units of the whole call."""
        return sum((one.units for one in self.exchanges), Units())


def main() -> int:
    """Record, measure, print. 1 where an endpoint makes more calls than the design has, or misses a service level."""
    repetitions = int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS))
    console = Console(width=150)
    with _service() as (service, wire), standard_output() as lines:
        measured = {name: _measure(service, wire, lines, name, repetitions) for name in CALLS}
        baseline = _bare_read(wire, measured["read request"].exchanges, repetitions)
        slow = {
            name: _measure(service, wire, lines, name, repetitions // 3, delay_s=_STORE_S) for name in _SERVICE_LEVELS
        }
    console.print(_table(measured, baseline))
    console.print(f"{repetitions} calls each; a read by the bare SDK takes {baseline:.2f} ms on the same wire\n")
    console.print(_levels(slow))
    if path := os.environ.get("HANDSHAKE_MEASURED"):
        Path(path).write_text(json.dumps({name: _facts(one) for name, one in measured.items()}, indent=2) + "\n")
    wrong = [f"{name}: {len(one.exchanges)} store calls" for name, one in measured.items() if _too_many(one)]
    wrong += [f"{name}: over its service level" for name, one in slow.items() if _p(one, 95) >= _SERVICE_LEVELS[name]]
    if wrong:
        console.print("; ".join(wrong), style="red")
    return 1 if wrong else 0


def _measure(
    service: InProcess, wire: Wire, lines: io.StringIO, name: str, repetitions: int, *, delay_s: float = 0.0
) -> Warm:
    prepare, expected = CALLS[name]
    wire.through()
    call = prepare(service)
    exchanges = list(wire.record(lambda: call(service)))
    wire.play(exchanges, delay_s=delay_s)
    call(service)
    lines.seek(0)
    lines.truncate()
    took = _timed(lambda: call(service), repetitions)
    size = len(lines.getvalue().encode()) // repetitions
    return Warm(exchanges, len(expected), size, took)


def _timed(call: Callable[[], object], repetitions: int) -> list[float]:
    took = []
    for _ in range(repetitions):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return took


def _bare_read(wire: Wire, exchanges: Sequence[Exchange], repetitions: int) -> float:
    wire.play(list(exchanges))
    request = {"any": {"Keys": [{"pk": {"S": "REQ#r"}, "sk": {"S": "STATE"}}], "ConsistentRead": True}}
    took = _timed(lambda: wire.client.batch_get_item(RequestItems=request), repetitions)
    return sorted(took)[len(took) // 2]


def _table(measured: Mapping[str, Warm], baseline: float) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "call",
        "store calls",
        "design",
        "sent",
        "received",
        "RCU",
        "WCU",
        "log bytes",
        "p50 ms",
        "p99 ms",
        "x read",
    ):
        table.add_column(heading, justify="left" if heading == "call" else "right", no_wrap=True)
    for name, one in measured.items():
        reads, writes = one.units
        bytes_ = sum(it.sent for it in one.exchanges), sum(len(it.content) for it in one.exchanges)
        cells = len(one.exchanges), one.expected_calls, *bytes_, f"{reads:g}", f"{writes:g}", one.log_bytes
        times = f"{_p(one, 50):.2f}", f"{_p(one, 99):.2f}", f"{_p(one, 50) / baseline:.1f}"
        table.add_row(name, *map(str, cells), *times)
    return table


def _levels(slow: Mapping[str, Warm]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=f"with {_STORE_S * 1000:g} ms a store call", title_justify="left")
    for heading in ("call", "p50 ms", "p95 ms", "level ms", "of level"):
        table.add_column(heading, justify="left" if heading == "call" else "right")
    for name, one in slow.items():
        level = _SERVICE_LEVELS[name]
        table.add_row(name, f"{_p(one, 50):.1f}", f"{_p(one, 95):.1f}", f"{level}", f"{_p(one, 95) / level:.2f}")
    return table


def _facts(one: Warm) -> dict[str, Any]:
    reads, writes = one.units
    return {
        "reads": reads,
        "writes": writes,
        "store_calls": len(one.exchanges),
        "handler_ms": round(_p(one, 50), 2),
        "log_bytes": one.log_bytes,
    }


def _too_many(one: Warm) -> bool:
    return len(one.exchanges) > one.expected_calls


def _p(one: Warm, percent: int) -> float:
    """By nearest rank."""
    return sorted(one.took_ms)[math.ceil(percent * len(one.took_ms) / 100) - 1]


@contextmanager
def _service() -> Iterator[tuple[InProcess, Wire]]:
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        with dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL) as endpoint:
            client = engines.client_of("dynamodb", endpoint)
            yield replace(InProcess(client, engines.create_tables(client)), clock=time.monotonic), Wire(client)
