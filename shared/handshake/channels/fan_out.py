"""Puts each event on the queues of the channels that tell it: a queue for each kind, so none waits for another."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import Parcel, group_of
from handshake.core.jsonio import digest
from handshake.notifications.bus import BusUnavailableError, asking
from handshake.notifications.event import Event

_ENTRIES: Final = 10
_TRIES: Final = 3


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
        for kind, url in self._urls.items():
            entries = [
                _entry(channel, Parcel(channel.channel_id, event))
                for event in events
                for channel in channels
                if channel.kind is kind and channel.hears(event)
            ]
            for some in _batches(entries):
                self._send(url, some)
        return []

    def put_test(self, channel: Channel, *, test_id: str, now_ms: int) -> None:
        """Put an operator's test on a channel's queue. Raises BusUnavailableError."""
        self._send(self._urls[channel.kind], [_entry(channel, Parcel(channel.channel_id, None, test_id, now_ms))])

    def _send(self, url: str, entries: Sequence[Mapping[str, Any]]) -> None:
        left = [{**entry, "Id": str(number)} for number, entry in enumerate(entries)]
        code = ""
        for _ in range(_TRIES):
            with asking():
                answer = self._client.send_message_batch(QueueUrl=url, Entries=left)
            refused = {one["Id"]: one.get("Code", "") for one in answer.get("Failed", ())}
            left = [entry for entry in left if entry["Id"] in refused]
            if not left:
                return
            code = refused[left[0]["Id"]]
        raise BusUnavailableError(f"SendMessageBatch: {code}")


def _entry(channel: Channel, parcel: Parcel) -> dict[str, Any]:
    return {
        "MessageBody": json.dumps(parcel.body(), separators=(",", ":")),
        "MessageGroupId": digest(group_of(channel, parcel.event)),
        # Within five minutes a repeat is none; beyond, receivers go by the message's id.
        "MessageDeduplicationId": digest([channel.channel_id, channel.added_at_ms, parcel.message_id]),
    }


def _batches(entries: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Give what one call may send: of a group one message, for what is refused would come behind what follows it."""
    batch: list[Mapping[str, Any]] = []
    groups: set[str] = set()
    for entry in entries:
        if len(batch) == _ENTRIES or entry["MessageGroupId"] in groups:
            yield batch
            batch, groups = [], set()
        batch.append(entry)
        groups.add(entry["MessageGroupId"])
    if batch:
        yield batch
