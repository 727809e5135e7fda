"""Puts each event on the queues of the channels that tell it: a queue for each kind, so none waits for another."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import Parcel, group_of
from handshake.core.jsonio import digest
from handshake.notifications.bus import asking
from handshake.notifications.event import Event


class ChannelQueues:
    """The queues of all kinds, through a botocore client of SQS; ``channels`` reads those that there are now."""

    def __init__(self, client: Any, urls: Mapping[ChannelKind, str], channels: Callable[[], Sequence[Channel]]) -> None:
        self._client = client
        self._urls = urls
        self._channels = channels

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put ``events`` on the queues, in their order, each at least once; give those that no queue will ever take.

        Raises BusUnavailableError where a queue does not take one of them; any may be on it by then.
        """
        channels = self._channels()
        for event in events:
            for channel in channels:
                if channel.hears(event):
                    self._send(channel, Parcel(channel.channel_id, channel.added_at_ms, event))
        return []

    def put_test(self, channel: Channel, *, test_id: str, now_ms: int) -> None:
        """Put an operator's test on a channel's queue. Raises BusUnavailableError."""
        self._send(channel, Parcel(channel.channel_id, channel.added_at_ms, None, test_id, now_ms))

    def _send(self, channel: Channel, parcel: Parcel) -> None:
        # One by one: of a batch some may be refused, and what follows them in their group would overtake them.
        with asking():
            self._client.send_message(QueueUrl=self._urls[channel.kind], **_entry(channel, parcel))


def _entry(channel: Channel, parcel: Parcel) -> dict[str, Any]:
    return {
        "MessageBody": json.dumps(parcel.body(), separators=(",", ":")),
        "MessageGroupId": digest(group_of(channel, parcel.event)),
        # Within five minutes a repeat is none; beyond, receivers go by the message's id.
        "MessageDeduplicationId": digest([channel.channel_id, channel.added_at_ms, parcel.message_id]),
    }
