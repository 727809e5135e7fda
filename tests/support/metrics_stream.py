"""A model of the metrics table's stream, for what a real one cannot be made to do: repeat, interleave, break off."""

from collections.abc import Iterable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from handshake.metrics.event_table import PARTITION_PREFIX, event_item
from handshake.metrics.events import MetricsEvent

Record = dict[str, Any]

_serialize = TypeSerializer().serialize


def records_of(events: Iterable[MetricsEvent], *, stream: str = "2026-03-05T00:00:00.000") -> list[Record]:
    """Give the records of ``events`` appended one after the other, as Lambda is given them."""
    items = [event_item(event, correlation_id=f"call-{event.event_id}", now_ms=event.timestamp_ms) for event in events]
    return _records([{name: _serialize(value) for name, value in item.items()} for item in items], stream)


def stream_of(client: Any, table: str) -> list[Record]:
    """Give the records of all events that a table holds, in some order."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(pk, :events)",
        ExpressionAttributeValues={":events": {"S": PARTITION_PREFIX}},
    )
    return _records((item for page in pages for item in page["Items"]), "2026-03-05T00:00:00.000")


def _records(images: Iterable[Any], stream: str) -> list[Record]:
    # The first sequences differ in length, as real ones may.
    return [_record(image, sequence, stream) for sequence, image in enumerate(images, start=10**20 - 2)]


def _record(image: Mapping[str, Any], sequence: int, stream: str) -> Record:
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/metrics/stream/{stream}",
        "dynamodb": {
            "Keys": {name: image[name] for name in ("pk", "sk")},
            "NewImage": image,
            "SequenceNumber": str(sequence),
            "StreamViewType": "NEW_IMAGE",
        },
    }


class CrashError(Exception):
    """The function's process died here."""
