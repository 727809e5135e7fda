"""Append one reported event to the metrics."""

from typing import Any

from handshake.domain.events import MetricsEvent
from handshake.flows.context import Context
from handshake.flows.evidence import counted
from handshake.store.dynamo import ConditionFailedError


def project_event(context: Context, event: MetricsEvent) -> dict[str, Any]:
    """Append ``event`` unless its id is taken, and say which. The first event of an id stays as it was."""
    try:
        context.dynamo.write(counted(context, event))
    except ConditionFailedError:
        duplicate = True
    else:
        duplicate = False
    return {"status": "ok", "eventId": event.event_id, "duplicate": duplicate}
