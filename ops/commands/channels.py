"""Channels: where people of a tenant, or of all, are told of what happens; register one, try it, remove it."""

import json
import secrets
import sys
from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Commands, Stack, answered, escaped, fail, say
from ops.commands.operate import operator_of
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handshake.channels.channel import Channel
    from ops.local.deployment import Deployment

channels = Commands(no_args_is_help=True, help="Channels: where people are told of what happens.")

_LOCAL: Final = "local"
_KEY_BYTES: Final = 32

ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's id: a-z 0-9 -, at most 40.")]
Tenant = Annotated[
    str | None, typer.Option(show_default=False, help="Whose events it tells. Without it: all tenants'.")
]


@channels.command()
def add(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="topic, slack or webhook.")],
    channel_id: ChannelId,
    tenant: Tenant = None,
    topic_arn: Annotated[str | None, typer.Option(show_default=False, help="Of a topic: its ARN.")] = None,
    *,
    stack: Stack = STACK_NAME,
    as_json: AsJson = False,
) -> None:
    """Register a channel. Of slack and webhook, the URL is read from standard input: it is a secret.

    A webhook's messages are signed with a key that is made here and shown once.

    Ends with 0 where it is registered, 1 where there is one of that id or AWS refuses, 2 for a wrong command line,
    69 where the stack cannot be reached.
    """
    from handshake.channels.channel import Channel, ChannelKind, host_of, id_fault, named, topic_fault, url_fault
    from handshake.channels.secrets import secret_of
    from handshake.channels.table import read_channels
    from ops.local import deployment

    if kind not in set(ChannelKind):
        fail(f"KIND is one of {', '.join(ChannelKind)}", code=2)
    if fault := id_fault(channel_id):
        fail(f"CHANNEL {fault}", code=2)
    if (topic_arn is not None) != (kind == ChannelKind.TOPIC):
        fail("--topic-arn is a topic's, and a topic needs it", code=2)
    with answered():
        target = deployment.find(stack)
        if kind == ChannelKind.TOPIC:
            url, address = "", topic_arn or ""
            if fault := topic_fault(address, prefix=f"{stack}-told-"):
                fail(f"--topic-arn {fault}", code=2)
        else:
            url = _read_url()
            if fault := url_fault(url, ChannelKind(kind), local=target.outputs["ApiStage"] == _LOCAL):
                fail(f"the URL {fault}", code=2)
            address = host_of(url)
        context = target.context()
        kept, version = read_channels(context)
        if named(kept, channel_id):
            fail(f"there is a channel {channel_id}; remove it first")
        key = _key() if kind == ChannelKind.WEBHOOK else ""
        now = context.now_ms()
        if url:
            _keep_secret(target, stack, channel_id, secret_of(url=url, key=key, added_at_ms=now))
        channel = Channel(channel_id, ChannelKind(kind), tenant, address, now, operator_of(target))
        try:
            _keep(target, [*kept, channel], seen=version)
        except typer.Exit:
            if url:
                _forget_secret(target, stack, channel_id)
            raise
    if as_json:
        print(json.dumps(_shown(channel) | ({"key": key} if key else {})))
        return
    say(f"{channel_id} is registered; python -m ops channels test {channel_id} tries it")
    if key:
        say(f"it verifies by this key, which is shown once:\n{key}")


@channels.command("list")
def list_all(stack: Stack = STACK_NAME, as_json: AsJson = False) -> None:
    """List the channels: id, kind, whose events, and the host or topic.

    Ends with 0 where they are listed, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.channels.table import read_channels
    from ops.local import deployment

    with answered():
        kept, _ = read_channels(deployment.find(stack).context())
    if as_json:
        print(json.dumps([_shown(channel) for channel in kept]))
        return
    say("\n".join(_in_words(channel) for channel in kept) or "there is no channel; events are on the bus alone")


@channels.command("test")
def try_out(channel_id: ChannelId, stack: Stack = STACK_NAME) -> None:
    """Put a message on the channel's queue that says that it is a test; its log line says what came of it.

    Ends with 0 where it is on the queue, 1 where there is no such channel or AWS refuses, 69 where the stack cannot be
    reached.
    """
    from handshake.channels.channel import ChannelKind, named
    from handshake.channels.fan_out import ChannelQueues
    from handshake.channels.table import read_channels
    from handshake.notifications.bus import BusUnavailableError
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        context = target.context()
        kept, _ = read_channels(context)
        channel = named(kept, channel_id)
        if channel is None:
            fail(f"there is no channel {channel_id}")
        urls = {kind: target.outputs[f"{kind.title()}Queue"] for kind in ChannelKind}
        queues = ChannelQueues(target.client("sqs"), urls, lambda: kept)
        try:
            queues.put_test(channel, test_id=context.new_id(), now_ms=context.now_ms())
        except BusUnavailableError as error:
            fail(str(error))
    say(f"a test is on its way by {channel_id}")


@channels.command()
def remove(channel_id: ChannelId, stack: Stack = STACK_NAME) -> None:
    """Remove a channel and its secret. What is on its way by it is told to nobody.

    Ends with 0 where it is removed, 1 where there is none of that id or AWS refuses, 69 where the stack cannot be
    reached.
    """
    from handshake.channels.channel import ChannelKind, named
    from handshake.channels.table import read_channels, without
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        kept, version = read_channels(target.context())
        channel = named(kept, channel_id)
        if channel is None:
            fail(f"there is no channel {channel_id}")
        _keep(target, without(kept, channel_id), seen=version)
        if channel.kind is not ChannelKind.TOPIC:
            _forget_secret(target, stack, channel_id)
    say(f"{channel_id} is removed")


def _read_url() -> str:
    """Read the URL from standard input, without showing it where somebody types."""
    if sys.stdin.isatty():
        url: str = typer.prompt("URL", hide_input=True)
        return url.strip()
    return sys.stdin.readline().strip()


def _key() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}"


def _keep_secret(target: "Deployment", stack: str, channel_id: str, content: str) -> None:
    from handshake.channels.secrets import secret_name

    description = "Where a channel's messages go, and what signs them."
    target.client("secretsmanager").create_secret(
        Name=secret_name(stack, channel_id), Description=description, SecretString=content
    )


def _forget_secret(target: "Deployment", stack: str, channel_id: str) -> None:
    from handshake.channels.secrets import secret_name

    # At once, so that the id is free for another.
    name = secret_name(stack, channel_id)
    target.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _keep(target: "Deployment", kept: "Sequence[Channel]", *, seen: int) -> None:
    from handshake.channels.table import ChannelsTransaction, TooManyChannelsError

    tx = ChannelsTransaction(target.context())
    try:
        tx.keep(kept, seen=seen)
    except TooManyChannelsError as error:
        fail(str(error))
    if not tx.commit():
        fail("somebody else changed the channels just now; look at them, and try again")


def _shown(channel: "Channel") -> dict[str, Any]:
    return {
        "channelId": channel.channel_id,
        "kind": channel.kind.value,
        "tenantId": channel.tenant_id,
        "address": channel.address,
        "addedAt": channel.added_at_ms,
        "addedBy": channel.added_by,
    }


def _in_words(channel: "Channel") -> str:
    of = f"of {escaped(channel.tenant_id)}" if channel.tenant_id else "of all tenants"
    return f"{channel.channel_id}: {channel.kind.value}, {of}, {escaped(channel.address)}"
