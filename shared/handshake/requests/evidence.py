"""Evidence: what happened to a request, so linked that a missing or edited event shows.

Two kinds of event are kept. Decisions and their lineage form a chain: each carries the SHA-256 of its
predecessor, and the request remembers the head, so truncation shows too. Refused actions change nothing and
may come many at once, so they are not serialised on the head: each names the head it saw, and the request
keeps their number and the sum of their digests, which shows a dropped or edited one in any order of arrival.

The digest of an event names the metrics event that counts it, so neither can be exchanged without the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from handshake.core.jsonio import GENESIS, digest

if TYPE_CHECKING:
    from handshake.requests import answers

Source = Literal["audit", "lineage"]

# Refused actions kept of one request: at their longest they still fit, all together, an answer of Lambda's 6 MB.
MAX_REFUSALS: Final = 500
# Of these, as many by one principal: nobody's flood hides what others tried.
MAX_REFUSALS_OF_PRINCIPAL: Final = 20
# Summed digests keep 20 hex digits (80 bits): a thousand million million of them fit DynamoDB's 38 decimal digits.
_TALLY_DIGITS: Final = 20
_EVENT_ID_DIGITS: Final = 32


@dataclass(frozen=True)
class EvidenceEvent:
    """One immutable event. ``sequence`` counts from 1 in the chain and is 0 for a refused action."""

    event_id: str
    request_id: str
    sequence: int
    timestamp_ms: int
    reason_code: str
    source: Source
    detail: Mapping[str, Any]
    previous: str

    @cached_property
    def digest(self) -> str:
        """Take the SHA-256 of everything the event says, its place and its predecessor included."""
        return digest(
            [
                self.event_id,
                self.request_id,
                self.sequence,
                self.timestamp_ms,
                self.reason_code,
                self.source,
                dict(self.detail),
                self.previous,
            ]
        )

    @property
    def tally(self) -> int:
        """Give this event's share in the request's sum of refused actions."""
        return int(self.digest[:_TALLY_DIGITS], 16)


class Chain(NamedTuple):
    """The summary of its evidence that a request keeps: the chain's length and head, refusals' number and sum."""

    length: int = 0
    head: str = GENESIS
    refusals: int = 0
    refusal_tally: int = 0

    def extended_by(self, events: Sequence[EvidenceEvent]) -> "Chain":
        """Append ``events``, which follow each other."""
        return self._replace(length=events[-1].sequence, head=events[-1].digest) if events else self


class Entry(NamedTuple):
    """Something to be put in evidence, before it has a place in the chain."""

    reason_code: str
    source: Source
    detail: Mapping[str, Any]


class Appended(NamedTuple):
    """Holds what a decision adds to evidence: ``events``, the ``chain`` with them, and the id of its metrics event."""

    events: Sequence[EvidenceEvent]
    chain: Chain
    event_id: str


def event_id_of(event: EvidenceEvent) -> str:
    """Give the id of the metrics event that counts ``event``."""
    return event.digest[:_EVENT_ID_DIGITS]


def views(
    events: Iterable[EvidenceEvent], *, decision_context_hash: str, hitl_request_id: str | None
) -> "list[answers.EvidenceEvent]":
    """Show ``events``, oldest first: their details in the payload, beside what links them (contract.md section 3).

    An event that an earlier release wrote is shown with what its neighbours say: of what was written together, the
    later event says decision and state, and a refused action names the head that it saw.
    """
    kept = list(events)
    chained = sorted((event for event in kept if event.sequence), key=_sequence)
    says: Mapping[str, Any] = {}
    by_digest: dict[str, Mapping[str, Any]] = {}
    for event in reversed(chained):
        says = event.detail if "decision" in event.detail else says
        by_digest[event.digest] = says
    return [_view(event, by_digest, decision_context_hash, hitl_request_id) for event in kept]


def _view(
    event: EvidenceEvent, by_digest: Mapping[str, Mapping[str, Any]], context_hash: str, hitl_request_id: str | None
) -> "answers.EvidenceEvent":
    says = by_digest.get(event.digest if event.sequence else event.previous, {})
    kind = ("decided" if event.sequence <= 2 else "closed") if event.sequence else "refused"
    shown: answers.EvidencePayload = {
        "source": event.source,
        "event": event.detail.get("event", kind),
        "reasonCode": event.reason_code,
        "timestamp": event.timestamp_ms,
        "decision": says.get("decision", "deny") if event.sequence else "deny",
        "state": event.detail.get("state", says.get("state", "")),
        "decisionContextHash": event.detail.get("decisionContextHash", context_hash),
        "sequence": event.sequence,
        "previousHash": event.previous,
        "hash": event.digest,
    }
    if hitl_request_id is not None:
        shown["hitlRequestId"] = hitl_request_id
    return {
        "id": event.event_id,
        "requestId": event.request_id,
        "timestamp": event.timestamp_ms,
        "reasonCode": event.reason_code,
        "payload": {**event.detail, **shown},
    }


def chained_id(request_id: str, sequence: int) -> str:
    """Make the id of an event of a request's chain."""
    return f"{request_id}:{sequence}"


