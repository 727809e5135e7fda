"""Report an event: append what a caller says was decided elsewhere."""

from typing import TYPE_CHECKING

from handshake.dynamo.context import Context
from handshake.metrics.event_table import EventTransaction
from handshake.metrics.events import EVENT_SCHEMA_VERSION, MetricsEvent
from handshake.metrics.rollup import PROJECTOR_VERSION

if TYPE_CHECKING:
    from handshake.metrics.answers import EventKept


def report_event(context: Context, event: MetricsEvent) -> "EventKept":
    """Append ``event`` unless its id is taken, and say which. The first event of an id stays as it was."""
    tx = EventTransaction(context)
    tx.append_event(event, now_ms=context.now_ms())
    duplicate = not tx.commit()
    return {
        "status": "ok",
        "eventId": event.event_id,
        "duplicate": duplicate,
        "schemaVersion": EVENT_SCHEMA_VERSION,
        "projectorVersion": PROJECTOR_VERSION,
    }
