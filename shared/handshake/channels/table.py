"""Keeps channels: one item of the runtime table, which is read whole for each batch of events."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from handshake.channels.channel import MAX_CHANNELS, Channel, ChannelKind
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, Transaction, unread

CHANNELS_KEY: Final[Key] = {"kv_key": "channels"}


class TooManyChannelsError(Exception):
    """There is room for so many in one item, and more of them would make every event wait."""


def channels_from(item: Item | None) -> tuple[Channel, ...]:
    """Give the channels that the item holds."""
    return tuple(_channel(one) for one in (item or {}).get("channels", ()))


def read_channels(context: Context) -> tuple[tuple[Channel, ...], int]:
    """Read all channels, and the version of the whole, 0 where there never was one. Raises StoreUnavailableError."""
    [item] = context.dynamo.batch_get([(context.tables.runtime_kv, CHANNELS_KEY)])
    return channels_from(item), int(item["version"]) if item else 0


class ChannelsTransaction(Transaction):
    """Writes of the channels."""

    def keep(self, channels: Sequence[Channel], *, seen: int) -> Step[None]:
        """Keep ``channels``, if nobody changed them since version ``seen``. Raises TooManyChannelsError."""
        if len(channels) > MAX_CHANNELS:
            raise TooManyChannelsError(f"A stack has at most {MAX_CHANNELS} channels.")
        item = {**CHANNELS_KEY, "version": seen + 1, "channels": list(map(_item, channels))}
        first = not seen
        put = Put(
            self._context.tables.runtime_kv,
            item,
            condition="attribute_not_exists(kv_key)" if first else "version = :seen",
            values={} if first else {":seen": seen},
        )
        return self._add(put, unread)


def without(channels: Iterable[Channel], channel_id: str) -> list[Channel]:
    """Give all channels but the one of this id."""
    return [channel for channel in channels if channel.channel_id != channel_id]


def _channel(item: Item) -> Channel:
    return Channel(
        channel_id=item["channel_id"],
        kind=ChannelKind(item["kind"]),
        tenant_id=item.get("tenant_id"),
        address=item["address"],
        added_at_ms=int(item["added_at_ms"]),
        added_by=item["added_by"],
    )


def _item(channel: Channel) -> Item:
    return {name: value for name, value in asdict(channel).items() if value is not None} | {"kind": channel.kind.value}
