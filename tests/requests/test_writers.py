"""Actions on a request to which others append meanwhile: each looks again at what it lost to, for as long as it may.

An append moves the chain that an action links its evidence to, and leaves the request pending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Put, Update
from handshake.requests import table as requests
from handshake.requests.evidence import Entry, EvidenceEvent, broken_link, link
from handshake.requests.evidence_items import evidence_item
from handshake.requests.record import RequestRecord, State
from tests.support.service import InProcess, act, escalated, now_ms, unique
from tests.support.workflow_requests import context_on

APPROVED, REJECTED = "escalated_approved_terminal", "escalated_rejected_terminal"
TRIES = 5
ALONE = "adapter_store_unavailable"
GUARDED = "security_replay_guard_unavailable"


@dataclass
class Crowded:
    """A DynamoDB client before whose next ``rivals`` transactions somebody appends to the evidence of a request.

    One that ``loses`` forgets the request instead, as a store does that comes back without its latest writes.
    """

    client: Any
    context: Context
    request_id: str = ""
    rivals: int = 0
    loses: bool = False

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        """Let a rival append, if one is left, and write."""
        if self.rivals:
            self.rivals -= 1
            _append(self.context, self.request_id)
        if self.loses:
            key = {name: {"S": value} for name, value in requests.state_key(self.request_id).items()}
            self.client.delete_item(TableName=self.context.tables.workflow, Key=key)
        return self.client.transact_write_items(**parameters)


def _append(context: Context, request_id: str) -> None:
    record, _ = _read(context, request_id)
    entry = Entry(record.reason, "audit", {"actor": "another release"})
    events = link(record.chain, request_id, [entry], now_ms=now_ms())
    chain, table = record.chain.extended_by(events), context.tables.workflow
    context.dynamo.write(
        Put(table, evidence_item(events), condition="attribute_not_exists(pk)"),
        Update(
            table,
            requests.state_key(request_id),
            "SET chain_length = :length, chain_head = :head",
            values={":length": chain.length, ":head": chain.head, ":seen": record.chain.length},
            condition="chain_length = :seen",
        ),
    )


def _read(context: Context, request_id: str) -> tuple[RequestRecord, list[EvidenceEvent]]:
    record, events = requests.split_partition(
        requests.read_partition(context.dynamo, context.tables.workflow, request_id)
    )
    assert record is not None
    return record, events


@pytest.fixture(params=["dynamodb_local", "ministack"])
def crowd(request: pytest.FixtureRequest) -> Crowded:
    """The crowd, on each engine in turn."""
    engine = request.getfixturevalue(request.param)
    return Crowded(engine[0], context_on(engine))


@pytest.fixture
def service(crowd: Crowded) -> InProcess:
    """The service in the crowd."""
    return InProcess(crowd, crowd.context.tables)


@pytest.fixture
def pending(service: InProcess, crowd: Crowded) -> Mapping[str, Any]:
    """A request that waits for a person, and to which the crowd will append."""
    request = escalated(service)
    crowd.request_id = request["requestId"]
    return request


def _guards_and_events(service: InProcess) -> tuple[list[Any], list[Any]]:
    guards, events = (
        service.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        for table in (service.tables.replay_guards, service.tables.metrics)
    )
    # That a guard was out of reach is counted as the denial that it is, whatever became of the request.
    return guards, sorted((event for event in events if event["reason_code"]["S"] != GUARDED), key=str)


@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize(("action", "state"), [("approve", APPROVED), ("reject", REJECTED)])
@pytest.mark.parametrize("rivals", [1, TRIES - 1])
def test_an_action_succeeds_though_others_append_to_the_request_before_it_writes(
    service: InProcess,
    crowd: Crowded,
    pending: Mapping[str, Any],
    *,
    rivals: int,
    action: str,
    state: str,
    key: str | None,
) -> None:
    crowd.rivals = rivals

    reply = act(service, pending, action, key=key and unique(key))

    assert reply.status == 200
    record, events = _read(crowd.context, crowd.request_id)
    assert record.state == state
    assert broken_link(record.chain, events) is None
    assert [event.source for event in events] == ["lineage", "audit", *["audit"] * rivals, "lineage", "audit"]
    guards, counted = _guards_and_events(service)
    assert (len(guards), len(counted)) == (int(key is not None), 2)


@pytest.mark.parametrize(("key", "code"), [(None, ALONE), ("key", GUARDED)])
@pytest.mark.parametrize("action", ["approve", "reject"])
def test_an_action_that_others_come_before_every_time_is_told_to_come_again_and_has_changed_nothing(
    service: InProcess, crowd: Crowded, pending: Mapping[str, Any], *, action: str, key: str | None, code: str
) -> None:
    before, earlier = _read(crowd.context, crowd.request_id)
    unguarded = _guards_and_events(service)
    key = key and unique(key)
    crowd.rivals = TRIES

    reply = act(service, pending, action, key=key)

    assert reply.outcome == (503, code)
    record, events = _read(crowd.context, crowd.request_id)
    assert record.state is State.PENDING
    assert (record.outcome, record.decided_at_ms) == (before.outcome, before.decided_at_ms)
    assert events[: len(earlier)] == earlier
    assert {str(event.detail["actor"]) for event in events[len(earlier) :]} == {"another release"}
    assert len(events) == len(earlier) + TRIES
    assert broken_link(record.chain, events) is None
    assert _guards_and_events(service) == unguarded
    assert act(service, pending, action, key=key).status == 200


@pytest.mark.parametrize(("key", "code"), [(None, ALONE), ("key", GUARDED)])
def test_an_action_on_a_request_that_the_store_has_lost_since_it_was_read_is_told_to_come_again(
    service: InProcess, crowd: Crowded, pending: Mapping[str, Any], *, key: str | None, code: str
) -> None:
    crowd.loses = True

    assert act(service, pending, key=key and unique(key)).outcome == (503, code)
