"""A model of everything that happens around the roll-ups, one thing at a time and in any order.

Events are appended by writers whose clocks differ and whose writes arrive late; Lambda delivers the stream in batches,
again after a failure, halved; projectors and rebuilds run inside one another's steps, and their processes die there.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.metrics.event_stream import read_stream
from handshake.metrics.events import MetricsEvent
from handshake.metrics.project_metrics import project_metrics
from handshake.metrics.rebuild import CLOCKS_MS, LATE_MS, OvertakenError, compare, rebuild
from tests.support.metrics_events import DAY_MS, HOUR_MS, NOW_MS, events
from tests.support.metrics_stream import CrashError, Record, records_of

STREAM = "2026-03-05T00:00:00.000"
SHARDS = 3
# Few enough that batches take several transactions.
_PER_TRANSACTION = 3
_FIRST_SEQUENCE = 10**20 - 2


@dataclass(frozen=True)
class Arrival:
    """An event that arrives ``after_ms`` from the start; its writer says it was appended earlier, or later."""

    event: MetricsEvent
    after_ms: int
    late_ms: int = 0
    clock_ahead_ms: int = 0


@dataclass(frozen=True)
class Passing:
    """Time goes by."""

    ms: int


@dataclass(frozen=True)
class Acting:
    """Something a process does to the store, call by call.

    It dies at call ``dies_at`` (from 1), before the store sees it or after; ``meanwhile`` others act before its calls.
    """

    dies_at: int | None = None
    seen_by_store: bool = False
    meanwhile: Mapping[int, Sequence["Passing | Acting"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery(Acting):
    """One invocation of the projector: ``size`` records of a shard, ``again`` of them delivered before."""

    shard: int = 0
    size: int = 1000
    again: int = 0


@dataclass(frozen=True)
class Rebuild(Acting):
    """One ``metrics rebuild --apply``."""


@dataclass(frozen=True)
class Comparing(Acting):
    """One ``metrics rebuild`` that changes nothing."""


Happening = Passing | Acting


@dataclass
class _Shard:
    records: list[Record] = field(default_factory=list)
    done: int = 0


class World:
    """Plays happenings on one metrics table, from NOW_MS on."""

    def __init__(self, client: Any, tables: Tables, arrivals: Sequence[Arrival]) -> None:
        self.client = client
        self.tables = tables
        self.now_ms = NOW_MS
        self._to_come = sorted(arrivals, key=lambda arrival: arrival.after_ms)
        self._appended = 0
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._append_what_is_due()

    def play(self, happening: Happening) -> None:
        """Let it happen, to its end or its death."""
        match happening:
            case Passing(ms):
                self.now_ms += ms
                self._append_what_is_due()
            case Delivery():
                self._deliver(happening)
            case Rebuild():
                with suppress(CrashError, OvertakenError):
                    rebuild(
                        self.context(happening),
                        stream=STREAM,
                        pause=lambda seconds: self.play(Passing(round(seconds * 1000))),
                    )
            case Comparing():
                with suppress(CrashError):
                    comparison = compare(self.context(happening))
                    assert comparison.holds, comparison

    def finish(self) -> None:
        """Let everything arrive, an unfinished rebuild be finished, and all that was appended be delivered, twice."""
        self.play(Passing(max((arrival.after_ms for arrival in self._to_come), default=0)))
        if self._held():
            self.play(Rebuild())
        for again in (0, 1000):
            for number, shard in enumerate(self._shards):
                while shard.done < len(shard.records):
                    self.play(Delivery(shard=number))
                self.play(Delivery(shard=number, again=again))

    def context(self, acting: Acting) -> Context:
        """Give what ``acting`` is given."""
        dynamo = Dynamo(_Client(self, acting), clock=lambda: 0.0, pause=lambda _: None)
        return Context(dynamo, self.tables, lambda: self.now_ms, lambda: uuid4().hex)

    def _deliver(self, delivery: Delivery) -> None:
        shard = self._shards[delivery.shard]
        start = max(0, shard.done - delivery.again)
        batches = [shard.records[start : start + delivery.size]]
        context = self.context(delivery)
        while batches:
            batch = batches.pop(0)
            try:
                project_metrics(context, read_stream(batch), per_transaction=_PER_TRANSACTION)
            except CrashError:
                if len(batch) > 1:
                    half = len(batch) // 2
                    batches = [batch[:half], batch[half:], *batches]
                    context = self.context(Acting())
                    continue
                return
            except StoreUnavailableError:
                return
            start += len(batch)
            shard.done = max(shard.done, start)

    def _append_what_is_due(self) -> None:
        while self._to_come and self._to_come[0].after_ms <= self.now_ms - NOW_MS:
            arrival = self._to_come.pop(0)
            [record] = records_of([arrival.event], stream=STREAM)
            change = record["dynamodb"]
            said = NOW_MS + arrival.after_ms - arrival.late_ms + arrival.clock_ahead_ms
            change["NewImage"]["appended_at"] = {"N": str(said)}
            # The first sequences differ in length, as real ones may.
            change["SequenceNumber"] = str(_FIRST_SEQUENCE + self._appended)
            self._appended += 1
            self.client.put_item(TableName=self.tables.metrics, Item=change["NewImage"])
            shard = int(change["Keys"]["pk"]["S"].partition("#")[2])
            self._shards[shard % SHARDS].records.append(record)

    def _held(self) -> bool:
        items = self.client.scan(
            TableName=self.tables.metrics, FilterExpression="attribute_exists(held_by)", ConsistentRead=True
        )
        return bool(items["Items"])


class _Client:
    """A DynamoDB client that lets others act between the calls of one process, and that process die."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting
        self._calls = 0

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self._calls += 1
            for happening in self._acting.meanwhile.get(self._calls, ()):
                self._world.play(happening)
            dies = self._calls == self._acting.dies_at
            if dies and not self._acting.seen_by_store:
                raise CrashError
            answer = getattr(self._world.client, operation)(**parameters)
            if dies:
                raise CrashError
            return answer

        return call


