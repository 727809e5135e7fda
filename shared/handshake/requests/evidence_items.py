"""Evidence as items of a request's partition: the chain under EVT#, refused actions under REF#.

What one write appends to the chain is one item. Its first event stands in attributes of its own, as every event did
when each had an item; what the events after it do not share with the first is in ``then``. Both kinds are read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from handshake.core.jsonio import canonical
from handshake.dynamo.marshalling import Item
from handshake.requests.evidence import EvidenceEvent, chained_id

_OWN: Final = ("reason_code", "source", "previous")
_FIRST: Final = ("event_id", "request_id", "sequence", "timestamp_ms", *_OWN)


def evidence_item(events: Sequence[EvidenceEvent]) -> Item:
    """The item of a refused action, or of ``events`` that follow each other in a chain and share their time."""
    first, *others = events
    kind = f"EVT#{first.sequence:06d}" if first.sequence else f"REF#{first.timestamp_ms}#{first.event_id}"
    return {
        "pk": f"REQ#{first.request_id}",
        "sk": kind,
        **{name: getattr(first, name) for name in _FIRST},
        "detail": canonical(dict(first.detail)),
        "then": canonical([_own(event) for event in others]) if others else None,
    }


def evidence_from(item: Mapping[str, Any]) -> Iterator[EvidenceEvent]:
    """The events that an item holds, in their order."""
    first = EvidenceEvent(
        event_id=item["event_id"],
        request_id=item["request_id"],
        sequence=int(item["sequence"]),
        timestamp_ms=int(item["timestamp_ms"]),
        reason_code=item["reason_code"],
        source=item["source"],
        detail=json.loads(item["detail"]),
        previous=item["previous"],
    )
    yield first
    for sequence, own in enumerate(json.loads(item.get("then", "[]")), start=first.sequence + 1):
        yield replace(first, event_id=chained_id(first.request_id, sequence), sequence=sequence, **own)


def _own(event: EvidenceEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _OWN} | {"detail": dict(event.detail)}
