"""Reads the streams of a store as Lambda does, and keeps what the notifier puts on a bus, or among the dead letters."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from handshake.dynamo.marshalling import Item, marshal, unmarshal
from handshake.dynamo.tables import Tables
from handshake.notifications.bus import DeadLetters, EventBus
from handshake.notifications.publish import Published, publish
from handshake.requests.evidence_items import evidence_from
from tests.support import engines
from tests.support.service import InProcess, Service
from tests.support.store import kept

Record = dict[str, Any]

STREAM: Final = "arn:aws:dynamodb:us-east-1:000000000000:table/workflow/stream/2026-03-05T00:00:00.000"


def record_of(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], *, committed_ms: int, number: int = 1
) -> Record:
    """Build the record of an item that was ``before`` and is ``after``, as Lambda is given it."""
    images = {"NewImage": marshal(after)} | ({"OldImage": marshal(before)} if before else {})
    return {
        "eventName": "MODIFY" if before else "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": committed_ms / 1000,
            "Keys": marshal({name: after[name] for name in ("pk", "sk")}),
            "SequenceNumber": str(10**20 + number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **images,
        },
    }


class Streams:
    """The streams of the workflow table and of the policy table from now on, on an engine that has them."""

    def __init__(self, endpoint: str, tables: Tables) -> None:
        self._client = engines.client_of("dynamodbstreams", endpoint)
        dynamodb = engines.client_of("dynamodb", endpoint)
        self._last = {engines.start_stream(dynamodb, tables, name): "" for name in ("workflow", "policy")}

    def read(self) -> list[Record]:
        """Give what was written since the last time, in order for each table."""
        return [record for arn in self._last for record in self._read(arn)]

    def _read(self, arn: str) -> Iterator[Record]:
        [shard] = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        last = self._last[arn]
        place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last} if last else {}
        answer = self._client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], **({"ShardIteratorType": "TRIM_HORIZON"} | place)
        )
        iterator = answer["ShardIterator"]
        while iterator:
            answer = self._client.get_records(ShardIterator=iterator)
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
            for record in answer["Records"]:
                change = record["dynamodb"]
                self._last[arn] = change["SequenceNumber"]
                at = change["ApproximateCreationDateTime"].timestamp()
                yield {**record, "eventSourceARN": arn, "dynamodb": {**change, "ApproximateCreationDateTime": at}}


@dataclass
class Listener:
    """An event bus and a queue, as botocore's clients of both are called; ``answers`` are errors of entries to come.

    ``seen`` is called with each detail before the bus takes it. Whatever is told twice is in ``told`` twice.
    """

    answers: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    seen: Callable[[Mapping[str, Any]], None] = lambda _: None
    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> list[dict[str, Any]]:
        """Give the details of what was taken, in the order in which it was."""
        return [json.loads(entry["Detail"]) for entry in self.entries]

    @property
    def once(self) -> list[dict[str, Any]]:
        """Give the same as somebody keeps it who goes by ``eventId``."""
        return list({detail["eventId"]: detail for detail in self.told}.values())

    def kinds(self, request_id: str | None = None) -> list[str]:
        """Name the kinds of what was told once, of one request where it is named."""
        return [detail["event"] for detail in self.once if request_id in (None, detail.get("requestId"))]

    def put_events(self, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - botocore's own name
        """Take entries, but those that ``answers`` refuse."""
        self.calls.append(len(Entries))
        if self.failures:
            raise self.failures.pop(0)
        answered: list[dict[str, str]] = []
        for entry in Entries:
            refused = self.answers.pop(0) if self.answers else ""
            answered.append({"ErrorCode": refused} if refused else {"EventId": "e"})
            if not refused:
                self.seen(json.loads(entry["Detail"]))
                self.entries.append(entry)
        return {"FailedEntryCount": sum("ErrorCode" in one for one in answered), "Entries": answered}

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, str]:  # noqa: N803, ARG002 - botocore's own names
        """Take a message of the queue."""
        self.letters.append(json.loads(MessageBody))
        return {"MessageId": "m"}

    def publish(self, service: InProcess, records: Sequence[Record]) -> Published:
        """Publish a batch to this listener."""
        bus = EventBus(self, "bus", pause=lambda _: None)
        return publish(service.context, records, bus, DeadLetters(self, "url"))


def expected(service: Service) -> Counter[tuple[str, str]]:
    """Count what somebody should have been told, by kind and subject, as evidence alone says it.

    Reminders are not among it: no evidence speaks of them.
    """
    found: Counter[tuple[str, str]] = Counter()
    for item in kept(service, service.tables.workflow):
        if item["sk"].startswith("EVT#") and (kind := _kind_of(item)):
            found[kind, item["request_id"]] += 1
    for item in kept(service, service.tables.policy):
        if item["pk"].startswith("AGENT") and item["sk"].startswith("CHANGED#"):
            found["agent.changed", item["agent_id"]] += 1
    return found


def in_order(service: Service, request_id: str) -> list[str]:
    """Name what somebody should have been told of a request, in the order of its evidence."""
    items = [item for item in kept(service, service.tables.workflow, request_id=request_id) if item["sk"][:4] == "EVT#"]
    return [kind for item in sorted(items, key=lambda item: str(item["sk"])) if (kind := _kind_of(item))]


def heard(details: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """Count what was told, by kind and subject, but for what no evidence speaks of."""
    timed = ("request.reminded", "grant.unreported")
    return Counter(
        (one["event"], one.get("requestId") or one["agentId"]) for one in details if one["event"] not in timed
    )


def _kind_of(item: Item) -> str | None:
    *_, last = evidence_from(item)
    if last.detail.get("synthetic"):
        return None
    # Evidence of the first release does not say of what it is.
    match last.detail.get("event"), last.detail["state"]:
        case "decided", "escalated_pending":
            return "request.escalated"
        case "closed", "escalated_expired_terminal":
            return "request.expired"
        case "closed", _:
            return "request.decided"
        case ("extended" | "claimed" | "revoked") as event, _:
            return {"extended": "request.extended", "claimed": "grant.claimed", "revoked": "grant.revoked"}[event]
        case _:
            return None


def image(record: Record, name: str) -> Item:
    """Give an image of a record as an item."""
    return unmarshal(record["dynamodb"][name])
