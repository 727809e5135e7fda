"""Measure a metrics read with a thousand events and with a million: items, capacity and time, and their ratios.

On DynamoDB Local. Its API would take a million events in some twenty minutes, so they are put into its database file
as it would put them; the roll-ups, which metrics.rollup folds them to, are written by metrics.rollup_table. Reads go
through the handler, the two populations taking turns. HANDSHAKE_EVENTS says how many the larger has,
HANDSHAKE_REPETITIONS how often each read is made.
"""

import json
import logging
import os
import random
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha1
from itertools import islice, repeat
from pathlib import Path
from statistics import median
from typing import Any, Final

from pydantic import TypeAdapter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item
from handshake.dynamo.tables import Tables
from handshake.metrics.event_table import PARTITION_PREFIX, event_item
from handshake.metrics.events import MetricsEvent
from handshake.metrics.query import parse_series_query, parse_window
from handshake.metrics.rollup import Bucket, RollUp, roll_up
from handshake.metrics.rollup_table import RollupTransaction
from ops.local.dynamodb import dynamodb_local
from tests.support import engines
from tests.support.metrics_events import DAY_MS, an_event
from tests.support.service import InProcess, get, now_ms

_FEW: Final = 1_000
_MANY: Final = 1_000_000
_REPETITIONS: Final = 200
_PROCESSES: Final = 3
_AT_ONCE: Final = 20_000
_PATIENCE_S: Final = 60.0

# What is decided, with what weight, and whether it ends an incident.
_MIX: Final[Sequence[tuple[int, Mapping[str, Any]]]] = (
    (70, {}),
    (8, {"decision": "deny", "reason_code": "policy_daily_limit_exceeded", "risk_tier": "critical"}),
    (7, {"decision": "deny", "reason_code": "security_read_scope_denied", "risk_tier": "critical"}),
    (1, {"decision": "deny", "reason_code": "security_replay_detected", "risk_tier": "critical"}),
    (7, {"decision": "escalate", "reason_code": "hitl_boundary_escalated", "risk_tier": "high", "is_terminal": False}),
    (7, {"decision": "allow", "reason_code": "hitl_approved", "risk_tier": "high"}),
)
_READS: Final = (
    *(f"/metrics/summary?window={window}" for window in ("24h", "7d", "30d")),
    *(f"/metrics/reasons?window={window}" for window in ("24h", "30d")),
    "/metrics/series?metric=uair&bucket=hour&window=24h",
    "/metrics/series?metric=uair&bucket=day&window=30d",
    "/metrics/series?metric=airt_p95_ms&bucket=day&window=30d",
    "/metrics/series?metric=airt_p95_ms&bucket=hour&window=30d",
)


@dataclass
class Cost:
    """Hold what one read took of the store, and how long each of its repetitions was."""

    queries: int = 0
    items: int = 0
    capacity: float = 0.0
    took_ms: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        """The median time of a call, in the handler and in the store."""
        return median(self.took_ms)


@dataclass
class _Metered:
    """A client that has the store say what each query consumed."""

    client: Any
    cost: Cost = field(default_factory=Cost)

    def query(self, **parameters: Any) -> Any:
        """As the client's own."""
        answer = self.client.query(**parameters, ReturnConsumedCapacity="TOTAL")
        self.cost.queries += 1
        self.cost.items += answer["ScannedCount"]
        self.cost.capacity += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer


def main() -> int:
    """Load, measure, print. 1 if a read looked at more items than its window has buckets."""
    logging.disable()
    sizes = (_FEW, int(os.environ.get("HANDSHAKE_EVENTS", _MANY)))
    repetitions = int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS))
    console, now = Console(width=150), now_ms()
    began = time.monotonic()
    with _services(sizes, now) as services:
        console.print(f"loaded in {time.monotonic() - began:.0f} s")
        costs = _measure(services, repetitions)
    table = Table(box=SIMPLE_HEAD)
    for heading in ("read", "buckets", "queries", "items", "RCU", "p50 ms", "of items", "of RCU", "of p50"):
        table.add_column(heading, justify="left" if heading == "read" else "right", no_wrap=True)
    for path, (few, many) in costs.items():
        pairs = ((few.queries, many.queries), (few.items, many.items), (few.capacity, many.capacity))
        cells = [f"{one:g} / {other:g}" for one, other in pairs] + [f"{few.p50_ms:.2f} / {many.p50_ms:.2f}"]
        ratios = (many.items / few.items, many.capacity / few.capacity, many.p50_ms / few.p50_ms)
        table.add_row(path, str(_buckets(path, now)), *cells, *(f"{ratio:.2f}" for ratio in ratios))
    console.print(
        f"{sizes[0]:,} / {sizes[1]:,} events, {sizes[1] // sizes[0]} times as many; {repetitions} reads each:"
    )
    console.print(table)
    over = [path for path, of in costs.items() if max(cost.items for cost in of) > _buckets(path, now)]
    if over:
        console.print("More items than buckets: " + ", ".join(over), style="red")
        return 1
    console.print(
        "No read looks at an event, or at more items than its window has buckets. What grows with traffic is the"
    )
    console.print(
        "size of a roll-up, by a counter for each AIRT bin that it comes to hold, so it stops at the bins there are."
    )
    return 0


def _buckets(path: str, now: int) -> int:
    """Count the buckets that the window of a read has: the most items that it may look at."""
    asked = {name: [value] for name, _, value in (pair.partition("=") for pair in path.partition("?")[2].split("&"))}
    window = parse_window(asked["window"])
    size = parse_series_query(**asked).bucket if "bucket" in asked else window.summed_over
    return len(window.buckets(size, now_ms=now))