def link(chain: Chain, request_id: str, entries: Sequence[Entry], *, now_ms: int) -> list[EvidenceEvent]:
    """Give ``entries`` the next places in ``chain``."""
    events: list[EvidenceEvent] = []
    previous = chain.head
    for sequence, entry in enumerate(entries, start=chain.length + 1):
        event = EvidenceEvent(
            event_id=chained_id(request_id, sequence),
            request_id=request_id,
            sequence=sequence,
            timestamp_ms=now_ms,
            reason_code=entry.reason_code,
            source=entry.source,
            detail=entry.detail,
            previous=previous,
        )
        events.append(event)
        previous = event.digest
    return events


def append(chain: Chain, request_id: str, entries: Sequence[Entry], *, now_ms: int) -> Appended:
    """Append ``entries``, of which there is at least one, to ``chain``; the last is what the metrics event counts."""
    events = link(chain, request_id, entries, now_ms=now_ms)
    return Appended(events, chain.extended_by(events), event_id_of(events[-1]))


def refusal_event(chain: Chain, request_id: str, entry: Entry, *, event_id: str, now_ms: int) -> EvidenceEvent:
    """Make the event of a refused action, which stands beside the chain."""
    return EvidenceEvent(
        event_id=event_id,
        request_id=request_id,
        sequence=0,
        timestamp_ms=now_ms,
        reason_code=entry.reason_code,
        source=entry.source,
        detail=entry.detail,
        previous=chain.head,
    )


def broken_link(chain: Chain, events: Sequence[EvidenceEvent]) -> str | None:
    """Find the first place where ``events`` are not what ``chain`` remembers: in words, or None if all of it holds.

    ``events`` are everything kept of one request, in any order.
    """
    heads = [GENESIS]
    for place, event in enumerate(sorted((event for event in events if event.sequence), key=_sequence), start=1):
        if event.sequence > place:
            return f"event {place} of {chain.length} is missing"
        if event.sequence < place:
            return f"there is another event {event.sequence}"
        if event.previous != heads[-1]:
            return f"event {place} does not follow event {place - 1} as it is now"
        heads.append(event.digest)
    if (chain.length, chain.head) != (len(heads) - 1, heads[-1]):
        return f"the request remembers {chain.length} events and another head than event {len(heads) - 1}"
    return _broken_refusals(chain, [event for event in events if not event.sequence], heads)


def _sequence(event: EvidenceEvent) -> int:
    return event.sequence


def _broken_refusals(chain: Chain, refusals: Sequence[EvidenceEvent], heads: Sequence[str]) -> str | None:
    stray = next((event for event in refusals if event.previous not in heads), None)
    if stray:
        return f"refused action {stray.event_id} names a head the chain never had"
    if len(refusals) != chain.refusals:
        return f"the request remembers {chain.refusals} refused actions, {len(refusals)} are kept"
    if sum(event.tally for event in refusals) != chain.refusal_tally:
        return "a refused action is not as it was when it was counted"
    return None
