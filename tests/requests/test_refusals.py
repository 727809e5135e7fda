"""Refused actions: some of each principal's are kept in evidence, and nobody's flood hides what others tried (9.20)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handshake.dynamo.marshalling import Item, unmarshal
from handshake.requests.evidence import MAX_REFUSALS
from handshake.requests.verify import verify_request
from tests.support.outcomes import UNAUTHORIZED
from tests.support.service import InProcess, Reply, act, escalated, get, human, own
from tests.support.store import events_about, has_as_many_as_are_kept

OF_A_PRINCIPAL = 20
Request = Mapping[str, Any]


@pytest.fixture(params=["dynamodb_local", "ministack"])
def service(request: pytest.FixtureRequest) -> InProcess:
    """The handlers on each engine in turn."""
    return InProcess(*request.getfixturevalue(request.param))


def _refuse(service: InProcess, request: Request, who: str = "mallory", **changes: Any) -> Reply:
    return act(service, request, envelope=human(who, **changes))


def _kept(service: InProcess, request: Request) -> list[str]:
    """Whose refused actions evidence keeps."""
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"]["actor"] for event in events if event["payload"]["event"] == "refused"]


def _items(service: InProcess, request: Request) -> list[Item]:
    answer = service.dynamodb.query(
        TableName=service.tables.workflow,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"REQ#{request['requestId']}"}},
        ConsistentRead=True,
    )
    return list(map(unmarshal, answer["Items"]))


def _counters(service: InProcess, request: Request) -> list[Item]:
    return [item for item in _items(service, request) if item["sk"].startswith("REFC#")]


def _state(service: InProcess, request: Request) -> Item:
    [state] = [item for item in _items(service, request) if item["sk"] == "STATE"]
    return state


def test_twenty_of_a_principal_are_kept_and_the_others_counted_with_their_first_and_last_time(
    service: InProcess,
) -> None:
    request = escalated(service)

    replies = [_refuse(service, request) for _ in range(OF_A_PRINCIPAL + 3)]

    assert {reply.outcome for reply in replies} == {UNAUTHORIZED}
    assert _kept(service, request) == ["mallory"] * OF_A_PRINCIPAL
    [counter] = _counters(service, request)
    assert {name: counter[name] for name in ("principal_id", "tenant_id", "kept", "beyond")} == {
        "principal_id": "mallory",
        "tenant_id": "",
        "kept": OF_A_PRINCIPAL,
        "beyond": 3,
    }
    times = sorted(event["timestamp_ms"] for event in events_about(service, request["requestId"])[:])
    assert counter["first_at"] == times[1]
    assert counter["last_at"] == times[-1]
    assert _state(service, request)["refusals_counted"] == 3
    assert len(times) == 1 + len(replies)  # metrics count each
    assert verify_request(service.context, request["requestId"]) == []


def test_a_flood_does_not_hide_what_others_try(service: InProcess) -> None:
    request = escalated(service)
    for _ in range(OF_A_PRINCIPAL + 3):
        _refuse(service, request)

    _refuse(service, request, "eve")
    _refuse(service, request, "mallory", tenantId="another")  # another person of that name

    assert _kept(service, request) == [*["mallory"] * OF_A_PRINCIPAL, "eve", "mallory"]
    assert len(_counters(service, request)) == 3
    assert act(service, request).status == 200
    assert verify_request(service.context, request["requestId"]) == []


def test_however_many_come_at_once_twenty_are_kept(service: InProcess) -> None:
    request = escalated(service)
    racers = 2 * OF_A_PRINCIPAL

    with ThreadPoolExecutor(racers) as pool:
        replies = list(pool.map(lambda _: _refuse(service.another(), request), range(racers)))

    assert {reply.outcome for reply in replies} == {UNAUTHORIZED}
    assert _kept(service, request) == ["mallory"] * OF_A_PRINCIPAL
    [counter] = _counters(service, request)
    assert (counter["kept"], counter["beyond"]) == (OF_A_PRINCIPAL, racers - OF_A_PRINCIPAL)
    assert verify_request(service.context, request["requestId"]) == []


def test_once_a_request_keeps_five_hundred_others_are_counted_by_principal(service: InProcess) -> None:
    request = escalated(service)
    has_as_many_as_are_kept(service, request)

    replies = [_refuse(service, request, who) for who in ("mallory", "eve", "eve")]

    assert {reply.outcome for reply in replies} == {UNAUTHORIZED}
    assert _kept(service, request) == []
    counted = {
        counter["principal_id"]: (counter.get("kept"), counter["beyond"]) for counter in _counters(service, request)
    }
    assert counted == {"mallory": (None, 1), "eve": (None, 2)}
    state = _state(service, request)
    assert (state["refusals"], state["refusals_counted"]) == (MAX_REFUSALS, 3)


def test_the_five_hundredth_is_kept_by_one_of_those_who_saw_room(service: InProcess) -> None:
    """Each saw 499 when it looked; the limit is a condition of the write."""
    request = escalated(service)
    has_as_many_as_are_kept(service, request)
    service.dynamodb.update_item(
        TableName=service.tables.workflow,
        Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
        UpdateExpression="ADD refusals :less",
        ExpressionAttributeValues={":less": {"N": "-1"}},
    )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _refuse(service.another(), request, f"mallory-{n}"), range(8)))

    state = _state(service, request)
    assert (state["refusals"], state["refusals_counted"]) == (MAX_REFUSALS, 7)
    assert len(_kept(service, request)) == 1
