"""A service with channels: real receivers, a model of SQS, and a clock that is the test's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import pytest

from functions.channels import app as channels_app
from handshake.channels.channel import Channel, ChannelKind, host_of
from handshake.channels.deliver import Desk
from handshake.channels.fan_out import ChannelQueues
from handshake.channels.outbound import Outbound
from handshake.channels.secrets import Destinations
from handshake.channels.table import ChannelsTransaction, read_channels, without
from handshake.notifications.bus import DeadLetters, EventBus, Several
from handshake.notifications.publish import publish
from handshake.notifications.remind import remind
from handshake.requests.expire_overdue import expire_overdue
from tests.conftest import Engine
from tests.support.queues import Fifo
from tests.support.receivers import Receiver
from tests.support.scripted import fault
from tests.support.service import InProcess, now_ms
from tests.support.telling import Listener, Streams

STACK: Final = "handshake-test"
KEY: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URLS: Final = {kind: f"{STACK}-channel-{kind}.fifo" for kind in ChannelKind}
DEAD: Final = {kind: f"{kind}-dead" for kind in ChannelKind}


@dataclass
class Secrets:
    """Secrets Manager, as botocore's client is called."""

    kept: dict[str, dict[str, Any]]

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's own name
        """Give a secret's text."""
        if SecretId not in self.kept:
            raise fault("ResourceNotFoundException")
        return {"SecretString": json.dumps(self.kept[SecretId])}


@dataclass
class World:
    """A service with channels, on a real store; its clock is the test's."""

    service: InProcess
    clock: list[int]
    streams: Streams
    queues: Fifo
    secrets: Secrets
    published: list[dict[str, str]]
    bus: Listener
    monkeypatch: pytest.MonkeyPatch

    def register(self, channel_id: str, kind: ChannelKind, url: str, *, tenant: str | None = None) -> None:
        """Register a channel."""
        address = url if kind is ChannelKind.TOPIC else host_of(url)
        kept, version = read_channels(self.service.context)
        tx = ChannelsTransaction(self.service.context)
        tx.keep([*kept, Channel(channel_id, kind, tenant, address, self.clock[0], "me")], seen=version)
        assert tx.commit()
        self.secrets.kept[f"{STACK}/channels/{channel_id}"] = {"url": url, "key": KEY}

    def remove(self, channel_id: str) -> None:
        """Remove a channel and its secret."""
        kept, version = read_channels(self.service.context)
        tx = ChannelsTransaction(self.service.context)
        tx.keep(without(kept, channel_id), seen=version)
        assert tx.commit()
        del self.secrets.kept[f"{STACK}/channels/{channel_id}"]

    def tell(self) -> None:
        """Publish what was committed since, as the notifier does."""
        context = self.service.context
        queues = ChannelQueues(self.queues, URLS, lambda: read_channels(context)[0])
        bus = EventBus(self.bus, "bus", pause=lambda _: None)
        tellers = Several([queues, bus])
        records = self.streams.read()
        while records:
            done = publish(context, records, tellers, DeadLetters(self.bus, "url"))
            numbers = [one["dynamodb"]["SequenceNumber"] for one in records]
            records = records[numbers.index(done.failed_at) :] if done.failed_at else []

    def deliver(self, *, dies: Callable[[], bool] = lambda: False) -> int:
        """Have Lambda read each queue until nothing is due now; ``dies`` says that it ended before it could say so."""
        count = 0
        while due := [(url, message) for url in URLS.values() for message in self.queues.due(url)]:
            for url, message in due:
                record = self.queues.receive(url, message)
                failed = channels_app.handler({"Records": [record]}, None)["batchItemFailures"]
                count += 1
                if dies():
                    message.visible_ms = self.clock[0] + 1000
                elif not failed:
                    self.queues.delete(url, message)
        return count

    def pass_time(self, seconds: int, *, step: int = 5, dies: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, with sweeps each minute."""
        for second in range(0, seconds, step):
            self.clock[0] += step * 1000
            if second % 60 < step:
                expire_overdue(self.service.context)
                remind(self.service.context)
                self.tell()
            self.deliver(dies=dies)


def build_world(engine: Engine, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make a world on the store at ``endpoint``, where the function ``channels`` finds what it sends with."""
    client, tables = engine
    clock = [now_ms()]
    service = InProcess(client, tables, now_ms=lambda: clock[0])
    queues, secrets, published = Fifo(lambda: clock[0]), Secrets({}), list[dict[str, str]]()
    topics = SimpleNamespace(publish=lambda **message: published.append(message))
    desk = Desk(
        STACK,
        "",
        topics,
        Destinations(secrets, STACK, clock=lambda: clock[0] / 1000),
        Outbound(local=True, total_s=0.5),
    )
    office = channels_app.Office(
        desk, queues, {URLS[kind]: channels_app.Queue(kind, URLS[kind], DEAD[kind]) for kind in ChannelKind}
    )
    monkeypatch.setattr(channels_app, "_process_office", lambda: office)
    monkeypatch.setattr(channels_app, "process_runtime", lambda: service.runtime)
    monkeypatch.setattr(channels_app, "_PACE_S", {})
    return World(service, clock, Streams(endpoint, tables), queues, secrets, published, Listener(), monkeypatch)


def dead_of(world: World, kind: ChannelKind) -> list[str]:
    """Give the causes of a kind's dead letters."""
    return [message.attributes["cause"]["StringValue"] for message in world.queues.queues.get(DEAD[kind], ())]


def taken(receiver: Receiver, failed: Callable[[int], bool] = lambda _: False) -> list[dict[str, Any]]:
    """Give what an idempotent receiver keeps: each id once, the first time that it said that it took it."""
    kept: dict[str, dict[str, Any]] = {}
    for number, call in enumerate(receiver.calls):
        if not failed(number):
            kept.setdefault(call.headers["webhook-id"], call.json["data"])
    return list(kept.values())
