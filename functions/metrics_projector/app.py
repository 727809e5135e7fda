"""Fold the metrics table's stream into roll-ups.

Whatever is raised makes Lambda deliver the batch again, then halves of it, until what cannot be folded stands alone
and goes to the dead-letter queue.
"""

from collections.abc import Mapping
from typing import Any

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.dynamo.context import Context
from handshake.metrics.event_stream import read_stream
from handshake.metrics.project_metrics import project_metrics


def project(event: Mapping[str, Any], context: Context) -> None:
    """Fold one batch of stream records."""
    events = read_stream(event["Records"])
    counted = project_metrics(context, events)
    now_ms = context.now_ms()
    telemetry.folded(
        events=len(counted),
        lag_ms=max((now_ms - streamed.appended_at_ms for streamed in counted if streamed.appended_at_ms), default=0),
        correlation_ids=[streamed.correlation_id for streamed in counted if streamed.correlation_id],
        store_calls=len(context.dynamo.calls),
    )


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle one batch of the stream."""
    with process_runtime().invocation() as context:
        project(event, context)


start(process_runtime)
