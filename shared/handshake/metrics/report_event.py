"""Append one reported event to the metrics."""

from typing import TYPE_CHECKING

from handshake.dynamo.client import ConditionFailedError
from handshake.dynamo.context import Context
from handshake.metrics.event_table import counted
from handshake.metrics.events import MetricsEvent

if TYPE_CHECKING:
    from handshake.metrics.answers import EventKept


def project_event(context: Context, event: MetricsEvent) -> "EventKept":
    """Append ``event`` unless its id is taken, and say which. The first event of an id stays as it was."""
    try:
        context.dynamo.write(counted(context, event))
    except ConditionFailedError:
        duplicate = True
    else:
        duplicate = False
    return {"status": "ok", "eventId": event.event_id, "duplicate": duplicate}
