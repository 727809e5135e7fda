"""The workflow table: requests, their evidence, spend and escalations, each by its conditions."""

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
from handshake.dynamo.client import ConditionFailedError, Dynamo
from handshake.dynamo.marshalling import Item, Put, Write, unmarshal
from handshake.policy.rule_keys import MAX_AMOUNT, Spend, Trigger
from handshake.requests import table as requests
from handshake.requests.decision import Decision
from handshake.requests.evidence import Chain, Entry, broken_link, link, refusal
from handshake.requests.record import RequestRecord, State
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import ANY_JSON, TTL_MS, a_record, a_submission, unhurried

DEADLINE_MS = NOW_MS + TTL_MS
WINDOW_MS = 10 * 60 * 1000
CLOSED = [
    (State.APPROVED, ReasonCode.HITL_APPROVED),
    (State.REJECTED, ReasonCode.HITL_REJECTED),
    (State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED),
]


def _wire(item: Item) -> Item:
    """``item`` as DynamoDB gives it back."""
    return unmarshal({name: TypeSerializer().serialize(value) for name, value in item.items() if value is not None})


def _lost(dynamo: Dynamo, *writes: Write) -> ConditionFailedError:
    with pytest.raises(ConditionFailedError) as lost:
        dynamo.write(*writes)
    return lost.value


def _read(dynamo: Dynamo, table: str, request_id: str = "req-1") -> RequestRecord | None:
    [item] = dynamo.batch_get([(table, requests.state_key(request_id))])
    return requests.record_from(item)


def _close(table: str, state: State, reason: ReasonCode, *, now_ms: int) -> Write:
    closed = a_record().resolved(state, reason, now_ms=now_ms)
    return requests.close(table, replace(closed, chain=Chain(4, "head")), now_ms=now_ms)


@pytest.fixture
def store(moto_tables: Engine) -> tuple[Dynamo, str]:
    client, tables = moto_tables
    return unhurried(client), tables.workflow


Store = tuple[Dynamo, str]


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

    item = _wire(requests.create("t", record).item | {"refusals": 3, "refusal_tally": 16**24})

    assert requests.record_from(item) == record


def test_nothing_stored_is_no_request() -> None:
    assert requests.record_from(None) is None


def test_a_request_is_created_once_and_the_loser_sees_the_winner(store: Store) -> None:
    dynamo, table = store
    first, second = a_record(), a_record(submission=a_submission(context={"amount": 999}))
    dynamo.write(requests.create(table, first))

    create = requests.create(table, second)

    assert requests.record_from(_lost(dynamo, create).stored(create)) == first
    assert _read(dynamo, table) == first


def test_only_a_pending_request_is_in_the_queues() -> None:
    pending = requests.create("t", a_record()).item
    decided = requests.create("t", a_record(DECISIONS[0])).item

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
    store: Store, state: State, reason: ReasonCode
) -> None:
    dynamo, table = store
    pending = a_record()
    dynamo.write(requests.create(table, pending))
    now_ms = DEADLINE_MS if state is State.EXPIRED else NOW_MS + 1

    dynamo.write(_close(table, state, reason, now_ms=now_ms))

    [item] = dynamo.batch_get([(table, requests.state_key("req-1"))])
    assert item is not None
    assert requests.record_from(item) == replace(pending.resolved(state, reason, now_ms=now_ms), chain=Chain(4, "head"))
    assert not any(name.startswith("pending_") for name in item)


@pytest.mark.parametrize("stored", CLOSED)
@pytest.mark.parametrize("wanted", CLOSED)
def test_a_terminal_state_never_changes(
    store: Store, stored: tuple[State, ReasonCode], wanted: tuple[State, ReasonCode]
) -> None:
    dynamo, table = store
    dynamo.write(requests.create(table, a_record()))
    dynamo.write(_close(table, *stored, now_ms=DEADLINE_MS if stored[0] is State.EXPIRED else NOW_MS + 1))
    before = _read(dynamo, table)

    for now_ms in (NOW_MS + 2, DEADLINE_MS - 1, DEADLINE_MS, DEADLINE_MS + 1):
        close = _close(table, *wanted, now_ms=now_ms)
        assert requests.record_from(_lost(dynamo, close).stored(close)) == before

    assert _read(dynamo, table) == before


@pytest.mark.parametrize("decision", DECISIONS[:3])
def test_what_was_never_pending_is_never_closed(store: Store, decision: Decision) -> None:
    dynamo, table = store
    dynamo.write(requests.create(table, a_record(decision)))

    for state, reason in CLOSED:
        _lost(dynamo, _close(table, state, reason, now_ms=NOW_MS + 1))


