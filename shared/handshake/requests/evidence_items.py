"""Evidence as items of a request's partition: the chain under EVT#, refused actions under REF#.

What one write appends to the chain is one item. Its first event stands in attributes of its own, as every event did
when each had an item; what the events after it do not share with the first is in ``then``. Both kinds are read. An item
is to fit the kilobyte that a write unit pays for. So events that say of what kind they are share SHARED, which stands
in the first alone, and their predecessor, which stands beside them, is not named.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from handshake.core.jsonio import canonical
from handshake.dynamo.marshalling import Item, Key
from handshake.requests.evidence import EvidenceEvent, chained_id

_OWN: Final = ("reason_code", "source", "previous")
SHARED: Final = ("event", "decision", "state", "decisionContextHash")
_FIRST: Final = ("event_id", "request_id", "sequence", "timestamp_ms", *_OWN)


def evidence_item(events: Sequence[EvidenceEvent]) -> Item:
    """Give the item of a refused action, or of ``events`` that follow each other in a chain and share their time."""
    first, *others = events
    return {
        "pk": f"REQ#{first.request_id}",
        "sk": evidence_sort_key(first),
        **{name: getattr(first, name) for name in _FIRST},
        "detail": canonical(dict(first.detail)),
        "then": canonical([_own(event, first) for event in others]) if others else None,
    }


def evidence_sort_key(first: EvidenceEvent) -> str:
    """Give the sort key of the item whose first event is ``first``."""
    return _chained_sort_key(first.sequence) if first.sequence else f"REF#{first.timestamp_ms}#{first.event_id}"


def first_evidence_key(request_id: str) -> Key:
    """Give the key of the evidence of a request's decision."""
    return {"pk": f"REQ#{request_id}", "sk": _chained_sort_key(1)}


def _chained_sort_key(sequence: int) -> str:
    return f"EVT#{sequence:06d}"


def evidence_from(item: Mapping[str, Any]) -> Iterator[EvidenceEvent]:
    """Give the events that an item holds, in their order."""
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
    event = first
    for sequence, own in enumerate(json.loads(item.get("then", "[]")), start=first.sequence + 1):
        place = {"event_id": chained_id(first.request_id, sequence), "sequence": sequence, "previous": event.digest}
        event = replace(first, **{**place, **own, "detail": {**_shared(first), **own["detail"]}})
        yield event


def _shared(first: EvidenceEvent) -> dict[str, Any]:
    """Give what the events after ``first`` share with it: nothing where an earlier release wrote it."""
    return {name: first.detail[name] for name in SHARED if name in first.detail} if "event" in first.detail else {}


def _own(event: EvidenceEvent, first: EvidenceEvent) -> dict[str, Any]:
    own: dict[str, Any] = {name: getattr(event, name) for name in _OWN} | {"detail": dict(event.detail)}
    shared = _shared(first)
    if shared:
        del own["previous"]
        detail = own["detail"].items()
        own["detail"] = {name: value for name, value in detail if name not in shared or shared[name] != value}
        if event.reason_code == first.reason_code:
            del own["reason_code"]
    return own
