"""Keeps metrics events: append-only, spread over shards, each written once."""

from typing import Final

from handshake.dynamo.marshalling import Item, Put
from handshake.dynamo.sharding import shard
from handshake.dynamo.transaction import Step, Transaction, unread
from handshake.metrics.events import EVENT_SCHEMA_VERSION, MetricsEvent

# A shard is a partition key: within one, the stream delivers in order, so the projector keeps a checkpoint a
# shard. Sixteen spread the writes of some 8 000 events a second, two units each. Changing it needs a migration.
SHARDS: Final = 16
PARTITION_PREFIX: Final = "EVENT#"
# The stream's filter and every reader of events ask for the other prefix.
SYNTHETIC_PREFIX: Final = "SYNTHETIC#"
_SYNTHETIC_KEPT_S: Final = 24 * 60 * 60


class EventTransaction(Transaction):
    """Writes of the metrics table's events."""

    def append_event(self, event: MetricsEvent, *, now_ms: int, synthetic: bool = False) -> Step[None]:
        """Append ``event``, if no event has its id.

        Beside it are kept the call it came from, and when it was appended (``now_ms``, epoch ms): a reported event
        may tell of another time. That of a ``synthetic`` call or request is kept for a day where nothing counts it.
        """
        context = self._context
        synthetic = synthetic or context.synthetic
        item = event_item(event, correlation_id=context.correlation_id, now_ms=now_ms, synthetic=synthetic)
        return self._add(Put(context.tables.metrics, item, condition="attribute_not_exists(pk)"), unread)


def event_item(event: MetricsEvent, *, correlation_id: str, now_ms: int, synthetic: bool = False) -> Item:
    """The item of ``event``; a ``synthetic`` one expires after a day, in partitions that nothing counts."""
    return {
        "pk": f"{SYNTHETIC_PREFIX if synthetic else PARTITION_PREFIX}{shard(event.event_id, SHARDS)}",
        "sk": event.event_id,
        "schema_version": EVENT_SCHEMA_VERSION,
        "correlation_id": correlation_id,
        "appended_at": now_ms,
        **{name: value for name, value in vars(event).items() if value is not None},
        **({"ttl": now_ms // 1000 + _SYNTHETIC_KEPT_S} if synthetic else {}),
    }