@pytest.mark.parametrize(("state", "reason"), CLOSED)
@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
def test_before_its_deadline_a_request_is_resolved_and_from_it_on_expired_to_the_millisecond(
    store: Store, state: State, reason: ReasonCode, offset_ms: int
) -> None:
    dynamo, table = store
    dynamo.write(requests.create(table, a_record()))
    close = _close(table, state, reason, now_ms=DEADLINE_MS + offset_ms)

    if (state is State.EXPIRED) == (offset_ms >= 0):
        dynamo.write(close)
    else:
        _lost(dynamo, close)


def test_a_request_that_is_not_there_is_not_closed_into_being(store: Store) -> None:
    dynamo, table = store

    assert _lost(dynamo, _close(table, *CLOSED[0], now_ms=NOW_MS)).found == {0: None}
    assert _read(dynamo, table) is None


# -- evidence ---------------------------------------------------------------------------------------------------


def _partition(dynamo: Dynamo, table: str) -> tuple[RequestRecord | None, list[Any]]:
    return requests.split_partition(requests.read_partition(dynamo, table, "req-1"))


def test_evidence_is_read_back_whole_oldest_first_with_refused_actions_among_it(store: Store) -> None:
    dynamo, table = store
    first = link(
        Chain(), "req-1", [Entry("a", "lineage", {"facts": {"amount": 0.1}}), Entry("a", "audit", {})], now_ms=1
    )
    chain = Chain().extended_by(first)
    refused = [
        refusal(chain, "req-1", Entry("hitl_request_mismatch", "audit", {"actor": "é"}), event_id=f"e-{n}", now_ms=n)
        for n in (3, 2)
    ]
    second = link(chain, "req-1", [Entry("b", "lineage", {}), Entry("b", "audit", {})], now_ms=4)
    chain = chain.extended_by(second)
    appended = [requests.append_evidence(table, events) for events in (first, second)]
    dynamo.write(requests.create(table, replace(a_record(), chain=chain)), *appended)
    for event in refused:
        dynamo.write(*requests.append_refusal(table, event))

    record, events = _partition(dynamo, table)

    assert record is not None
    assert events == [*first, *reversed(refused), *second]
    assert broken_link(record.chain, events) is None


def test_more_than_nine_events_stay_in_order(store: Store) -> None:
    dynamo, table = store
    events = link(Chain(), "req-1", [Entry("a", "audit", {"n": n}) for n in range(12)], now_ms=NOW_MS)
    writes = [requests.append_evidence(table, events[n : n + 3]) for n in range(0, 12, 3)]
    dynamo.write(*random.sample(writes, len(writes)))

    assert _partition(dynamo, table)[1] == events


def test_events_of_one_moment_are_one_item(store: Store) -> None:
    dynamo, table = store
    entries = [Entry("a", "lineage", {"facts": {"amount": 0.1}}), Entry("b", "audit", {"actor": "é", "tier": 4})]
    events = link(Chain(), "req-1", entries, now_ms=NOW_MS)
    dynamo.write(requests.append_evidence(table, events))

    assert [item["sk"] for item in requests.read_partition(dynamo, table, "req-1")] == ["EVT#000001"]
    assert _partition(dynamo, table)[1] == events


def test_evidence_with_an_item_for_each_event_is_read_and_appended_to(store: Store) -> None:
    dynamo, table = store
    entries = [
        Entry("policy_allow", "lineage", {"facts": {}}),
        Entry("policy_allow", "audit", {}),
    ]
    old = link(Chain(), "req-1", entries, now_ms=1)
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
        dynamo.write(Put(table, item))
    chain = Chain().extended_by(old)
    new = link(chain, "req-1", [Entry("b", "lineage", {}), Entry("b", "audit", {})], now_ms=2)
    chain = chain.extended_by(new)
    dynamo.write(requests.create(table, replace(a_record(), chain=chain)), requests.append_evidence(table, new))

    record, events = _partition(dynamo, table)

    assert record is not None
    assert events == [*old, *new]
    assert broken_link(record.chain, events) is None


def test_an_event_is_never_overwritten(store: Store) -> None:
    dynamo, table = store
    event, forged = (link(Chain(), "req-1", [Entry("a", "audit", {"by": by})], now_ms=NOW_MS) for by in ("me", "you"))
    dynamo.write(requests.append_evidence(table, event))

    _lost(dynamo, requests.append_evidence(table, forged))

    assert _partition(dynamo, table)[1] == event


def test_a_refused_action_of_no_request_is_not_kept(store: Store) -> None:
    dynamo, table = store
    event = refusal(Chain(), "req-1", Entry("x", "audit", {}), event_id="e", now_ms=NOW_MS)

    _lost(dynamo, *requests.append_refusal(table, event))

    assert requests.read_partition(dynamo, table, "req-1") == []


def test_a_partition_longer_than_a_page_is_read_to_its_end(store: Store) -> None:
    dynamo, table = store
    events = link(Chain(), "req-1", [Entry("a", "audit", {"x": "y" * 300_000}) for _ in range(5)], now_ms=NOW_MS)
    for event in events:
        dynamo.write(requests.append_evidence(table, [event]))

    assert _partition(dynamo, table)[1] == events
