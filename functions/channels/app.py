"""Tell people: send what stands on a channel's queue, in its order, until it is taken or its time is over."""

import json
import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple, assert_never

from handshake.api import telemetry
from handshake.api.runtime import aws, client_config, process_runtime, start
from handshake.channels.channel import ChannelKind
from handshake.channels.deliver import Desk, Sent, deliver
from handshake.channels.delivery import Delivered, Forget, GiveUp, Parcel, TryAgain
from handshake.channels.outbound import Outbound
from handshake.channels.secrets import Destinations
from handshake.notifications.bus import asking

_CLIENTS: Final = client_config(connect_s=1, read_s=3, attempts=2)
# Slack takes one message a second of a webhook. Its groups are channels, so one message of each is here at a time.
_PACE_S: Final = {ChannelKind.SLACK: 1.0}
LOCAL: Final = "local"


class Queue(NamedTuple):
    """One kind's queue and its dead letters, by their URLs."""

    kind: ChannelKind
    url: str
    dead_letters: str


class Office(NamedTuple):
    """Holds what a process sends with, and the queues by their names."""

    desk: Desk
    sqs: Any
    queues: Mapping[str, Queue]


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Handle messages of one queue; says which are to come again."""
    office = _process_office()
    failed: list[str] = []
    held: set[str] = set()
    for record in event["Records"]:
        # What follows a message that failed stays behind it.
        group = record["attributes"]["MessageGroupId"]
        if group in held or not _handled(record, office):
            held.add(group)
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _handled(record: Mapping[str, Any], office: Office) -> bool:
    """Handle one message; says whether it is done with."""
    queue = office.queues[record["eventSourceARN"].rpartition(":")[2]]
    tried = int(record["attributes"]["ApproximateReceiveCount"])
    try:
        parcel = Parcel.of_body(json.loads(record["body"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        _dead_letter(record, queue, office, "no message of a channel")
        telemetry.delivery(queue.kind, "Dead", lag_ms=0, tried=tried, cause="no message of a channel")
        return True
    began = time.monotonic()
    with process_runtime().invocation() as context:
        sent = deliver(context, parcel, office.desk, tried=tried)
    done = _settle(record, queue, office, sent, tried)
    time.sleep(max(0.0, _PACE_S.get(queue.kind, 0.0) - (time.monotonic() - began)))
    return done


def _settle(record: Mapping[str, Any], queue: Queue, office: Office, sent: Sent, tried: int) -> bool:
    match sent.outcome:
        case Delivered():
            telemetry.delivery(queue.kind, "Delivered", lag_ms=sent.lag_ms, tried=tried, cause="")
            return True
        case GiveUp(cause):
            _dead_letter(record, queue, office, cause)
            telemetry.delivery(queue.kind, "Dead", lag_ms=sent.lag_ms, tried=tried, cause=cause)
            return True
        case TryAgain(in_s, cause):
            telemetry.delivery(queue.kind, "Failing", lag_ms=sent.lag_ms, tried=tried, cause=cause)
            with asking():
                office.sqs.change_message_visibility(
                    QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=in_s
                )
            return False
        case Forget():
            return True
        case _:
            assert_never(sent.outcome)


def _dead_letter(record: Mapping[str, Any], queue: Queue, office: Office, cause: str) -> None:
    attributes = record["attributes"]
    with asking():
        office.sqs.send_message(
            QueueUrl=queue.dead_letters,
            MessageBody=record["body"],
            MessageAttributes={"cause": {"DataType": "String", "StringValue": cause}},
            MessageGroupId=attributes["MessageGroupId"],
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
        )


def build_office(environment: Mapping[str, str]) -> Office:
    """Make what ``environment`` describes, with real clients."""
    stack = environment["POWERTOOLS_SERVICE_NAME"]
    secrets = aws().create_client("secretsmanager", config=_CLIENTS)
    desk = Desk(
        stack=stack,
        room=environment.get("ROOM_URL", ""),
        topics=aws().create_client("sns", config=_CLIENTS),
        destinations=Destinations(secrets, stack),
        outbound=Outbound(local=environment.get("ENVIRONMENT") == LOCAL),
    )
    queues = {
        f"{stack}-channel-{kind}.fifo": Queue(
            kind, environment[f"{kind.upper()}_QUEUE"], environment[f"{kind.upper()}_DEAD_LETTERS"]
        )
        for kind in ChannelKind
    }
    return Office(desk, aws().create_client("sqs", config=_CLIENTS), queues)


@cache
def _process_office() -> Office:
    return build_office(os.environ)


start(process_runtime)
start(_process_office)
