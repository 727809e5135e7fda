"""Tell of what was committed: put each change that somebody may want to hear of on the stack's event bus.

What cannot be told now is delivered again, from the first such record on, for as long as the stream keeps it; what can
never be told is put among the dead letters, and holds nobody up.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from handshake.api import telemetry
from handshake.api.runtime import aws, client_config, process_runtime, start
from handshake.notifications.bus import DeadLetters, EventBus
from handshake.notifications.publish import publish

_CLIENTS = client_config(connect_s=1, read_s=3, attempts=2)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Handle one batch of either stream; says where to begin again."""
    bus, dead_letters = _process_channels()
    with process_runtime().invocation() as context:
        done = publish(context, event["Records"], bus, dead_letters)
        telemetry.published(
            events=done.events,
            dead=done.dead,
            lag_ms=done.lag_ms,
            cause=done.cause,
            store_calls=len(context.dynamo.calls),
        )
    return {"batchItemFailures": [{"itemIdentifier": done.failed_at}] if done.failed_at else []}


def build_channels(environment: Mapping[str, str]) -> tuple[EventBus, DeadLetters]:
    """Make the bus and the queue that ``environment`` names, with real clients."""
    return (
        EventBus(aws().create_client("events", config=_CLIENTS), environment["EVENT_BUS"]),
        DeadLetters(aws().create_client("sqs", config=_CLIENTS), environment["DEAD_LETTERS"]),
    )


@cache
def _process_channels() -> tuple[EventBus, DeadLetters]:
    return build_channels(os.environ)


start(process_runtime)
start(_process_channels)
