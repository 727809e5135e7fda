"""The workflow table: requests and their evidence, each written by its conditions."""

import json
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Put, marshal, unmarshal
from handshake.policy.rule_keys import MAX_AMOUNT, Spend, Trigger
from handshake.requests import table as requests
from handshake.requests.decision import Decision
from handshake.requests.evidence import Chain, Entry, EvidenceEvent, broken_link, link, refusal_event
from handshake.requests.evidence_items import evidence_item
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import Recorded, RecordedRefusal
from handshake.requests.transaction import RequestTransaction
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.workflow_requests import (
    ANY_JSON,
    TTL_MS,
    a_record,
    a_submission,
    closing,
    context_on,
    created,
)

DEADLINE_MS = NOW_MS + TTL_MS
CLOSED = [
    (State.APPROVED, ReasonCode.HITL_APPROVED),
    (State.REJECTED, ReasonCode.HITL_REJECTED),
    (State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED),
]


def _wire(item: Item) -> Item:
    """``item`` as DynamoDB gives it back."""
    return unmarshal({name: TypeSerializer().serialize(value) for name, value in item.items() if value is not None})


def _state(store: Context, request_id: str = "req-1") -> Item | None:
    [item] = store.dynamo.batch_get([(store.tables.workflow, requests.state_key(request_id))])
    return item


def _read(store: Context) -> RequestRecord | None:
    return requests.record_from(_state(store))


@pytest.fixture
def store(moto_tables: Engine) -> Context:
    return context_on(moto_tables)


# -- requests ---------------------------------------------------------------------------------------------------

DECISIONS = [
    Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=Spend(Decimal("0.10"), Decimal(1000))),
    Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=Spend(Decimal(0), Decimal(0))),
    Decision("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4),
    Decision("escalate", ReasonCode.HITL_SENSITIVE_AMBIGUOUS_ESCALATED, 3, Trigger("sensitivity", None, "ambiguous")),
    Decision(
        "escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 4, Trigger("r", 0.5, 1e300), Spend(MAX_AMOUNT, MAX_AMOUNT)
    ),
]


@given(st.sampled_from(DECISIONS), ANY_JSON, ANY_JSON, st.none() | st.just("tenant-a"), st.integers(0, 10**15))
def test_whatever_a_record_says_is_what_is_read_back(
    decision: Decision, amount: Any, category: Any, tenant: str | None, at_ms: int
) -> None:
    submission = a_submission(context={"amount": amount, "category": category}, tenantId=tenant, timestamp=at_ms)
    record = replace(a_record(decision, submission=submission), chain=Chain(2, "head", 3, 16**24))

    item = _wire(requests.state_item(record) | {"refusals": 3, "refusal_tally": 16**24})

    assert requests.record_from(item) == record


def test_nothing_stored_is_no_request() -> None:
    assert requests.record_from(None) is None


def test_a_request_is_created_once_and_the_loser_sees_the_winner(store: Context) -> None:
    first = created(store, a_record())
    tx = RequestTransaction(store)
    create = tx.create_request(_recorded(a_record(submission=a_submission(context={"amount": 999}))))

    assert not tx.commit()

    assert create.lost
    assert create.found == first
    assert _read(store) == first


def test_only_a_pending_request_is_in_the_queues() -> None:
    pending = requests.state_item(a_record())
    decided = requests.state_item(a_record(DECISIONS[0]))

    assert {name for name in pending if name.startswith("pending_")} == {
        "pending_tenant",
        "pending_principal",
        "pending_lane",
        "pending_deadline",
    }
    assert (pending["pending_tenant"], pending["pending_principal"]) == ("tenant-a", "alice")
    assert pending["pending_deadline"] == DEADLINE_MS
    assert not any(name.startswith("pending_") for name in decided)


# -- closing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "reason"), CLOSED)
def test_closing_changes_the_state_and_takes_the_request_out_of_every_queue(
    store: Context, state: State, reason: ReasonCode
) -> None:
    pending = created(store, a_record())
    now_ms = DEADLINE_MS if state is State.EXPIRED else NOW_MS + 1

    tx, close = closing(store, pending, state, reason, now_ms=now_ms)
    assert tx.commit()
    assert not close.lost

    item, record = _state(store), _read(store)
    assert item is not None
    assert record is not None
    assert record == replace(pending.resolved(state, reason, now_ms=now_ms), chain=record.chain)
    assert record.chain.length == pending.chain.length + 2
    assert broken_link(record.chain, _partition(store)[1]) is None
    assert not any(name.startswith("pending_") for name in item)


