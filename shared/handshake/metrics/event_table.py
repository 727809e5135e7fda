"""Keeps metrics events: append-only, spread over shards, each written once."""

from typing import Final

from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.sharding import shard
from handshake.dynamo.transaction import Step, Transaction, unread
from handshake.metrics.events import EVENT_SCHEMA_VERSION, MetricsEvent

# A shard is a partition key: within one, the stream delivers in order, so the projector keeps a checkpoint a
# shard. Sixteen spread the writes of some 8 000 events a second, two units each. Changing it needs a migration.
SHARDS: Final = 16
PARTITION_PREFIX: Final = "EVENT#"
# The stream's filter and every reader of events ask for the other prefix.
SYNTHETIC_PREFIX: Final = "SYNTHETIC#"
# Of evidence that is no decision: nothing counts it either, and without it an end of a chain could be cut off unseen.
WITNESS_PREFIX: Final = "WITNESS#"
_SYNTHETIC_KEPT_S: Final = 24 * 60 * 60


class EventTransaction(Transaction):
    """Writes of the metrics table's events."""

    def append_event(
        self,
        event: MetricsEvent,
        *,
        now_ms: int,
        synthetic: bool = False,
        witness: bool = False,
        evidence: str | None = None,
    ) -> Step[None]:
        """Append ``event``, if no event has its id.

        Beside it are kept the call it came from, and when it was appended (``now_ms``, epoch ms): a reported event
        may tell of another time. That of a ``synthetic`` call or request is kept for a day where nothing counts it.
        ``evidence`` is the sort key of the evidence, beside its request, that the event counts; without it, nothing but
        the event itself says that it happened. A ``witness`` is of evidence that no metric counts.
        """
        context = self._context
        synthetic = synthetic or context.synthetic
        call = context.correlation_id
        item = event_item(
            event, correlation_id=call, now_ms=now_ms, synthetic=synthetic, witness=witness, evidence=evidence
        )
        return self._add(Put(context.tables.metrics, item, condition="attribute_not_exists(pk)"), unread)


def event_key(event_id: str, *, synthetic: bool = False, witness: bool = False) -> Key:
    """Give the key of an event."""
    prefix = SYNTHETIC_PREFIX if synthetic else WITNESS_PREFIX if witness else PARTITION_PREFIX
    return {"pk": f"{prefix}{shard(event_id, SHARDS)}", "sk": event_id}


def event_item(
    event: MetricsEvent,
    *,
    correlation_id: str,
    now_ms: int,
    synthetic: bool = False,
    witness: bool = False,
    evidence: str | None = None,
) -> Item:
    """Give the item of ``event``. A ``synthetic`` one expires after a day; nothing counts it, nor a ``witness``."""
    return {
        **event_key(event.event_id, synthetic=synthetic, witness=witness),
        "schema_version": EVENT_SCHEMA_VERSION,
        "correlation_id": correlation_id,
        "appended_at": now_ms,
        **({"evidence": evidence} if evidence else {}),
        **{name: value for name, value in vars(event).items() if value is not None},
        **({"ttl": now_ms // 1000 + _SYNTHETIC_KEPT_S} if synthetic else {}),
    }
