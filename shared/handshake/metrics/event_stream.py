"""Events as they come back: from the stream at least once and in order within a shard, or as the table holds them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any, Final, NamedTuple, get_args

from handshake.core.tiers import UNKNOWN_TIER, Outcome, RiskTier
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, unmarshal
from handshake.dynamo.sharding import Shard
from handshake.metrics.event_table import PARTITION_PREFIX
from handshake.metrics.events import EVENT_SCHEMA_VERSION, MetricsEvent

# Sequence numbers have 21 to 40 digits; padded, they compare as text.
_SEQUENCE_DIGITS: Final = 40


class StreamedEvent(NamedTuple):
    """An event and where it stands: within ``shard``, a later event has a greater ``sequence``.

    ``appended_at_ms`` is the writer's clock at append, epoch ms; 0 of an event that does not say.
    """

    shard: Shard
    sequence: str
    event: MetricsEvent
    appended_at_ms: int = 0
    correlation_id: str = ""


class StoredEvent(NamedTuple):
    """An event as the table holds it; ``appended_at_ms`` as in StreamedEvent."""

    event: MetricsEvent
    appended_at_ms: int


class UnreadableEventError(Exception):
    """A stored event cannot be read by this version. The message never repeats its content."""


def read_stream(records: Iterable[Mapping[str, Any]]) -> list[StreamedEvent]:
    """Give the events that ``records`` of a DynamoDB stream append; the table's other items are passed over.

    Raises UnreadableEventError when something that is no event was put where events are kept: it belongs in
    the dead-letter queue, and must not be lost.
    """
    return [_read(record) for record in records if _appends_event(record)]


def stored_events(dynamo: Dynamo, table: str) -> Iterator[StoredEvent | UnreadableEventError]:
    """Give every event that the table holds, in some order, page by page; in place of an unreadable one, its error.

    Reads the whole table: for audits, never for a caller.
    """
    for item in dynamo.scan(table, "begins_with(pk, :events)", {":events": PARTITION_PREFIX}):
        try:
            yield StoredEvent(_event(item, item["pk"]), _appended_at_ms(item))
        except UnreadableEventError as unreadable:
            yield unreadable


def _appends_event(record: Mapping[str, Any]) -> bool:
    partition: str = record["dynamodb"]["Keys"]["pk"]["S"]
    return record["eventName"] == "INSERT" and partition.startswith(PARTITION_PREFIX)


def _read(record: Mapping[str, Any]) -> StreamedEvent:
    change = record["dynamodb"]
    item = unmarshal(change["NewImage"])
    return StreamedEvent(
        Shard(record["eventSourceARN"].rpartition("/")[2], item["pk"].removeprefix(PARTITION_PREFIX)),
        change["SequenceNumber"].zfill(_SEQUENCE_DIGITS),
        _event(item, change["SequenceNumber"]),
        _appended_at_ms(item),
        item.get("correlation_id", ""),
    )


def _event(item: Item, where: str) -> MetricsEvent:
    if item.get("schema_version") != EVENT_SCHEMA_VERSION:
        raise UnreadableEventError(f"{where}: not of schema {EVENT_SCHEMA_VERSION}")
    read: dict[str, Any] = {}
    wrong = [name for name in _REQUIRED if name not in item]
    for name in _READ.keys() & item.keys():
        try:
            read[name] = _READ[name](item[name])
        except ValueError:
            wrong.append(name)
    if wrong:
        raise UnreadableEventError(f"{where}: wrong at {', '.join(sorted(wrong))}")
    return MetricsEvent(**read)


def _a(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"no {kind.__name__}")  # noqa: TRY004 - a stored wrong type is a wrong value like any other
        return value

    return read


def _one_of(*allowed: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise ValueError("none of those allowed")
        return value

    return read


def _whole(value: Any) -> int:
    if not isinstance(value, Decimal) or value != value.to_integral_value():
        raise ValueError("no whole number")
    return int(value)


# Written out, because a model library would be two thirds of what the projector imports.
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("event_id", "request_id", "reason_code", "reason_family", "agent"), _a(str)),
    **dict.fromkeys(("timestamp_ms", "incident_detected_ms", "terminal_decision_ms"), _whole),
    **dict.fromkeys(("human_minutes", "compute_cost_units", "escalation_overhead_units"), _a(Decimal)),
    **dict.fromkeys(("is_terminal", "has_valid_lineage", "reported"), _a(bool)),
    "decision": _one_of(*get_args(Outcome)),
    "risk_tier": _one_of(*get_args(RiskTier), UNKNOWN_TIER),
}
_REQUIRED: Final = frozenset(field.name for field in fields(MetricsEvent) if field.default is MISSING)


def _appended_at_ms(item: Item) -> int:
    return int(item.get("appended_at", 0))