def _acting(kind: type[Acting], meanwhile: st.SearchStrategy[Any], **more: Any) -> st.SearchStrategy[Acting]:
    return st.builds(
        kind,
        dies_at=st.none() | st.integers(1, 6),
        seen_by_store=st.booleans(),
        meanwhile=st.dictionaries(st.integers(1, 6), meanwhile, max_size=3),
        **more,
    )


def _deliveries(meanwhile: st.SearchStrategy[Any]) -> st.SearchStrategy[Acting]:
    return _acting(
        Delivery, meanwhile, shard=st.integers(0, SHARDS - 1), size=st.integers(1, 12), again=st.integers(0, 6)
    )


_NOTHING: st.SearchStrategy[Any] = st.just(())
_PASSING = st.integers(0, 20_000).map(Passing)


def arrivals(*, apart_ms: int = 0, most: int = 30) -> st.SearchStrategy[list[Arrival]]:
    """Events of the last 40 days, most of them of the last two; all there at the start unless they come apart."""
    times = events(earliest_ms=NOW_MS - 2 * DAY_MS) | events(earliest_ms=NOW_MS - 2 * HOUR_MS) | events()
    clocks = CLOCKS_MS - 1
    arrival = st.builds(
        Arrival,
        times,
        after_ms=st.integers(0, apart_ms),
        late_ms=st.integers(0, LATE_MS) if apart_ms else st.just(0),
        clock_ahead_ms=st.integers(-clocks, clocks) if apart_ms else st.just(0),
    )
    return st.lists(arrival, max_size=most)


# Deliveries within deliveries: several projectors at once.
DELIVERIES: st.SearchStrategy[Acting] = _deliveries(st.lists(_deliveries(_NOTHING), max_size=2))

_LEAVES = st.one_of(_PASSING, _deliveries(_NOTHING), _acting(Rebuild, _NOTHING), _acting(Comparing, _NOTHING))
# Anything within anything.
HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    _PASSING,
    *(
        make(st.lists(_LEAVES, max_size=2))
        for make in (
            _deliveries,
            lambda meanwhile: _acting(Rebuild, meanwhile),
            lambda meanwhile: _acting(Comparing, meanwhile),
        )
    ),
)