@pytest.mark.parametrize("stored", CLOSED)
@pytest.mark.parametrize("wanted", CLOSED)
def test_a_terminal_state_never_changes(
    store: Context, stored: tuple[State, ReasonCode], wanted: tuple[State, ReasonCode]
) -> None:
    pending = created(store, a_record())
    first, _ = closing(store, pending, *stored, now_ms=DEADLINE_MS if stored[0] is State.EXPIRED else NOW_MS + 1)
    assert first.commit()
    before = _read(store)
    assert before is not None

    for now_ms in (NOW_MS + 2, DEADLINE_MS - 1, DEADLINE_MS, DEADLINE_MS + 1):
        # One that saw the request pending, and one that would link its evidence to the chain as it is.
        for seen in (pending, replace(pending, chain=before.chain)):
            tx, close = closing(store, seen, *wanted, now_ms=now_ms)
            assert not tx.commit()
            assert close.lost
            assert close.found == before

    assert _read(store) == before


@pytest.mark.parametrize("decision", DECISIONS[:3])
def test_what_was_never_pending_is_never_closed(store: Context, decision: Decision) -> None:
    decided = created(store, a_record(decision))

    for state, reason in CLOSED:
        for now_ms in (NOW_MS + 1, DEADLINE_MS):
            tx, close = closing(store, decided, state, reason, now_ms=now_ms)
            assert not tx.commit()
            assert close.lost


@pytest.mark.parametrize(("state", "reason"), CLOSED)
@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_before_its_deadline_a_request_is_resolved_and_from_it_on_expired_to_the_millisecond(
    store: Context, state: State, reason: ReasonCode, offset_ms: int
) -> None:
    pending = created(store, a_record())

    tx, close = closing(store, pending, state, reason, now_ms=DEADLINE_MS + offset_ms)

    assert tx.commit() == ((state is State.EXPIRED) == (offset_ms >= 0))
    assert close.lost == ((state is State.EXPIRED) != (offset_ms >= 0))


@pytest.mark.parametrize(("state", "reason"), CLOSED)
def test_a_request_whose_chain_has_moved_since_it_was_seen_is_not_closed_and_is_found_as_it_is(
    store: Context, state: State, reason: ReasonCode
) -> None:
    seen = created(store, a_record())
    moved = replace(seen, chain=Chain(seen.chain.length + 1, "another head"))
    store.dynamo.write(Put(store.tables.workflow, requests.state_item(moved)))

    tx, close = closing(store, seen, state, reason, now_ms=DEADLINE_MS if state is State.EXPIRED else NOW_MS)

    assert not tx.commit()
    assert close.lost
    assert close.found == moved == _read(store)


def test_a_request_that_is_not_there_is_not_closed_into_being(store: Context) -> None:
    tx, close = closing(store, a_record(), *CLOSED[0])

    assert not tx.commit()
    assert close.lost
    assert close.found is None
    assert _read(store) is None


# -- evidence ---------------------------------------------------------------------------------------------------


def _entries(*reason_codes: str) -> list[Entry]:
    return [Entry(code, "lineage" if place % 2 == 0 else "audit", {}) for place, code in enumerate(reason_codes)]


def _recorded(record: RequestRecord, events: list[EvidenceEvent] | None = None) -> Recorded:
    """``record`` with ``events`` appended to its chain, or with any."""
    events = events or link(record.chain, "req-1", _entries("a", "a"), now_ms=NOW_MS)
    event = an_event(event_id=f"{record.state}-{events[0].digest}")
    return Recorded(replace(record, chain=record.chain.extended_by(events)), events, event, NOW_MS)


def _put(store: Context, events: list[EvidenceEvent]) -> None:
    store.dynamo.write(Put(store.tables.workflow, evidence_item(events)))


def _items(store: Context) -> list[Item]:
    return requests.read_partition(store.dynamo, store.tables.workflow, "req-1")


def _partition(store: Context) -> tuple[RequestRecord | None, list[EvidenceEvent]]:
    return requests.split_partition(_items(store))


def _create(store: Context, recorded: Recorded) -> RequestRecord:
    tx = RequestTransaction(store)
    tx.create_request(recorded)
    assert tx.commit()
    return recorded.record


def _append(store: Context, seen: RequestRecord, entries: list[Entry], *, now_ms: int) -> list[EvidenceEvent]:
    """Close the request that was ``seen``, with such evidence, which is returned."""
    events = link(seen.chain, "req-1", entries, now_ms=now_ms)
    tx = RequestTransaction(store)
    closed = seen.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=now_ms)
    tx.close_request(_recorded(closed, events), seen=seen)
    assert tx.commit()
    return events


