"""What the streams of a real store bring is told: all of it, nothing before its commit, whatever fails on the way."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from handshake.dynamo.marshalling import Update
from handshake.notifications.remind import Reminders, remind
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.record import REPORTED_WITHIN_MS
from handshake.requests.table import state_item
from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.support.agents import operator
from tests.support.agents import put as put_agent
from tests.support.clients import Failing, answer_of
from tests.support.metrics_events import NOW_MS
from tests.support.service import (
    InProcess,
    act,
    claim,
    decided,
    escalated,
    extend,
    human,
    now_ms,
    own,
    report,
    revoke,
)
from tests.support.telling import Listener, Record, Streams, expected, heard, record_of
from tests.support.workflow_requests import TTL_MS, a_record, an_action

SECRET: Final = "an argument of an action"


@pytest.fixture
def clock() -> list[int]:
    return [now_ms()]


@pytest.fixture
def service(dynamodb_local: Engine, clock: list[int]) -> InProcess:
    client, tables = dynamodb_local
    return InProcess(client, tables, now_ms=lambda: clock[0])


@pytest.fixture
def streams(dynamodb_local_endpoint: str, service: InProcess) -> Streams:
    return Streams(dynamodb_local_endpoint, service.tables)


def _escalated(service: InProcess, **changes: Any) -> dict[str, Any]:
    return escalated(service, timestamp=service.now_ms(), **changes)


def _committed(service: InProcess, streams: Streams) -> list[Record]:
    """Give what was written since, with the store's clock that of the test."""
    at_s = service.now_ms() / 1000
    return [
        {**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": at_s}} for record in streams.read()
    ]


def _lives(service: InProcess, clock: list[int]) -> Iterator[str]:
    """Lead requests through all that may become of them, and an agent too; yields their ids."""
    approved, rejected, withdrawn, extended, late = (
        _escalated(service, action=an_action(arguments={"note": SECRET})) for _ in range(5)
    )
    allowed = decided(service, "allow", timestamp=clock[0])
    decided(service, "deny", timestamp=clock[0])
    extend(service, extended, 600)
    act(service, approved, envelope=human("stranger", tenantId="elsewhere"))
    act(service, approved)
    act(service, rejected, "reject")
    act(service, withdrawn, "withdraw")
    grant = claim(service, allowed).body["grantId"]
    report(service, grant, envelope=own(allowed))
    revoke(service, approved)
    put_agent(service, allowed["agentId"], envelope=operator())
    put_agent(service, allowed["agentId"], envelope=operator(), state="active")
    clock[0] += TTL_MS
    expire_overdue(service.context)
    clock[0] -= TTL_MS
    yield from (request["requestId"] for request in (approved, rejected, withdrawn, extended, late, allowed))


def test_all_that_is_committed_is_told_once_and_nothing_else(
    service: InProcess, streams: Streams, clock: list[int]
) -> None:
    approved, rejected, withdrawn, extended, late, allowed = _lives(service, clock)
    listener = Listener()

    done = listener.publish(service, streams.read())

    assert (done.failed_at, done.dead, listener.letters) == ("", 0, [])
    assert listener.kinds(approved) == ["request.escalated", "request.decided", "grant.revoked"]
    assert listener.kinds(rejected) == listener.kinds(withdrawn) == ["request.escalated", "request.decided"]
    assert listener.kinds(extended) == ["request.escalated", "request.extended"]
    assert listener.kinds(late) == ["request.escalated", "request.expired"]
    assert listener.kinds(allowed) == ["grant.claimed"]
    assert heard(listener.told) == expected(service)
    assert SECRET not in str(listener.entries)
    assert max(listener.calls) <= 10


def test_what_an_event_says_is_committed_by_then(service: InProcess, streams: Streams, clock: list[int]) -> None:
    """Told before its commit, it would not yet be in evidence."""
    looked = Counter[bool]()

    def see(detail: Mapping[str, Any]) -> None:
        subject = detail.get("requestId") or detail["agentId"]
        looked[expected(service)[detail["event"], subject] > 0] += 1

    list(_lives(service, clock))
    Listener(seen=see).publish(service, streams.read())

    assert looked == {True: sum(expected(service).values())}


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_while_bus_queue_and_store_fail_and_the_function_dies(
    service: InProcess, streams: Streams, clock: list[int], seed: int
) -> None:
    """Deliver as Lambda does: from the first record that failed on, and all of a batch whose function died."""
    dice = random.Random(seed)  # noqa: S311 - dice, not secrecy
    list(_lives(service, clock))
    records, listener = streams.read(), Listener()
    numbers = [one["dynamodb"]["SequenceNumber"] for one in records]
    poison = {**records[0], "dynamodb": {**records[0]["dynamodb"], "NewImage": {"state": {"S": "odd"}}}}
    records.insert(dice.randrange(len(records)), _numbered(poison, "poison"))
    numbers = [one["dynamodb"]["SequenceNumber"] for one in records]
    at, deliveries = 0, 0
    while at < len(records):
        deliveries += 1
        batch = records[at : at + dice.randint(1, 15)]
        listener.answers = [dice.choice(["", "", "", "ThrottlingException"]) for _ in range(20)]
        listener.failures = [answer_of("InternalException", 500)] if dice.random() < 0.3 else []
        throttled = answer_of("ThrottlingException", 400)
        faulty = Failing(service.dynamodb, throttled, operations=("put_item",), times=dice.choice([0, 0, 40]))
        done = listener.publish(replace(service, dynamodb=faulty), batch)
        if dice.random() < 0.2:
            continue  # it died before it could say so
        at = numbers.index(done.failed_at) if done.failed_at else at + len(batch)
        assert deliveries < 500

    assert heard(listener.once) == expected(service)
    assert {letter["sequenceNumber"] for letter in listener.letters} == {"poison"}
    assert {"UnreadableChangeError", SECRET} & {str(letter) for letter in listener.letters} == set()


def _numbered(record: Record, number: str) -> Record:
    return {**record, "dynamodb": {**record["dynamodb"], "SequenceNumber": number}}


def test_a_record_that_cannot_be_read_holds_no_other_up_and_is_named_without_its_content(service: InProcess) -> None:
    good = record_of(None, state_item(a_record()), committed_ms=NOW_MS, number=2)
    bad = record_of(None, {**state_item(a_record()), "state": SECRET}, committed_ms=NOW_MS, number=1)
    listener = Listener()

    done = listener.publish(service, [bad, good])

    assert (done.events, done.dead, done.failed_at) == (1, 1, "")
    [letter] = listener.letters
    assert letter["sequenceNumber"] == bad["dynamodb"]["SequenceNumber"]
    assert letter["stream"] == bad["eventSourceARN"]
    assert SECRET not in str(letter)


def test_a_record_is_delivered_again_where_the_queue_for_it_does_not_answer(service: InProcess) -> None:
    bad = record_of(None, {**state_item(a_record()), "state": SECRET}, committed_ms=NOW_MS, number=1)
    listener = Listener()
    listener.send_message = lambda **_: (_ for _ in ()).throw(answer_of("ServiceUnavailable", 503))  # type: ignore[method-assign]  # a queue that is down

    done = listener.publish(service, [bad])

    assert (done.failed_at, done.cause) == (bad["dynamodb"]["SequenceNumber"], "Operation: ServiceUnavailable")


def test_an_event_that_the_bus_will_never_take_is_a_dead_letter(service: InProcess) -> None:
    record = record_of(None, state_item(a_record()), committed_ms=NOW_MS)
    listener = Listener(answers=["MalformedDetail"])

    done = listener.publish(service, [record])

    assert (done.dead, done.failed_at) == (1, "")
    assert [letter["sequenceNumber"] for letter in listener.letters] == [record["dynamodb"]["SequenceNumber"]]


def test_what_time_removes_is_no_news(service: InProcess) -> None:
    record = record_of(None, state_item(a_record()), committed_ms=NOW_MS)

    assert Listener().publish(service, [{**record, "eventName": "REMOVE"}]).events == 0


def _heard(service: InProcess, streams: Streams, listener: Listener) -> list[str]:
    """Publish what has been written since, and name what it told of."""
    before = len(listener.told)
    assert listener.publish(service, _committed(service, streams)).failed_at == ""
    return [detail["event"] for detail in listener.told[before:]]


def test_people_are_reminded_twice_and_then_the_escalation_expires(
    service: InProcess, streams: Streams, clock: list[int]
) -> None:
    request, listener = _escalated(service), Listener()
    assert _heard(service, streams, listener) == ["request.escalated"]
    began, sweeps = clock[0], dict[int, list[str]]()
    for second in range(0, 360, 30):
        clock[0] = began + second * 1000
        expire_overdue(service.context)
        remind(service.context)
        if told := _heard(service, streams, listener):
            sweeps[second] = told

    assert sweeps == {150: ["request.reminded"], 240: ["request.reminded"], 300: ["request.expired"]}
    reminders = [detail for detail in listener.told if detail["event"] == "request.reminded"]
    assert [one["share"] for one in reminders] == ["half", "four_fifths"]
    assert {one["requestId"] for one in reminders} == {request["requestId"]}
    assert verify_request(service.context, request["requestId"]) == []


def test_a_closed_escalation_is_reminded_of_no_more(service: InProcess, streams: Streams, clock: list[int]) -> None:
    request, listener = _escalated(service), Listener()
    _heard(service, streams, listener)
    act(service, request)
    clock[0] += TTL_MS - 1

    assert remind(service.context) == Reminders(reminded=0, asked_about=0, dropped=1, raced=0)
    assert remind(service.context) == Reminders(0, 0, 0, 0)
    assert _heard(service, streams, listener) == ["request.decided"]


def test_an_extension_makes_a_reminder_of_its_own(service: InProcess, streams: Streams, clock: list[int]) -> None:
    request, listener = _escalated(service), Listener()
    _heard(service, streams, listener)
    extend(service, request, 600)
    assert _heard(service, streams, listener) == ["request.extended"]
    clock[0] += 449_000
    assert remind(service.context).reminded == 0
    clock[0] += 1000

    assert remind(service.context).reminded == 1
    assert _heard(service, streams, listener) == ["request.reminded"]


def test_a_grant_that_nobody_reports_is_told_of_once(service: InProcess, streams: Streams, clock: list[int]) -> None:
    silent, spoken = (decided(service, "allow", timestamp=clock[0]) for _ in range(2))
    grants = [claim(service, request).body["grantId"] for request in (silent, spoken)]
    report(service, grants[1], envelope=own(spoken))
    listener = Listener()
    _heard(service, streams, listener)
    clock[0] += REPORTED_WITHIN_MS

    assert remind(service.context) == Reminders(reminded=0, asked_about=1, dropped=1, raced=0)
    assert _heard(service, streams, listener) == ["grant.unreported"]
    assert listener.told[-1]["grantId"] == grants[0]
    assert remind(service.context) == Reminders(0, 0, 0, 0)


def test_a_record_that_comes_again_late_brings_no_reminder_back(
    service: InProcess, streams: Streams, clock: list[int]
) -> None:
    _escalated(service)
    records = _committed(service, streams)
    Listener().publish(service, records)
    clock[0] += 280_000
    assert remind(service.context).reminded == 1

    Listener().publish(service, records)

    assert remind(service.context) == Reminders(0, 0, 0, 0)


def test_a_sweep_whose_time_is_up_says_so_and_the_next_does_the_rest(
    service: InProcess, streams: Streams, clock: list[int]
) -> None:
    for _ in range(60):
        _escalated(service)
    Listener().publish(service, _committed(service, streams))
    clock[0] += TTL_MS // 2
    first = remind(service.context, run_ms=0)

    assert first.unfinished == 1
    assert 0 < first.reminded < 60
    assert first.reminded + remind(service.context).reminded == 60


def test_a_notice_that_nothing_is_known_of_is_dropped(service: InProcess, streams: Streams, clock: list[int]) -> None:
    """What a table-writer made up, or whose request is gone, ends nobody's sweep."""
    request = _escalated(service)
    Listener().publish(service, _committed(service, streams))
    key = {"pk": f"REQ#{request['requestId']}", "sk": "STATE"}
    service.context.dynamo.write(Update(service.tables.workflow, key, "SET expires_at = :x", values={":x": 1}))
    clock[0] += TTL_MS // 2

    assert remind(service.context) == Reminders(reminded=0, asked_about=0, dropped=1, raced=0)
