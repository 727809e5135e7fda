"""The workflow table: requests, their evidence, what agents have spent and how often they escalated.

One request is one partition: its state under STATE, its evidence beside it (store.evidence), so one query reads all
of it. Pending requests carry the attributes of three sparse indexes (by tenant, by principal, by lane) that a queue
or an expiry sweep reads instead of the table.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from typing import Any, Final

from handshake.core.jsonio import canonical
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import Dynamo, Item, Key, Put, Update, Write
from handshake.dynamo.sharding import lane
from handshake.requests.decision import ESCALATION_WINDOW_MS, Spend, Trigger, utc_day, within_window
from handshake.requests.evidence import Chain, EvidenceEvent
from handshake.requests.evidence_items import evidence_from, evidence_item
from handshake.requests.record import RequestRecord, State
from handshake.requests.submission import Submission

PENDING_LANES: Final = 4
RECORDED: Final = "recorded"
RECORDED_LANES: Final = 4

_STATE: Final = "STATE"
_DAYS_KEPT_AFTER_SPEND: Final = 3
_SECONDS_PER_DAY: Final = 24 * 60 * 60
_PENDING_ATTRIBUTES: Final = "pending_tenant, pending_principal, pending_lane, pending_deadline"


def state_key(request_id: str) -> Key:
    """Where a request's state is."""
    return {"pk": f"REQ#{request_id}", "sk": _STATE}


def spend_key(agent_id: str, timestamp_ms: int) -> Key:
    """Where an agent's spend of the UTC day of ``timestamp_ms`` is."""
    return {"pk": f"SPEND#{agent_id}", "sk": utc_day(timestamp_ms)}


def escalations_key(principal_id: str, agent_id: str) -> Key:
    """Where the recent escalations of a principal and agent are."""
    return {"pk": f"ESC#{principal_id}", "sk": agent_id}


def pending_lane(number: int) -> str:
    """The partition of a lane of the index that the expiry sweep reads."""
    return f"PENDING#{number}"


def recorded_lane(agent_id: str) -> int:
    """The agent's lane of the index: each day is spread over RECORDED_LANES."""
    return lane(agent_id, RECORDED_LANES)


def recorded_partition(day: str, number: int) -> str:
    """The partition of a UTC day's lane."""
    return f"{day}#{number}"


def create(table: str, record: RequestRecord) -> Put:
    """The write that stores a new request, if its requestId is free."""
    return Put(table, _state_item(record), condition="attribute_not_exists(pk)")


def close(table: str, record: RequestRecord, *, now_ms: int) -> Update:
    """The write that moves a pending request to the terminal state of ``record``.

    It holds only while the request is pending and its deadline lies ahead of ``now_ms`` (behind it, to
    expire it), so of any number of racing actions exactly one wins.
    """
    return Update(
        table,
        state_key(record.request_id),
        "SET #state = :state, outcome = :outcome, reason = :reason, decided_at = :now,"
        f" chain_length = :length, chain_head = :head REMOVE {_PENDING_ATTRIBUTES}",
        values={
            ":state": record.state.value,
            ":outcome": record.outcome,
            ":reason": record.reason.value,
            ":now": now_ms,
            ":length": record.chain.length,
            ":head": record.chain.head,
            ":pending": State.PENDING.value,
        },
        names={"#state": "state"},
        condition=f"#state = :pending AND expires_at {'<=' if record.state is State.EXPIRED else '>'} :now",
    )


def append_evidence(table: str, events: Sequence[EvidenceEvent]) -> Put:
    """The write that appends chained evidence of one moment; an event is never overwritten.

    One item holds it all: a transaction is paid for by the item, and two events fit the kilobyte that one pays for.
    """
    return Put(table, evidence_item(events), condition="attribute_not_exists(pk)")


def append_refusal(table: str, event: EvidenceEvent) -> list[Write]:
    """The writes that put a refused action in evidence and count it on its request."""
    return [
        Put(table, evidence_item([event]), condition="attribute_not_exists(pk)"),
        Update(
            table,
            state_key(event.request_id),
            "ADD refusals :one, refusal_tally :tally",
            values={":one": 1, ":tally": event.tally},
            condition="attribute_exists(pk)",
        ),
    ]


def count_refusal(table: str, request_id: str) -> Update:
    """The write that only counts a refused action, on a request that has as many in evidence as are kept."""
    return Update(
        table, state_key(request_id), "ADD refusals_beyond :one", values={":one": 1}, condition="attribute_exists(pk)"
    )


def add_spend(table: str, submission: Submission, spend: Spend) -> Update:
    """The write that spends, if the day's total stays within the limit with it."""
    day = spend_key(submission.agent_id, submission.timestamp_ms)
    fits_an_empty_day = spend.amount <= spend.daily_limit
    condition = "spent <= :room"
    if fits_an_empty_day:
        condition = f"attribute_not_exists(spent) OR {condition}"
    return Update(
        table,
        day,
        "SET #ttl = :ttl ADD spent :amount",
        values={
            ":amount": spend.amount,
            ":room": spend.daily_limit - spend.amount,
            ":ttl": submission.timestamp_ms // 1000 + _DAYS_KEPT_AFTER_SPEND * _SECONDS_PER_DAY,
        },
        names={"#ttl": "ttl"},
        condition=condition,
    )


