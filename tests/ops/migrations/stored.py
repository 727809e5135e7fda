"""Gives what earlier releases stored, and operators who migrate it and may die on the way."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Put, Update, unmarshal
from handshake.dynamo.tables import Tables
from handshake.metrics.event_table import event_item
from handshake.requests import table as requests
from handshake.requests.evidence import Chain, Entry, EvidenceEvent, broken_link, link, refusal_event
from handshake.requests.evidence_items import evidence_item
from handshake.requests.recording import RecordedRefusal
from handshake.requests.transaction import RequestTransaction
from ops.migrations.records import LOCK_LIFE_MS
from ops.migrations.work import Throttle
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.workflow_requests import a_record, a_submission

LONG, SHORT = 24, 20
TABLES = ("workflow", "metrics", "runtime_kv")


class DeathError(Exception):
    """The operator's process died here."""


@dataclass
class Mortal:
    """A DynamoDB client whose process dies at its ``at``-th call (from 1), before the store sees it or after.

    Nothing it calls later reaches the store. Counts its calls, and by operation.
    """

    client: Any
    at: int = 0
    seen_by_store: bool = False
    calls: list[str] = field(default_factory=list)
    _one_at_a_time: Any = field(default_factory=Lock)

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            with self._one_at_a_time:
                self.calls.append(operation)
                number = len(self.calls)
                if self.at and (number > self.at or (number == self.at and not self.seen_by_store)):
                    raise DeathError
                answer = getattr(self.client, operation)(**parameters)
                if number == self.at:
                    raise DeathError
                return answer

        return call


@dataclass
class World:
    """The tables of a stack, and the time."""

    client: Any
    tables: Tables
    now_ms: int = NOW_MS
    ids: Any = field(default_factory=count)

    def context(self, client: Any = None) -> Context:
        """Give what an operator is given; time stands still, so that no slow machine makes a store unavailable."""
        dynamo = Dynamo(client or self.client, clock=lambda: 0.0, pause=lambda _: None)
        return Context(dynamo, self.tables, lambda: self.now_ms, lambda: f"run-{next(self.ids)}")

    def later(self) -> None:
        """Time passes until every lock has expired."""
        self.now_ms += LOCK_LIFE_MS + 1

    def put(self, table: str, items: Iterable[Item]) -> None:
        """Store ``items`` as they are."""
        serialize = TypeSerializer().serialize
        put = [
            {"PutRequest": {"Item": {name: serialize(value) for name, value in item.items() if value is not None}}}
            for item in items
        ]
        for start in range(0, len(put), 25):
            answer = self.client.batch_write_item(RequestItems={table: put[start : start + 25]})
            assert not answer.get("UnprocessedItems")

    def dump(self, *tables: str) -> dict[str, list[Item]]:
        """Everything that is stored in ``tables``, or in all of them."""
        return {
            name: sorted(map(unmarshal, self._scan(getattr(self.tables, name))), key=str) for name in tables or TABLES
        }

    def events(self) -> dict[str, Item]:
        """The metrics events by their ids."""
        return {item["sk"]: item for item in self.dump("metrics")["metrics"]}

    def broken(self, request_id: str) -> str | None:
        """Give what ``evidence verify`` says of a request."""
        items = requests.read_partition(self.context().dynamo, self.tables.workflow, request_id)
        record, events = requests.split_partition(items)
        assert record is not None
        return broken_link(record.chain, events)

    def _scan(self, table: str) -> list[Any]:
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


def old_event(event_id: str, *, at_ms: int = NOW_MS - 1000) -> Item:
    """A metrics event as stored by a release that kept neither when it was appended nor by which call."""
    item = event_item(an_event(event_id=event_id, timestamp_ms=at_ms), correlation_id="", now_ms=0)
    return {name: value for name, value in item.items() if name not in ("appended_at", "correlation_id")}


def a_request(world: World, request_id: str, shares: Sequence[int]) -> list[EvidenceEvent]:
    """Store a request with one refused action for each of ``shares``, counted with that many digits; the events."""
    chain = Chain()
    chained = link(chain, request_id, [Entry("a", "lineage", {}), Entry("a", "audit", {})], now_ms=NOW_MS)
    chain = chain.extended_by(chained)
    record = replace(a_record(submission=_submission(request_id)), chain=chain)
    dynamo, table = world.context().dynamo, world.tables.workflow
    dynamo.write(Put(table, requests.state_item(record)), Put(table, evidence_item(chained)))
    refused = []
    for number, digits in enumerate(shares):
        entry = Entry("hitl_request_mismatch", "audit", {"actor": "somebody", "n": number})
        event = refusal_event(chain, request_id, entry, event_id=f"{request_id}-{number}", now_ms=NOW_MS + number)
        refuse(world, event, digits=digits)
        refused.append(event)
    return refused


def refuse(world: World, event: EvidenceEvent, *, digits: int) -> None:
    """Put a refused action in evidence as a release does whose shares have so many hex digits."""
    context = world.context()
    tx = RequestTransaction(context)
    tx.append_refusal(RecordedRefusal(a_record(submission=_submission(event.request_id)), event, an_event()))
    put, counted, *_ = tx.writes
    assert isinstance(counted, Update)
    share = int(event.digest[:digits], 16)
    context.dynamo.write(put, counted._replace(values={**counted.values, ":tally": share}))


def fast() -> Throttle:
    """A throttle that never waits."""
    return Throttle(1e9, sleep=lambda _: None)


def slow(rate: float, *, meanwhile: Callable[[float], None] = lambda _: None) -> tuple[Throttle, list[float]]:
    """A throttle by a clock of its own, and the list of how long it waited; ``meanwhile`` happens in each wait."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        meanwhile(seconds)

    return Throttle(rate, clock=lambda: sum(waits), sleep=sleep), waits


def _submission(request_id: str) -> Any:
    return a_submission(requestId=request_id, context={"amount": 150, "category": "ops"})
