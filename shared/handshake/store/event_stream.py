"""The metrics table's stream: events as the projector gets them, at least once and in order within a lane."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from handshake.domain.events import EVENT_SCHEMA_VERSION, MetricsEvent
from handshake.store.dynamo import unmarshal
from handshake.store.events import PARTITION_PREFIX

# Sequence numbers have 21 to 40 digits; padded, they compare as text.
_SEQUENCE_DIGITS: Final = 40
_EVENT: Final = TypeAdapter(MetricsEvent)


class Lane(NamedTuple):
    """What keeps its order: one partition of one stream.

    A restored table has a stream of its own, whose sequence begins anew, so a lane is never resumed there.
    """

    stream: str
    partition: str


class StreamedEvent(NamedTuple):
    """An event and where it stands: within ``lane``, a later event has a greater ``sequence``."""

    lane: Lane
    sequence: str
    event: MetricsEvent


class UnreadableEventError(Exception):
    """A stream record holds no event that this version can count. The message never repeats its content."""


def read_stream(records: Iterable[Mapping[str, Any]]) -> list[StreamedEvent]:
    """The events that ``records`` of a DynamoDB stream append; the table's other items are passed over.

    Raises UnreadableEventError when something that is no event was put where events are kept: it belongs in
    the dead-letter queue, and must not be lost.
    """
    return [_read(record) for record in records if _appends_event(record)]


def _appends_event(record: Mapping[str, Any]) -> bool:
    partition: str = record["dynamodb"]["Keys"]["pk"]["S"]
    return record["eventName"] == "INSERT" and partition.startswith(PARTITION_PREFIX)


def _read(record: Mapping[str, Any]) -> StreamedEvent:
    change = record["dynamodb"]
    item = unmarshal(change["NewImage"])
    if item.get("schema_version") != EVENT_SCHEMA_VERSION:
        raise UnreadableEventError(f"{change['SequenceNumber']}: not of schema {EVENT_SCHEMA_VERSION}")
    try:
        event = _EVENT.validate_python(item)
    except ValidationError as fault:
        wrong = ", ".join(str(error["loc"][0]) for error in fault.errors())
        raise UnreadableEventError(f"{change['SequenceNumber']}: wrong at {wrong}") from None
    stream = record["eventSourceARN"].rpartition("/")[2]
    return StreamedEvent(
        Lane(stream, item["pk"].removeprefix(PARTITION_PREFIX)),
        change["SequenceNumber"].zfill(_SEQUENCE_DIGITS),
        event,
    )
