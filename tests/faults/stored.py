"""Plays what the tables hold, looked up the way a caller would ask for it."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handshake.dynamo.marshalling import Item
from handshake.replay_guards.table import GuardScope, guard_key
from handshake.requests.evidence import MAX_REFUSALS_OF_PRINCIPAL, EvidenceEvent
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import actor_named
from handshake.requests.table import split_partition
from tests.support.service import Service
from tests.support.store import kept


@dataclass(frozen=True)
class Request:
    """A request and its evidence: ``chain`` in its order, ``refusals`` in none."""

    record: RequestRecord
    chain: Sequence[EvidenceEvent]
    refusals: Sequence[EvidenceEvent]

    @property
    def views(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Give what submitting it answers, but for when to ask again: when it was decided, and now."""
        now, audit = {**self.record.result_view(self.record.created_at_ms)}, self.chain[1]
        now.pop("pollAfterMs", None)
        first = {name: audit.detail[name] for name in ("decision", "tier", "state")}
        return {**now, **first, "reasonCode": audit.reason_code}, now

    @property
    def closed_by(self) -> str | None:
        """The words of the attempt that closed the escalation."""
        return self.chain[-1].detail.get("reason") if len(self.chain) > 2 else None

    @property
    def resolved(self) -> bool:
        """Say whether a person closed it, and not the clock."""
        return self.record.state in (State.APPROVED, State.REJECTED)

    def refused(self, words: str) -> int:
        """Count how many refusals of the attempt with these words are in evidence."""
        return sum(event.detail.get("reason") == words for event in self.refusals)

    def keeps_more_of(self, tenant_id: str, principal_id: str) -> bool:
        """Say whether evidence has room for another refusal of a principal: of the others it keeps the number alone."""
        theirs = sum(actor_named(event.detail) == (principal_id, tenant_id) for event in self.refusals)
        return theirs < MAX_REFUSALS_OF_PRINCIPAL


@dataclass(frozen=True)
class Stored:
    """Requests by id, guards by key, audit events of policies by jti, and the number of events by request."""

    requests: Mapping[str, Request]
    guards: Mapping[str, Item]
    applied: Mapping[str, Sequence[Item]]
    events: Mapping[str, int]

    @classmethod
    def behind(cls, service: Service) -> "Stored":
        """Read all of it."""
        tables = service.tables
        partitions, applied = defaultdict(list), defaultdict(list)
        for item in kept(service, tables.workflow):
            if item["pk"].startswith("REQ#"):
                partitions[item["pk"]].append(item)
        for item in kept(service, tables.policy):
            if item["sk"].startswith("AUDIT#"):
                applied[item["jti"]].append(item)
        requests = [_request(items) for items in partitions.values()]
        return cls(
            {request.record.request_id: request for request in requests if request},
            {item["guard_key"]: item for item in kept(service, tables.replay_guards)},
            applied,
            Counter(item["request_id"] for item in kept(service, tables.metrics)),
        )

    def guard(self, scope: GuardScope, *parts: str) -> dict[str, Any] | None:
        """The outcome that the guard of a single-use key tells, if there is one."""
        item = self.guards.get(guard_key(scope, *parts)["guard_key"])
        outcome: dict[str, Any] | None = json.loads(item["outcome"]) if item else None
        return outcome


def _request(items: Sequence[Item]) -> Request | None:
    record, events = split_partition(items)
    chain = sorted((event for event in events if event.sequence), key=lambda event: event.sequence)
    return Request(record, chain, [event for event in events if not event.sequence]) if record else None
