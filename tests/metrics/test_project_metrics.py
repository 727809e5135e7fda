"""The projector: every event is counted once, whatever the stream and the process do."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from functions.metrics_projector.app import project
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.metrics.event_stream import UnreadableEventError, read_stream
from handshake.metrics.events import MetricsEvent
from handshake.metrics.project_metrics import project_metrics
from handshake.metrics.report_event import report_event
from handshake.metrics.rollup import RollUp, roll_up
from tests.support import engines
from tests.support.metrics_events import HOUR_MS, NOW_MS, an_event
from tests.support.metrics_stream import Record, records_of

# By the size and the start of their buckets.
RollUps = dict[tuple[str, str], RollUp]


def _context(client: Any, tables: Tables) -> Context:
    return Context(Dynamo(client, clock=lambda: 0.0), tables, lambda: NOW_MS, lambda: "id")


def _stored(client: Any, tables: Tables) -> RollUps:
    """Every roll-up there is, read without the code under test."""
    found: RollUps = {}
    for page in client.get_paginator("scan").paginate(TableName=tables.metrics, ConsistentRead=True):
        for item in page["Items"]:
            kind, _, size = item["pk"]["S"].partition("#")
            if kind == "ROLLUP":
                rollup = Counter({name: int(value["N"]) for name, value in item.items() if "N" in value})
                found[size, item["sk"]["S"]] = rollup
    return found


def _expected(happened: Sequence[MetricsEvent]) -> RollUps:
    return {(bucket.size, bucket.start): rollup for bucket, rollup in roll_up(happened).items()}


def test_projectors_that_race_over_the_same_events_count_each_once(dynamodb_local: tuple[Any, Tables]) -> None:
    client, tables = dynamodb_local
    happened = [an_event(event_id=f"e-{number}") for number in range(60)]
    streamed = read_stream(records_of(happened))
    together = threading.Barrier(8)

    def deliver(_: int) -> None:
        together.wait()
        for start in range(0, 60, 20):
            _until_it_succeeds(partial(project_metrics, _context(client, tables), streamed[start : start + 20]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(8)))

    assert _stored(client, tables) == _expected(happened)


def test_shards_that_advance_at_once_all_count_towards_the_same_hour(dynamodb_local: tuple[Any, Tables]) -> None:
    client, tables = dynamodb_local
    happened = [an_event(event_id=f"e-{number}") for number in range(80)]
    streamed = read_stream(records_of(happened))
    shards = [[event for event in streamed if int(event.shard.partition) % 4 == number] for number in range(4)]
    together = threading.Barrier(4)

    def deliver(shard: int) -> None:
        together.wait()
        for event in shards[shard]:
            _until_it_succeeds(partial(project_metrics, _context(client, tables), [event]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))

    assert _stored(client, tables) == _expected(happened)


def test_a_batch_spread_over_many_hours_and_bins_stays_within_dynamodbs_limits(
    dynamodb_local: tuple[Any, Tables],
) -> None:
    client, tables = dynamodb_local
    spread = [
        an_event(event_id=f"spread-{number}", timestamp_ms=NOW_MS - number * 25 * HOUR_MS) for number in range(120)
    ]
    one_hour = [
        an_event(event_id=f"bin-{number}", incident_detected_ms=0, terminal_decision_ms=int(1.06**number * 1000))
        for number in range(120)
    ]

    project_metrics(_context(client, tables), read_stream(records_of([*spread, *one_hour])))

    assert _stored(client, tables) == _expected([*spread, *one_hour])


def test_a_full_batch_of_one_hour_costs_one_read_and_one_transaction(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    context = _context(client, tables)

    project({"Records": records_of(an_event(event_id=str(number)) for number in range(100))}, context)

    assert len(context.dynamo.calls) == 2


def test_a_batch_too_big_for_one_transaction_is_still_read_for_once(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    context = _context(client, tables)
    # The same shard throughout, so each transaction starts from the checkpoint that the one before it moved.
    [streamed] = read_stream(records_of([an_event()]))
    batch = [streamed._replace(sequence=str(number).zfill(40)) for number in range(9)]

    project_metrics(context, batch, per_transaction=3)

    assert len(context.dynamo.calls) == 1 + 3


def test_a_batch_that_was_counted_before_costs_one_read(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    context = _context(client, tables)
    batch = {"Records": records_of([an_event()])}

    project(batch, _context(client, tables))
    project(batch, context)

    assert len(context.dynamo.calls) == 1
    assert _stored(client, tables) == _expected([an_event()])


def test_a_batch_without_events_costs_nothing(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    context = _context(client, tables)
    [record] = records_of([an_event()])

    project({"Records": [record | {"eventName": "MODIFY"}]}, context)

    assert context.dynamo.calls == []


def test_a_batch_with_something_unreadable_is_refused_whole(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    good, bad = records_of([an_event(event_id="good"), an_event(event_id="bad")])
    del bad["dynamodb"]["NewImage"]["decision"]

    with pytest.raises(UnreadableEventError):
        project({"Records": [good, bad]}, _context(client, tables))

    assert _stored(client, tables) == {}


def test_a_checkpoint_that_never_stands_still_is_given_up(moto_tables: tuple[Any, Tables]) -> None:
    client, tables = moto_tables
    [streamed] = read_stream(records_of([an_event()]))

    class Overtaken:
        """A client before whose every transaction somebody else moves the checkpoint."""

        def __init__(self) -> None:
            self.moves = 0

        def __getattr__(self, operation: str) -> Any:
            return getattr(client, operation)

        def transact_write_items(self, **parameters: Any) -> Any:
            self.moves += 1
            client.put_item(
                TableName=tables.metrics,
                Item={
                    "pk": {"S": f"CHECKPOINT#{streamed.shard.partition}"},
                    "sk": {"S": streamed.shard.stream},
                    "last_seq": {"S": str(self.moves).zfill(40)},
                },
            )
            return client.transact_write_items(**parameters)

    with pytest.raises(StoreUnavailableError):
        project_metrics(_context(Overtaken(), tables), [streamed])

    assert _stored(client, tables) == {}


def test_what_a_real_stream_delivers_is_counted(
    dynamodb_local: tuple[Any, Tables], dynamodb_local_endpoint: str
) -> None:
    client, tables = dynamodb_local
    arn = engines.start_stream(client, tables, "metrics")
    happened = [an_event(event_id=f"e-{number}", decision="deny") for number in range(20)]
    for event in [*happened, happened[0]]:
        report_event(_context(client, tables), event)

    # Twice: the second time the stream also holds the roll-ups and checkpoints of the first.
    for _ in range(2):
        for batch in _real_batches(arn, dynamodb_local_endpoint):
            project({"Records": batch}, _context(client, tables))

    assert _stored(client, tables) == _expected(happened)


def _real_batches(arn: str, endpoint: str) -> Iterator[list[Record]]:
    streams = engines.client_of("dynamodbstreams", endpoint)
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        yield [record | {"eventSourceARN": arn} for record in records]


def _until_it_succeeds(deliver: Callable[[], object]) -> None:
    """As Lambda does."""
    while True:
        try:
            deliver()
        except StoreUnavailableError:
            continue
        return