def _measure(services: Sequence[InProcess], repetitions: int) -> Mapping[str, Sequence[Cost]]:
    costs: dict[str, list[Cost]] = {}
    for path in _READS:
        metered = []
        for service in services:
            meter = _Metered(service.dynamodb)
            assert get(replace(service, dynamodb=meter), path).status == 200
            metered.append(meter.cost)
        for _ in range(repetitions):
            for service, cost in zip(services, metered, strict=True):
                began = time.perf_counter()
                get(service, path)
                cost.took_ms.append((time.perf_counter() - began) * 1000)
        costs[path] = metered
    return costs


@contextmanager
def _services(sizes: Sequence[int], now: int) -> Iterator[list[InProcess]]:
    """For each size, a service whose tables hold so many events of the last 30 days and what they fold to."""
    with tempfile.TemporaryDirectory() as scratch:
        log, data = Path(scratch) / "log", Path(scratch) / "data"
        data.mkdir()
        tables = [replace(_NO_TABLES, metrics=f"metrics-{size}") for size in sizes]
        # Without its stream, which nobody reads here and which would keep every event a second time.
        described = {name: what for name, what in engines.described_tables()["metrics"].items() if "Stream" not in name}
        with dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL, data=data) as endpoint:
            for names in tables:
                engines.client_of("dynamodb", endpoint).create_table(TableName=names.metrics, **described)
        [database] = data.glob("*.db")
        all_folded = [_append(database, names.metrics, size, now) for names, size in zip(tables, sizes, strict=True)]
        with dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL, data=data) as endpoint:
            client = engines.client_of("dynamodb", endpoint)
            for names, size, folded in zip(tables, sizes, all_folded, strict=True):
                context = Context(Dynamo(client), names, now_ms, lambda: "unused")
                for bucket, rollup in folded.items():
                    tx = RollupTransaction(context.within(_PATIENCE_S))
                    tx.replace_rollup(bucket, rollup)
                    assert tx.commit()
                held = client.describe_table(TableName=names.metrics)["Table"]["ItemCount"]
                assert held == size + len(folded), held
                dynamo = context.dynamo.within(_PATIENCE_S)
                some = dynamo.query(names.metrics, "pk = :pk", {":pk": f"{PARTITION_PREFIX}0"}, Limit=100)
                assert some.items
                assert all(TypeAdapter(MetricsEvent).validate_python(item) for item in some.items)
            yield [InProcess(client, names, now_ms=lambda: now) for names in tables]


_NO_TABLES: Final = Tables(workflow="", policy="", metrics="", replay_guards="", runtime_kv="")


def _append(database: Path, table: str, size: int, now: int) -> dict[Bucket, RollUp]:
    """Append ``size`` events to ``table`` in DynamoDB Local's own file, and say what they fold to."""
    shares = [size // _PROCESSES + (number < size % _PROCESSES) for number in range(_PROCESSES)]
    # Every population has seeds of its own, one a process.
    seeds = [size + number for number in range(_PROCESSES)]
    total: defaultdict[Bucket, RollUp] = defaultdict(Counter)
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for share in pool.map(_append_share, repeat(database), repeat(table), repeat(now), seeds, shares):
            for bucket, rollup in share.items():
                total[bucket].update(rollup)
    return dict(total)


def _append_share(database: Path, table: str, now: int, seed: int, count: int) -> dict[Bucket, RollUp]:
    total: defaultdict[Bucket, RollUp] = defaultdict(Counter)
    made = islice(_events(random.Random(seed), now), count)  # noqa: S311 - test data
    with closing(sqlite3.connect(database, timeout=600)) as held:
        held.execute("PRAGMA synchronous = OFF")
        held.execute("PRAGMA cache_size = -400000")
        while events := list(islice(made, _AT_ONCE)):
            rows = [_row(event_item(event, correlation_id=event.request_id, now_ms=now)) for event in events]
            with held:
                held.executemany(f'INSERT INTO "{table}" VALUES (?, ?, ?, ?, ?, ?)', rows)  # noqa: S608 - our own name
            for bucket, rollup in roll_up(events).items():
                total[bucket].update(rollup)
    return dict(total)


def _row(item: Item) -> tuple[bytes, bytes, bytes, bytes, int, bytes]:
    """The keys, their digests, the size and the content of an item, as DynamoDB Local keeps them."""
    hash_key, range_key = item["pk"].encode(), item["sk"].encode()
    content = json.dumps({name: _wire(value) for name, value in item.items()}, separators=(",", ":")).encode()
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    return hash_key, range_key, sha1(hash_key).digest(), sha1(range_key).digest(), size, content  # noqa: S324 - its own


def _wire(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _events(chance: random.Random, now: int) -> Iterator[MetricsEvent]:
    """Events at any time of the last 29 days, mixed as busy traffic is."""
    weights, kinds = zip(*((weight, vars(an_event(**changes))) for weight, changes in _MIX), strict=True)
    while True:
        [kind] = chance.choices(kinds, weights)
        at = now - chance.randrange(29 * DAY_MS)
        own = {
            "event_id": f"{chance.getrandbits(128):032x}",
            "request_id": f"{chance.getrandbits(128):032x}",
            "timestamp_ms": at,
            "compute_cost_units": Decimal(chance.randrange(100)) / 100,
        }
        if kind["reason_code"] == "hitl_approved":
            own |= {"incident_detected_ms": at - int(chance.lognormvariate(11, 1)), "terminal_decision_ms": at}
        yield MetricsEvent(**(kind | own))
