"""Measure one call of a warm function: CPU and time without the database, store calls, bytes, capacity, log line.

Each endpoint's call is made once on DynamoDB Local and recorded at the wire; then it is made over and over by a client
as the functions have theirs, whose answers come from another process over a socket with TLS (tests.bench.playback). So
what is measured is handler, SDK, TLS, socket and log line. The baseline is one read by the bare SDK on the same socket.
The second table makes each request to the store take 5 ms, and each signature of a grant 10 ms, and holds p95 against
the contract's service levels (section 7). HANDSHAKE_REPETITIONS says how often each call is made; HANDSHAKE_MEASURED
names a file to write what `python -m ops cost` counts with.
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

from handshake.api.runtime import aws, store_config
from handshake.trust.grant_token import Jwk
from ops.local.dynamodb import dynamodb_local
from ops.local.settings import REGION
from tests.bench.capacity import Units
from tests.bench.playback import Playback, playback
from tests.bench.wire import Exchange, Wire
from tests.support import engines
from tests.support.grants import SIGNER
from tests.support.logs import standard_output
from tests.support.service import InProcess
from tests.support.store_calls import CALLS

_REPETITIONS: Final = 300
_STORE_S: Final = 0.005
_SIGNER_S: Final = 0.01
_LEVELS_TITLE: Final = f"with {_STORE_S * 1000:g} ms a store call and {_SIGNER_S * 1000:g} ms a signature"
# Contract section 7, ms.
_SERVICE_LEVELS: Final[Mapping[str, int]] = {
    "submit, allowed": 200,
    "submit, denied": 200,
    "submit, escalated": 200,
    "approve with key": 250,
    "reject with key": 250,
    # A claim is one more decision action.
    "claim with key": 250,
    "claim, again": 250,
    "report": 250,
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
    cpu_ms: Sequence[float]

    @property
    def units(self) -> Units:
        """Capacity units of the whole call."""
        return sum((one.units for one in self.exchanges), Units())

    @property
    def p95(self) -> float:
        """Return what 95 of a hundred calls took at most, ms."""
        return _p(self.took_ms, 95)


def main() -> int:
    """Record, measure, print. 1 where an endpoint makes more calls than the design has, or misses a service level."""
    repetitions = int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS))
    console = Console(width=150)
    with _bench() as bench:
        measured = {name: bench.measure(name, repetitions) for name in CALLS}
        baseline = bench.bare_read(measured["read request"].exchanges, repetitions)
        bench.signer.delay_s = _SIGNER_S
        slow = {name: bench.measure(name, repetitions // 3, delay_s=_STORE_S) for name in _SERVICE_LEVELS}
    console.print(_table(measured, baseline))
    console.print(
        f"{repetitions} calls each; a read by the bare SDK takes {baseline:.2f} ms of CPU on the same socket\n"
    )
    console.print(_levels(slow))
    if path := os.environ.get("HANDSHAKE_MEASURED"):
        Path(path).write_text(json.dumps({name: _facts(one) for name, one in measured.items()}, indent=2) + "\n")
    wrong = [f"{name}: {len(one.exchanges)} store calls" for name, one in measured.items() if _too_many(one)]
    wrong += [
        f"{name}: over its service level" for name, one in slow.items() if _p(one.took_ms, 95) >= _SERVICE_LEVELS[name]
    ]
    if wrong:
        console.print("; ".join(wrong), style="red")
    return 1 if wrong else 0


@dataclass
class _SlowSigner:
    """Signs as the tests' KMS does, ``delay_s`` later."""

    delay_s: float = 0.0

    def sign(self, claims: Mapping[str, Any]) -> str:
        """See GrantSigner."""
        time.sleep(self.delay_s)
        return SIGNER.sign(claims)

    def public_keys(self) -> list[Jwk]:
        """See GrantSigner."""
        return SIGNER.public_keys()


