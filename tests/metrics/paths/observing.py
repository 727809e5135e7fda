"""Gives what a path leaves behind: its log lines and their metrics, its events, and the change in the roll-ups."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from handshake.metrics.event_stream import read_stream
from handshake.metrics.event_table import PARTITION_PREFIX
from handshake.metrics.project_metrics import project_metrics
from handshake.metrics.rollup_table import read_all_rollups
from ops.local.cloudwatch.emf import extract
from tests.metrics.paths.path import Path
from tests.support import engines
from tests.support.logs import lines_of, standard_output
from tests.support.metrics_stream import stream_of
from tests.support.service import InProcess, Reply
from tests.support.store import forget, kept

# Durations: every call has a latency, and what a person decided waited for that person.
_DURATIONS = ("Latency", "TimeToDecide")


@dataclass(frozen=True)
class Observed:
    """One path, walked once. ``reply`` is None where nobody is answered.

    ``lines`` are the log lines that are metrics, ``signals`` the sums of these but for durations and zeros, by name and
    dimensions: ``Denied{endpoint,reason_code}``. ``counters`` is what the events added to their hour; AIRT's bins count
    as one.
    """

    path: Path
    reply: Reply | None
    lines: Sequence[Mapping[str, Any]]
    signals: Mapping[str, float]
    events: Sequence[Mapping[str, Any]]
    counters: Mapping[str, int]

    @property
    def route(self) -> str:
        """``METHOD /path`` or the first job's name, as the log line has it; "" without one."""
        line = next(iter(self.lines), {})
        return str(line.get("endpoint") or line.get("job", ""))

    @property
    def status(self) -> int | None:
        """The HTTP status; None where nobody is answered."""
        return self.reply.status if self.reply else None


def observe(service: InProcess, path: Path) -> Observed:
    """Walk ``path`` on empty tables; what it needs is there, and counted, before anything is observed."""
    forget(service)
    given = path.prepare(service)
    before = {event["event_id"] for event in _events(service)}
    with standard_output() as output:
        reply = path.call(service, given)
    lines = [line for line in lines_of(output) if "_aws" in line]
    samples = [sample for text in output.getvalue().splitlines() for sample in extract(text, now_s=time.time()).samples]
    events = [event for event in _events(service) if event["event_id"] not in before]
    signals: defaultdict[str, float] = defaultdict(float)
    for sample in samples:
        dimensions = sorted(name for name, _ in sample.metric.dimensions if name != "service")
        signals[sample.metric.name + (f"{{{','.join(dimensions)}}}" if dimensions else "")] += sample.value
    return Observed(
        path,
        reply if isinstance(reply, Reply) else None,
        lines,
        {name: total for name, total in signals.items() if total and not name.startswith(_DURATIONS)},
        events,
        _counters(service, before),
    )


@contextmanager
def on_dynamodb_local(endpoint: str) -> Iterator[InProcess]:
    """A service that never waits, on fresh tables."""
    client = engines.client_of("dynamodb", endpoint)
    tables = engines.create_tables(client)
    yield InProcess(client, tables, pause=lambda _: None)
    engines.delete_tables(client, tables)


def _events(service: InProcess) -> list[Mapping[str, Any]]:
    return [item for item in kept(service, service.tables.metrics) if item["pk"].startswith(PARTITION_PREFIX)]


def _counters(service: InProcess, before: set[str]) -> Mapping[str, int]:
    records = stream_of(service.dynamodb, service.tables.metrics)
    new = [record for record in records if record["dynamodb"]["Keys"]["sk"]["S"] not in before]
    context = service.context
    project_metrics(context, read_stream(new))
    folded = read_all_rollups(context.dynamo, service.tables.metrics)
    hours = [rollup for bucket, rollup in folded.items() if bucket.size == "hour"]
    days = [rollup for bucket, rollup in folded.items() if bucket.size == "day"]
    assert sum(hours, Counter()) == sum(days, Counter()), "hour and day tell different stories"
    total: Counter[str] = Counter()
    for rollup in hours:
        for name, count in rollup.items():
            total["airt" if name.startswith("airt_") else name] += count
    return total
