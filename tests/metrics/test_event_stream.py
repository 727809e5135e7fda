"""Events as they come out of the stream."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.metrics.event_stream import UnreadableEventError, read_stream
from handshake.metrics.event_table import SHARDS
from handshake.metrics.events import MetricsEvent
from tests.support.metrics_events import an_event, events
from tests.support.metrics_stream import records_of


@given(st.lists(events()))
def test_what_was_appended_is_what_arrives(appended: list[MetricsEvent]) -> None:
    arrived = read_stream(records_of(appended))

    assert [streamed.event for streamed in arrived] == appended
    assert all(0 <= int(streamed.shard.partition) < SHARDS for streamed in arrived)


def test_sequences_compare_in_the_streams_order_whatever_their_length() -> None:
    sequences = [streamed.sequence for streamed in read_stream(records_of([an_event()] * 4))]

    assert sequences == sorted(set(sequences))


def test_the_stream_is_part_of_the_shard() -> None:
    [old] = read_stream(records_of([an_event()], stream="2026-01-01T00:00:00.000"))
    [new] = read_stream(records_of([an_event()], stream="2026-02-01T00:00:00.000"))

    assert old.shard != new.shard
    assert old.shard.partition == new.shard.partition


@pytest.mark.parametrize("change", [{"eventName": "MODIFY"}, {"eventName": "REMOVE"}])
def test_what_happens_to_an_event_later_is_passed_over(change: dict[str, Any]) -> None:
    [record] = records_of([an_event()])

    assert read_stream([record | change]) == []


@pytest.mark.parametrize("partition", ["ROLLUP#hour", "CHECKPOINT#3", "EVENTS"])
def test_what_the_table_holds_beside_events_is_passed_over(partition: str) -> None:
    [record] = records_of([an_event()])
    record["dynamodb"]["Keys"]["pk"]["S"] = partition

    assert read_stream([record]) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"schema_version": {"S": "v2"}},
        {"decision": {"S": "maybe"}},
        {"timestamp_ms": {"S": "yesterday"}},
        {"timestamp_ms": {"N": "1.5"}},
        {"reason_code": {"N": "7"}},
        {"is_terminal": {"S": "yes"}},
        {"risk_tier": {"S": "severe"}},
        {"incident_detected_ms": {"BOOL": True}},
        {"human_minutes": {"L": []}},
    ],
)
def test_an_event_that_cannot_be_read_is_never_passed_over(spoilt: dict[str, Any]) -> None:
    good, bad = records_of([an_event(), an_event(event_id="secret-id")])
    bad["dynamodb"]["NewImage"] |= spoilt

    with pytest.raises(UnreadableEventError) as unreadable:
        read_stream([good, bad])

    assert bad["dynamodb"]["SequenceNumber"] in str(unreadable.value)
    assert "secret-id" not in str(unreadable.value)


def test_an_event_with_something_missing_is_never_passed_over() -> None:
    [record] = records_of([an_event(human_minutes=Decimal(2))])
    del record["dynamodb"]["NewImage"]["reason_code"]

    with pytest.raises(UnreadableEventError, match="reason_code"):
        read_stream([record])