def test_evidence_is_read_back_whole_oldest_first_with_refused_actions_among_it(store: Context) -> None:
    entries = [Entry("a", "lineage", {"facts": {"amount": 0.1}}), Entry("a", "audit", {})]
    first = link(Chain(), "req-1", entries, now_ms=1)
    pending = _create(store, _recorded(a_record(), first))
    entry = Entry("hitl_request_mismatch", "audit", {"actor": "é"})
    refused = [refusal_event(pending.chain, "req-1", entry, event_id=f"e-{n}", now_ms=n) for n in (3, 2)]
    for event in refused:
        tx = RequestTransaction(store)
        tx.append_refusal(RecordedRefusal(pending, event, an_event(event_id=event.event_id)))
        assert tx.commit()
    second = _append(store, pending, _entries("b", "b"), now_ms=4)

    record, events = _partition(store)

    assert record is not None
    assert events == [*first, *reversed(refused), *second]
    assert broken_link(record.chain, events) is None


def test_more_than_nine_events_stay_in_order(store: Context) -> None:
    events = link(Chain(), "req-1", [Entry("a", "audit", {"n": n}) for n in range(12)], now_ms=NOW_MS)
    groups = [events[n : n + 3] for n in range(0, 12, 3)]
    for group in random.sample(groups, len(groups)):
        _put(store, group)

    assert _partition(store)[1] == events


def test_events_of_one_moment_are_one_item(store: Context) -> None:
    entries = [Entry("a", "lineage", {"facts": {"amount": 0.1}}), Entry("b", "audit", {"actor": "é", "tier": 4})]
    events = link(Chain(), "req-1", entries, now_ms=NOW_MS)
    _create(store, _recorded(a_record(), events))

    assert [item["sk"] for item in _items(store)] == ["EVT#000001", "STATE"]
    assert _partition(store)[1] == events


def test_evidence_with_an_item_for_each_event_is_read_and_appended_to(store: Context) -> None:
    old = link(Chain(), "req-1", _entries("policy_allow", "policy_allow"), now_ms=1)
    for event in old:
        item = {
            "pk": "REQ#req-1",
            "sk": f"EVT#{event.sequence:06d}",
            "event_id": f"req-1:{event.sequence}",
            "request_id": "req-1",
            "sequence": event.sequence,
            "timestamp_ms": 1,
            "reason_code": "policy_allow",
            "source": event.source,
            "previous": event.previous,
            "detail": json.dumps(event.detail),
        }
        store.dynamo.write(Put(store.tables.workflow, item))
    pending = replace(a_record(), chain=Chain().extended_by(old))
    store.dynamo.write(Put(store.tables.workflow, requests.state_item(pending)))
    new = _append(store, pending, _entries("b", "b"), now_ms=2)

    record, events = _partition(store)

    assert record is not None
    assert events == [*old, *new]
    assert broken_link(record.chain, events) is None


def test_an_event_is_never_overwritten_and_what_would_is_not_stored(store: Context) -> None:
    event, forged = (link(Chain(), "req-1", [Entry("a", "audit", {"by": by})], now_ms=NOW_MS) for by in ("me", "you"))
    _put(store, event)
    creation = RequestTransaction(store)
    create = creation.create_request(_recorded(a_record(), forged))
    assert not creation.commit()
    assert not create.lost
    store.dynamo.write(Put(store.tables.workflow, requests.state_item(a_record())))
    end = RequestTransaction(store)
    closed = a_record().resolved(*CLOSED[1], now_ms=NOW_MS)
    close = end.close_request(_recorded(closed, forged), seen=a_record())
    assert not end.commit()
    assert not close.lost

    assert _partition(store) == (a_record(), event)


def test_a_refused_action_of_no_request_is_not_kept(store: Context) -> None:
    event = refusal_event(Chain(), "req-1", Entry("x", "audit", {"actor": "a"}), event_id="e", now_ms=NOW_MS)
    tx = RequestTransaction(store)
    tx.append_refusal(RecordedRefusal(a_record(), event, an_event()))

    assert not tx.commit()

    assert _items(store) == []


def test_a_partition_longer_than_a_page_is_read_to_its_end(store: Context) -> None:
    events = link(Chain(), "req-1", [Entry("a", "audit", {"x": "y" * 300_000}) for _ in range(5)], now_ms=NOW_MS)
    for event in events:
        _put(store, [event])

    assert _partition(store)[1] == events


def test_a_state_item_is_what_the_store_gives_back_so_that_verification_can_compare_the_two() -> None:
    item = requests.state_item(replace(a_record(), notify=("payee", "to.iban")))

    assert unmarshal(marshal(item)) == {name: value for name, value in item.items() if value is not None}
