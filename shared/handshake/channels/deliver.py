"""Deliver one message of a channel's queue: read what it is about, write it, send it, and say what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from botocore.exceptions import BotoCoreError, ClientError

from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import (
    Delivered,
    Forget,
    GiveUp,
    Outcome,
    Parcel,
    Rests,
    decide_answer,
    decide_failure,
    is_failure,
    is_too_late,
    life_left_ms,
)
from handshake.channels.message import Message, trial_message, write_message
from handshake.channels.outbound import Answer, Outbound, RefusedAddressError, UnansweredError
from handshake.channels.render import signed, slack_body, subject, topic_text, webhook_body
from handshake.channels.secrets import Destinations, SecretUnavailableError
from handshake.channels.table import CHANNELS_KEY, channels_from
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import UNREADABLE, Key
from handshake.requests.action_items import action_key, with_arguments
from handshake.requests.table import record_from, state_key

_JSON: Final = {"content-type": "application/json; charset=utf-8", "user-agent": "Handshake"}


class UnreadableMessageError(Exception):
    """Says that what a message is of cannot be read by this release, and how; quotes nothing."""


@dataclass(frozen=True)
class Desk:
    """Holds what messages are sent with. ``room`` is the page where people decide, "" where there is none."""

    stack: str
    room: str
    topics: Any
    destinations: Destinations
    outbound: Outbound
    rests: Rests = field(default_factory=Rests)


@dataclass(frozen=True)
class Sent:
    """Says what came of a message, on which kind of channel, and how old it was (ms) when it was told."""

    outcome: Outcome
    lag_ms: int


def deliver(context: Context, parcel: Parcel, desk: Desk, *, tried: int) -> Sent:
    """Deliver ``parcel``, the ``tried``-th time (from 1)."""
    now = context.now_ms()
    left_ms = life_left_ms(parcel, now_ms=now)
    if rest := desk.rests.of(parcel, now_ms=now):
        # As if it had been tried: it comes again no sooner than it would, nor more often than a queue counts.
        outcome = decide_failure(rest.cause, tried=tried, left_ms=left_ms, at_least_s=rest.left_s(now_ms=now))
    else:
        outcome = _outcome(context, parcel, desk, tried=tried, left_ms=left_ms)
    return Sent(outcome, context.now_ms() - parcel.at_ms)


def _outcome(context: Context, parcel: Parcel, desk: Desk, *, tried: int, left_ms: int) -> Outcome:
    """Send a message whose channel does not rest."""
    try:
        prepared = _prepared(context, parcel, desk)
    except StoreUnavailableError:
        return decide_failure("the store is unavailable", tried=tried, left_ms=left_ms)
    except UnreadableMessageError as unreadable:
        return GiveUp(str(unreadable))
    if prepared is None:
        return Forget()
    channel, message = prepared
    if is_too_late(tried=tried, left_ms=left_ms):
        return GiveUp("its time is over")
    try:
        answer = _send(channel, parcel, message, desk, now_ms=context.now_ms())
    except RefusedAddressError as refused:
        return GiveUp(str(refused))
    except (UnansweredError, SecretUnavailableError, ClientError, BotoCoreError) as error:
        cause = _cause(error)
        desk.rests.begin(parcel, cause, now_ms=context.now_ms())
        return decide_failure(cause, tried=tried, left_ms=left_ms)
    outcome = decide_answer(answer.status, answer.retry_after_s, tried=tried, left_ms=left_ms)
    if isinstance(outcome, Delivered):
        desk.rests.end(parcel)
    elif is_failure(answer.status):
        desk.rests.begin(parcel, f"status {answer.status}", now_ms=context.now_ms())
    return outcome


def _cause(error: Exception) -> str:
    """Name what stood in the way, and quote nobody: AWS's own messages do."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__ if isinstance(error, BotoCoreError) else str(error)


def _prepared(context: Context, parcel: Parcel, desk: Desk) -> tuple[Channel, Message] | None:
    """Read the channel and what the message is of, in one call, and write the message; None where it goes to nobody.

    Raises StoreUnavailableError, UnreadableMessageError.
    """
    tables, event = context.tables, parcel.event
    request_id = str(event.about.get("requestId") or "") if event else ""
    keys: list[tuple[str, Key]] = [(tables.runtime_kv, CHANNELS_KEY)]
    keys += [(tables.workflow, key) for key in (state_key(request_id), action_key(request_id)) if request_id]
    found = [*context.dynamo.batch_get(keys), None, None]
    # Looked at again, and not only where it was put on the queue: since then the id may have become another tenant's.
    channel = next((one for one in channels_from(found[0]) if parcel.is_for(one)), None)
    if channel is None:
        return None
    if event is None:
        return channel, trial_message(stack=desk.stack, channel_id=parcel.channel_id)
    try:
        record = record_from(found[1])
        action = with_arguments(record.submission, found[2]).action if record else None
        arguments: Mapping[str, Any] = (action.arguments if action else None) or {}
        message = write_message(event, record, arguments, now_ms=context.now_ms(), stack=desk.stack, room=desk.room)
    except UNREADABLE as error:
        raise UnreadableMessageError(f"{type(error).__name__}: this release cannot read it") from error
    return channel, message


def _send(channel: Channel, parcel: Parcel, message: Message, desk: Desk, *, now_ms: int) -> Answer:
    match channel.kind:
        case ChannelKind.TOPIC:
            desk.topics.publish(TopicArn=channel.address, Subject=subject(message), Message=topic_text(message))
            return Answer(200)
        case ChannelKind.SLACK:
            url = desk.destinations.of(channel).url
            body = slack_body(message)
            return desk.outbound.post(url, channel.kind, registered=channel.address, body=body, headers=_JSON)
        case ChannelKind.WEBHOOK:
            destination = desk.destinations.of(channel)
            detail = parcel.event.detail() if parcel.event else {"event": "channel.test", "at": parcel.at_ms}
            body = webhook_body(detail, message)
            headers = signed(destination.key, message_id=parcel.message_id, now_ms=now_ms, body=body)
            return desk.outbound.post(
                destination.url, channel.kind, registered=channel.address, body=body, headers={**_JSON, **headers}
            )
        case _:
            assert_never(channel.kind)