def spent(item: Item | None) -> Decimal:
    """What a spend item says was spent."""
    return item["spent"] if item else Decimal(0)


@dataclass(frozen=True)
class Escalations:
    """The recent escalations of a principal and agent, and the version that a change must still find."""

    times_ms: tuple[int, ...] = ()
    version: int = 0

    @classmethod
    def from_item(cls, item: Item | None) -> "Escalations":
        return cls(tuple(map(int, item["times"])), int(item["version"])) if item else cls()


def add_escalation(table: str, submission: Submission, seen: Escalations, *, now_ms: int) -> Update:
    """The write that adds an escalation at ``now_ms``, if nobody added one since ``seen`` was read."""
    return Update(
        table,
        escalations_key(submission.principal_id, submission.agent_id),
        "SET times = :times, version = :next, #ttl = :ttl",
        values={
            ":times": [*within_window(seen.times_ms, now_ms=now_ms), now_ms],
            ":next": seen.version + 1,
            **({":seen": seen.version} if seen.version else {}),
            ":ttl": (now_ms + ESCALATION_WINDOW_MS) // 1000 + 1,
        },
        names={"#ttl": "ttl"},
        condition="version = :seen" if seen.version else "attribute_not_exists(version)",
    )


def record_from(item: Item | None) -> RequestRecord | None:
    """The request a STATE item (or its copy in an index) holds."""
    if item is None:
        return None
    spend = item.get("spend_amount")
    trigger = item.get("trigger")
    expires_at = item.get("expires_at")
    return RequestRecord(
        submission=Submission(
            request_id=item["request_id"],
            principal_id=item["principal_id"],
            agent_id=item["agent_id"],
            tenant_id=item.get("tenant_id"),
            action_type=item["action_type"],
            payload_ref=item["payload_ref"],
            timestamp_ms=int(item["timestamp_ms"]),
            facts=json.loads(item["facts"]),
        ),
        outcome=item["outcome"],
        reason=ReasonCode(item["reason"]),
        tier=int(item["tier"]),
        state=State(item["state"]),
        created_at_ms=int(item["created_at"]),
        decided_at_ms=int(item["decided_at"]),
        expires_at_ms=None if expires_at is None else int(expires_at),
        trigger=Trigger(**json.loads(trigger)) if trigger else None,
        spend=None if spend is None else Spend(spend, item["spend_limit"]),
        chain=Chain(
            length=int(item["chain_length"]),
            head=item["chain_head"],
            refusals=int(item.get("refusals", 0)),
            refusal_tally=int(item.get("refusal_tally", 0)),
        ),
        synthetic=item.get("synthetic", False),
    )


def split_partition(items: Sequence[Item]) -> tuple[RequestRecord | None, list[EvidenceEvent]]:
    """A request and its evidence, oldest first, from all the items of its partition."""
    state = next((item for item in items if item["sk"] == _STATE), None)
    events = [event for item in items if item["sk"] != _STATE for event in evidence_from(item)]
    chained = sorted((event for event in events if event.sequence), key=lambda event: event.sequence)
    refusals = sorted((event for event in events if not event.sequence), key=_time)
    # A merge keeps the chain's own order even where clocks disagree.
    return record_from(state), list(merge(chained, refusals, key=_time))


def _time(event: EvidenceEvent) -> int:
    return event.timestamp_ms


def _state_item(record: RequestRecord) -> Item:
    submission = record.submission
    item: dict[str, Any] = {
        **state_key(record.request_id),
        "request_id": record.request_id,
        "principal_id": submission.principal_id,
        "agent_id": submission.agent_id,
        "tenant_id": submission.tenant_id,
        "action_type": submission.action_type,
        "payload_ref": submission.payload_ref,
        "timestamp_ms": submission.timestamp_ms,
        "facts": canonical(dict(submission.facts)),
        "outcome": record.outcome,
        "reason": record.reason.value,
        "tier": record.tier,
        "state": record.state.value,
        "created_at": record.created_at_ms,
        "decided_at": record.decided_at_ms,
        "expires_at": record.expires_at_ms,
        "trigger": canonical(vars(record.trigger)) if record.trigger else None,
        "spend_amount": record.spend and record.spend.amount,
        "spend_limit": record.spend and record.spend.daily_limit,
        "chain_length": record.chain.length,
        "chain_head": record.chain.head,
        "recorded_lane": recorded_partition(utc_day(record.created_at_ms), recorded_lane(submission.agent_id)),
    }
    if record.synthetic:
        item["synthetic"] = True
    if not record.state.terminal:
        item |= {
            "pending_tenant": submission.tenant_id,
            "pending_principal": submission.principal_id,
            "pending_lane": pending_lane(lane(record.request_id, PENDING_LANES)),
            "pending_deadline": record.expires_at_ms,
        }
    return item


def read_partition(dynamo: Dynamo, table: str, request_id: str) -> list[Item]:
    """Everything kept of a request, strongly consistent."""
    return dynamo.query_all(table, "pk = :request", {":request": state_key(request_id)["pk"]}, ConsistentRead=True)


def request_ids(dynamo: Dynamo, table: str) -> Iterator[str]:
    """Every requestId there is. Scans the whole table: for audits, never for a caller."""
    for item in dynamo.scan(table, "sk = :state", {":state": _STATE}, ProjectionExpression="request_id"):
        yield item["request_id"]