@dataclass(frozen=True)
class _Bench:
    """A service on DynamoDB Local to record on, and the same on a socket where what was recorded is played back."""

    recorded: InProcess
    wire: Wire
    played: InProcess
    server: Playback
    lines: io.StringIO
    signer: _SlowSigner

    def measure(self, name: str, repetitions: int, *, delay_s: float = 0.0) -> Warm:
        prepare, expected = CALLS[name]
        call = prepare(self.recorded)
        exchanges = list(self.wire.record(lambda: call(self.recorded)))
        self.server.play(exchanges, delay_s=delay_s)
        call(self.played)
        self.lines.seek(0)
        self.lines.truncate()
        took, cpu = _timed(lambda: call(self.played), repetitions)
        size = len(self.lines.getvalue().encode()) // repetitions
        return Warm(exchanges, len(expected), size, took, cpu)

    def bare_read(self, exchanges: Sequence[Exchange], repetitions: int) -> float:
        """CPU of one read without a handler, ms."""
        self.server.play(exchanges)
        request = {"any": {"Keys": [{"pk": {"S": "REQ#r"}, "sk": {"S": "STATE"}}], "ConsistentRead": True}}
        _, cpu = _timed(lambda: self.played.dynamodb.batch_get_item(RequestItems=request), repetitions)
        return _p(cpu, 50)


def _timed(call: Callable[[], object], repetitions: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, and of CPU in it."""
    took, cpu = [], []
    for _ in range(repetitions):
        began, busy = time.perf_counter(), time.process_time()
        call()
        cpu.append((time.process_time() - busy) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    return took, cpu


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
        "CPU ms",
        "x read",
    ):
        table.add_column(heading, justify="left" if heading == "call" else "right", no_wrap=True)
    for name, one in measured.items():
        reads, writes = one.units
        bytes_ = sum(it.sent for it in one.exchanges), sum(len(it.content) for it in one.exchanges)
        cells = len(one.exchanges), one.expected_calls, *bytes_, f"{reads:g}", f"{writes:g}", one.log_bytes
        cpu = _p(one.cpu_ms, 50)
        times = f"{_p(one.took_ms, 50):.2f}", f"{_p(one.took_ms, 99):.2f}", f"{cpu:.2f}", f"{cpu / baseline:.1f}"
        table.add_row(name, *map(str, cells), *times)
    return table


def _levels(slow: Mapping[str, Warm]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=_LEVELS_TITLE, title_justify="left")
    for heading in ("call", "p50 ms", "p95 ms", "level ms", "of level"):
        table.add_column(heading, justify="left" if heading == "call" else "right")
    for name, one in slow.items():
        level = _SERVICE_LEVELS[name]
        table.add_row(
            name,
            f"{_p(one.took_ms, 50):.1f}",
            f"{_p(one.took_ms, 95):.1f}",
            f"{level}",
            f"{_p(one.took_ms, 95) / level:.2f}",
        )
    return table


def _facts(one: Warm) -> dict[str, Any]:
    reads, writes = one.units
    return {
        "reads": reads,
        "writes": writes,
        "store_calls": len(one.exchanges),
        "handler_ms": round(_p(one.cpu_ms, 50), 2),
        "log_bytes": one.log_bytes,
    }


def _too_many(one: Warm) -> bool:
    return len(one.exchanges) > one.expected_calls


def _p(milliseconds: Sequence[float], percent: int) -> float:
    """By nearest rank."""
    return sorted(milliseconds)[math.ceil(percent * len(milliseconds) / 100) - 1]


@contextmanager
def _bench() -> Iterator[_Bench]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
        playback() as server,
        standard_output() as lines,
    ):
        client = engines.client_of("dynamodb", endpoint)
        signer = _SlowSigner()
        settings = {"grant_signer": signer}
        recorded = InProcess(client, engines.create_tables(client), clock=time.monotonic, settings=settings)
        as_deployed = aws().create_client(
            "dynamodb",
            endpoint_url=server.endpoint,
            verify=server.authority,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=store_config(attempts=1),
        )
        yield _Bench(recorded, Wire(client), replace(recorded, dynamodb=as_deployed), server, lines, signer)
