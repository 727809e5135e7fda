"""Tell of what was committed: put each change that somebody may want to hear of on the stack's event bus.

Where channels are registered, it is put on their queues too. What cannot be told now is delivered again, from the
first such record on, for as long as the stream keeps it; what can never be told is put among the dead letters, and
holds nobody up.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from handshake.api import telemetry
from handshake.api.runtime import aws, client_config, process_runtime, start
from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.fan_out import ChannelQueues
from handshake.channels.table import read_channels
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.notifications.bus import BusUnavailableError, DeadLetters, EventBus, Several
from handshake.notifications.publish import publish

_CLIENTS = client_config(connect_s=1, read_s=3, attempts=2)


class Clients(NamedTuple):
    """Holds what a process tells by. ``queues`` are the channels', by their URLs."""

    bus: EventBus
    dead_letters: DeadLetters
    sqs: Any
    queues: Mapping[ChannelKind, str]


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Handle one batch of either stream; says where to begin again."""
    clients = _process_clients()
    with process_runtime().invocation() as context:
        queues = ChannelQueues(clients.sqs, clients.queues, _reader(context))
        # People first: whatever else listens, is not in their way.
        done = publish(context, event["Records"], Several([queues, clients.bus]), clients.dead_letters)
        telemetry.published(
            events=done.events,
            dead=done.dead,
            lag_ms=done.lag_ms,
            cause=done.cause,
            store_calls=len(context.dynamo.calls),
        )
    return {"batchItemFailures": [{"itemIdentifier": done.failed_at}] if done.failed_at else []}


def _reader(context: Context) -> Any:
    """Give what reads the channels, once for a batch and not for one without events."""

    @cache
    def read() -> Sequence[Channel]:
        try:
            channels, _ = read_channels(context)
        except StoreUnavailableError as error:
            raise BusUnavailableError("the channels cannot be read") from error
        return channels

    return read


def build_clients(environment: Mapping[str, str]) -> Clients:
    """Make the bus and the queues that ``environment`` names, with real clients."""
    sqs = aws().create_client("sqs", config=_CLIENTS)
    return Clients(
        bus=EventBus(aws().create_client("events", config=_CLIENTS), environment["EVENT_BUS"]),
        dead_letters=DeadLetters(sqs, environment["DEAD_LETTERS"]),
        sqs=sqs,
        queues={kind: environment[f"{kind.upper()}_QUEUE"] for kind in ChannelKind},
    )


@cache
def _process_clients() -> Clients:
    return build_clients(os.environ)


start(process_runtime)
start(_process_clients)
