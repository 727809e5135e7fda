"""Where metrics events are kept: append-only, spread over lanes, each written once."""

from typing import Final

from handshake.dynamo.client import Put
from handshake.dynamo.context import Context
from handshake.dynamo.sharding import lane
from handshake.metrics.events import EVENT_SCHEMA_VERSION, MetricsEvent

# A lane is a partition key: within one, the stream delivers in order, so the projector keeps a checkpoint a
# lane. Sixteen spread the writes of some 8 000 events a second, two units each. Changing it needs a migration.
LANES: Final = 16
PARTITION_PREFIX: Final = "EVENT#"
# The stream's filter and every reader of events ask for the other prefix.
SYNTHETIC_PREFIX: Final = "SYNTHETIC#"
_SYNTHETIC_KEPT_S: Final = 24 * 60 * 60


def append_event(table: str, event: MetricsEvent, *, correlation_id: str, now_ms: int, synthetic: bool = False) -> Put:
    """The write that appends ``event``, if no event has its id.

    Beside it are kept the call it came from, and when it was appended (``now_ms``, epoch ms): a reported event may
    tell of another time. A ``synthetic`` one is written the same way, and kept for a day where nothing counts it.
    """
    item = {
        "pk": f"{SYNTHETIC_PREFIX if synthetic else PARTITION_PREFIX}{lane(event.event_id, LANES)}",
        "sk": event.event_id,
        "schema_version": EVENT_SCHEMA_VERSION,
        "correlation_id": correlation_id,
        "appended_at": now_ms,
        **{name: value for name, value in vars(event).items() if value is not None},
        **({"ttl": now_ms // 1000 + _SYNTHETIC_KEPT_S} if synthetic else {}),
    }
    return Put(table, item, condition="attribute_not_exists(pk)")


def counted(context: Context, event: MetricsEvent) -> Put:
    """The write that has ``event`` counted, once; one of a synthetic call is kept where nothing counts it."""
    return append_event(
        context.tables.metrics,
        event,
        correlation_id=context.correlation_id,
        now_ms=context.now_ms(),
        synthetic=context.synthetic,
    )
