"""The queue of the decision room: what waits for the caller, soonest deadline first, paged."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.outcomes import SHAPE
from tests.support.service import Reply, Service, act, decided, escalated, get, human, own, submit, unique
from tests.support.store import let_expire
from tests.support.workflow_requests import an_action

IN_THE_ROOM_ALONE = {"canonicalAction", "policyVersions", "budgetLeft", "agent", "agentEscalations", "sameOperation"}


def _queue(service: Service, envelope: Mapping[str, Any], **query: Any) -> Reply:
    return get(service, "/workflow/decision-room", envelope=dict(envelope), query=query)


def _ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [request["requestId"] for request in reply.body["requests"]]


def _escalated(service: Service, count: int, **changes: Any) -> list[str]:
    return [escalated(service, **changes)["requestId"] for _ in range(count)]


def _resolver(tenant_id: str) -> dict[str, Any]:
    return human(unique("resolver"), scopes=["workflow:resolve"], tenantId=tenant_id)


@pytest.fixture
def tenant() -> str:
    return unique("tenant")


def test_a_resolver_sees_what_waits_in_the_tenant_and_only_there(service: Service, tenant: str) -> None:
    waiting = _escalated(service, 3, tenantId=tenant)
    _escalated(service, 1)
    _escalated(service, 1, tenantId=None)
    decided(service, "allow", tenantId=tenant)

    reply = _queue(service, _resolver(tenant))

    assert _ids(reply) == waiting
    assert "nextCursor" not in reply.body


def test_the_soonest_deadline_comes_first(service: Service, tenant: str) -> None:
    _escalated(service, 4, tenantId=tenant)

    deadlines = [request["expiresAt"] for request in _queue(service, _resolver(tenant)).body["requests"]]

    assert deadlines == sorted(deadlines)
    assert len(deadlines) == 4


def test_what_is_listed_is_the_decision_room_of_each(service: Service, tenant: str) -> None:
    request = escalated(service, tenantId=tenant)
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body

    # In a list nobody decides, so it is not told what is usual, and the text of each may be long.
    listed = {name: value for name, value in room.items() if name not in IN_THE_ROOM_ALONE}
    assert _queue(service, _resolver(tenant)).body == {"requests": [listed]}


def test_what_is_listed_names_the_action_and_leaves_its_arguments_to_the_room(service: Service, tenant: str) -> None:
    request = escalated(service, tenantId=tenant, action=an_action())

    [listed] = _queue(service, _resolver(tenant)).body["requests"]

    named = {name: value for name, value in an_action().items() if name != "arguments"}
    assert listed["action"] == named
    assert "canonicalAction" not in listed
    assert listed["actionDigest"] == submit(service, request).body["actionDigest"]


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_what_is_decided_waits_no_longer(service: Service, tenant: str, action: str) -> None:
    request, other = (escalated(service, tenantId=tenant) for _ in range(2))

    act(service, request, action)

    assert _ids(_queue(service, _resolver(tenant))) == [other["requestId"]]


def test_what_is_overdue_waits_no_longer(service: Service, tenant: str) -> None:
    request, other = (escalated(service, tenantId=tenant) for _ in range(2))

    let_expire(service, request)

    assert _ids(_queue(service, _resolver(tenant))) == [other["requestId"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scopes": ["workflow:resolve"]},
        {"roles": ["admin"], "scopes": ["workflow:read:any"]},
    ],
    ids=str,
)
def test_who_resolves_for_no_tenant_sees_what_is_their_own(
    service: Service, tenant: str, changes: dict[str, Any]
) -> None:
    request = escalated(service, tenantId=tenant)
    _escalated(service, 1, tenantId=tenant)

    assert _ids(_queue(service, own(request, **changes))) == [request["requestId"]]


def test_a_stranger_sees_an_empty_queue(service: Service, tenant: str) -> None:
    _escalated(service, 1, tenantId=tenant)

    assert _queue(service, human(unique("stranger"), tenantId=tenant)).body == {"requests": []}


def test_everything_listed_can_be_resolved_by_who_lists_it(service: Service, tenant: str) -> None:
    requests = [escalated(service, tenantId=tenant) for _ in range(2)]
    resolver = _resolver(tenant)

    listed = _ids(_queue(service, resolver))
    outcomes = [act(service, request, envelope=resolver).status for request in requests]

    assert listed == [request["requestId"] for request in requests]
    assert outcomes == [200, 200]


def _pages(service: Service, envelope: Mapping[str, Any], limit: int) -> list[list[str]]:
    pages, query = [], {"limit": str(limit)}
    for _ in range(10):
        reply = _queue(service, envelope, **query)
        pages.append(_ids(reply))
        if "nextCursor" not in reply.body:
            return pages
        query["cursor"] = reply.body["nextCursor"]
    raise AssertionError(f"the list has no end: {pages}")


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_hold_everything_once_and_in_order(service: Service, tenant: str, limit: int) -> None:
    waiting = _escalated(service, 5, tenantId=tenant)

    pages = _pages(service, _resolver(tenant), limit)

    assert [request for page in pages for request in page] == waiting
    assert all(len(page) <= limit for page in pages)


def test_a_page_holds_25_unless_asked_otherwise(service: Service, tenant: str) -> None:
    waiting = _escalated(service, 26, tenantId=tenant)

    first = _queue(service, _resolver(tenant))
    second = _queue(service, _resolver(tenant), cursor=first.body["nextCursor"])

    assert (_ids(first), _ids(second)) == (waiting[:25], waiting[25:])


def test_a_page_goes_on_after_a_request_that_was_decided_meanwhile(service: Service, tenant: str) -> None:
    requests = [escalated(service, tenantId=tenant) for _ in range(4)]
    first = _queue(service, _resolver(tenant), limit=2)

    act(service, requests[1])
    second = _queue(service, _resolver(tenant), limit=2, cursor=first.body["nextCursor"])

    assert _ids(second) == [request["requestId"] for request in requests[2:]]


def test_a_cursor_of_another_tenant_shows_nothing_of_it(service: Service, tenant: str) -> None:
    _escalated(service, 3, tenantId=tenant)
    cursor = _queue(service, _resolver(tenant), limit=1).body["nextCursor"]
    other_tenant = unique("tenant")
    own_waiting = _escalated(service, 1, tenantId=other_tenant)

    seen = _ids(_queue(service, _resolver(other_tenant), cursor=cursor))

    assert set(seen) <= set(own_waiting)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", "", " 5", "1e1", "٣", "00000005"])
def test_a_limit_is_1_to_100(service: Service, limit: str) -> None:
    assert _queue(service, human("p"), limit=limit).outcome == SHAPE


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "====",
        "é",
        _cursor({}),
        _cursor([]),
        _cursor(["r"]),
        _cursor([1, "r"]),
        _cursor(["", 1]),
        _cursor(["r", 1, 2]),
        _cursor(["r", True]),
        _cursor(["r", 1.5]),
        _cursor(["r" * 3000, 1]),
    ],
    ids=range(12),
)
def test_a_cursor_that_no_list_gave_is_refused(service: Service, cursor: str) -> None:
    assert _queue(service, human("p"), cursor=cursor).outcome == SHAPE


@pytest.mark.parametrize("value", [["r", -1], ["r" * 900, 10**17], ["r", 10**15], ["a\nb", 10**14]], ids=range(4))
def test_a_cursor_made_up_shows_no_more_than_a_page(service: Service, tenant: str, value: list[Any]) -> None:
    waiting = _escalated(service, 1, tenantId=tenant)

    reply = _queue(service, _resolver(tenant), cursor=_cursor(value))

    assert reply.outcome == SHAPE or set(_ids(reply)) <= set(waiting)


def test_a_parameter_given_twice_is_refused(service: Service) -> None:
    assert get(service, "/workflow/decision-room?limit=1&limit=2", envelope=human("p")).outcome == SHAPE


def test_an_escalation_that_expires_is_not_in_its_submitters_queue(service: Service) -> None:
    request = escalated(service)
    let_expire(service, request)

    assert _ids(_queue(service, own(request))) == []
    assert submit(service, request).body["state"] == "escalated_expired_terminal"
