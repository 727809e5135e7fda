"""Deliver one message of a channel's queue: read what it is about, write it, send it, and say what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from botocore.exceptions import BotoCoreError, ClientError

from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import Forget, GiveUp, Outcome, Parcel, decide_answer, decide_failure, life_left_ms
from handshake.channels.message import Message, trial_message, write_message
from handshake.channels.outbound import Answer, Outbound, RefusedAddressError, UnansweredError
from handshake.channels.render import signed, slack_body, subject, topic_text, webhook_body
from handshake.channels.secrets import Destinations, SecretUnavailableError
from handshake.channels.table import CHANNELS_KEY, channels_from
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.requests.action_items import action_key, with_arguments
from handshake.requests.table import record_from, state_key

_JSON: Final = {"content-type": "application/json; charset=utf-8", "user-agent": "Handshake"}


@dataclass(frozen=True)
class Desk:
    """Holds what messages are sent with. ``room`` is the page where people decide, "" where there is none."""

    stack: str
    room: str
    topics: Any
    destinations: Destinations
    outbound: Outbound


@dataclass(frozen=True)
class Sent:
    """Says what came of a message, on which kind of channel, and how old it was (ms) when it was told."""

    outcome: Outcome
    lag_ms: int


def deliver(context: Context, parcel: Parcel, desk: Desk, *, tried: int) -> Sent:
    """Deliver ``parcel``, the ``tried``-th time (from 1)."""
    now = context.now_ms()
    left_ms = life_left_ms(parcel, now_ms=now)
    try:
        channel, message = _prepared(context, parcel, desk)
        if channel is None:
            return Sent(Forget(), 0)
        answer = _send(channel, parcel, message, desk, now_ms=now)
        outcome = decide_answer(answer.status, answer.retry_after_s, tried=tried, left_ms=left_ms)
    except RefusedAddressError as refused:
        outcome = GiveUp(str(refused))
    except (UnansweredError, SecretUnavailableError) as failed:
        outcome = decide_failure(str(failed), tried=tried, left_ms=left_ms)
    except StoreUnavailableError:
        outcome = decide_failure("the store is unavailable", tried=tried, left_ms=left_ms)
    except ClientError as error:
        outcome = decide_failure(error.response["Error"]["Code"], tried=tried, left_ms=left_ms)
    except BotoCoreError as error:
        outcome = decide_failure(type(error).__name__, tried=tried, left_ms=left_ms)
    return Sent(outcome, context.now_ms() - parcel.at_ms)


def _prepared(context: Context, parcel: Parcel, desk: Desk) -> tuple[Channel | None, Message]:
    """Read the channel and what the message is of, in one call, and write the message; no channel where none may."""
    tables, event = context.tables, parcel.event
    request_id = str(event.about.get("requestId") or "") if event else ""
    keys: list[tuple[str, Key]] = [(tables.runtime_kv, CHANNELS_KEY)]
    keys += [(tables.workflow, key) for key in (state_key(request_id), action_key(request_id)) if request_id]
    found = [*context.dynamo.batch_get(keys), None, None]
    # Looked at again, and not only where it was put on the queue: since then the id may have become another tenant's.
    channel = next((one for one in channels_from(found[0]) if parcel.is_for(one)), None)
    if event is None:
        return channel, trial_message(stack=desk.stack, channel_id=parcel.channel_id)
    record = record_from(found[1])
    action = with_arguments(record.submission, found[2]).action if record else None
    arguments: Mapping[str, Any] = (action.arguments if action else None) or {}
    message = write_message(event, record, arguments, now_ms=context.now_ms(), stack=desk.stack, room=desk.room)
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
