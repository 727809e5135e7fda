"""The history of decisions: closed escalations, who decided what and why, newest first (contract.md section 13)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from handshake.requests import history
from tests.support.service import InProcess, Reply, Service, act, decided, escalated, get, human, now_ms, own, unique
from tests.support.workflow_requests import an_action

PATH = "/workflow/decisions"
SHAPE = (400, "trust_context_invalid_request_shape")


def reader(tenant: str, **changes: Any) -> dict[str, Any]:
    """Give the envelope of a person who reads what is the tenant's, and resolves it."""
    scopes = ["workflow:read:tenant", "workflow:resolve"]
    return human(unique("reader"), tenantId=tenant, scopes=scopes) | changes


def ask(service: Service, envelope: Any, /, **query: Any) -> Reply:
    """Ask for a page of history; ``from_`` is ``from``."""
    return get(service, PATH, envelope=envelope, query={name.strip("_"): str(value) for name, value in query.items()})


def ids(reply: Reply) -> list[str]:
    """Give the requests of a page."""
    assert reply.status == 200, reply
    return [decision["requestId"] for decision in reply.body["decisions"]]


def at(service: InProcess, moment: int) -> InProcess:
    """Give the same service at another time, epoch ms."""
    return replace(service, now_ms=lambda: moment)


def closed(service: InProcess, tenant: str, action: str = "approve", /, **changes: Any) -> dict[str, Any]:
    """Give a request of a tenant that was closed by its own principal."""
    request = escalated(service, tenantId=tenant, timestamp=service.now_ms(), **changes)
    assert act(service, request, action).status == 200
    return request


def every_page(service: Service, envelope: Any, **query: Any) -> list[list[str]]:
    """Give the requests of each page, up to the last."""
    pages, cursor = [], ""
    while True:
        reply = ask(service, envelope, cursor=cursor, **query)
        pages.append(ids(reply))
        cursor = reply.body.get("nextCursor", "")
        if not cursor:
            return pages


def test_it_says_of_each_what_was_asked_who_decided_what_and_why(service: Service) -> None:
    tenant = unique("tenant")
    request = escalated(service, tenantId=tenant, action=an_action(), context={"amount": 150})
    ana = reader(tenant, principalId=unique("ana"))
    done = act(service, request, "reject", envelope=ana, reason="not this quarter").body

    [decision] = ask(service, ana).body["decisions"]

    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=ana).body
    alone = {"canonicalAction", "policyVersions", "agentEscalations", "sameOperation", "budgetLeft", "agent"}
    shared = {name: value for name, value in room.items() if name not in alone}
    shared["action"] = {name: value for name, value in room["action"].items() if name != "arguments"}
    assert decision == shared | {
        "outcome": "rejected",
        "actor": ana["principalId"],
        "reason": "not this quarter",
        "assurance": "issuer_asserted",
        "decidedAt": done["artifact"]["timestamp"],
    }


@pytest.mark.parametrize(
    ("action", "outcome", "by_deadline"),
    [
        ("approve", "approved", False),
        ("reject", "rejected", False),
        ("withdraw", "withdrawn", False),
        ("approve", "expired", True),
    ],
)
def test_each_end_is_named_and_nobody_is_named_for_a_deadline(
    in_process: InProcess, action: str, outcome: str, *, by_deadline: bool
) -> None:
    tenant = unique("tenant")
    request = escalated(in_process, tenantId=tenant)
    act(at(in_process, now_ms() + 400_000) if by_deadline else in_process, request, action, reason="I was asked to")

    [decision] = ask(in_process, reader(tenant)).body["decisions"]

    assert decision["outcome"] == outcome
    if by_deadline:
        assert decision["actor"] == "hitl_expiry"
        assert not {"reason", "assurance"} & decision.keys()
    else:
        assert (decision["actor"], decision["reason"]) == (request["principalId"], "I was asked to")


def test_what_waits_or_was_never_escalated_is_no_part_of_it(service: Service) -> None:
    tenant = unique("tenant")
    escalated(service, tenantId=tenant)
    decided(service, "allow", tenantId=tenant)
    decided(service, "deny", tenantId=tenant)

    assert ask(service, reader(tenant)).body == {"decisions": []}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_any_size_give_everything_once_newest_first(in_process: InProcess, limit: int) -> None:
    """Several of them in the same millisecond."""
    tenant, now = unique("tenant"), now_ms()
    moments = [now - 300, now - 200, now - 200, now - 200, now - 100]
    closed_ids = [closed(at(in_process, moment), tenant)["requestId"] for moment in moments]

    pages = every_page(in_process, reader(tenant), limit=limit)

    listed = [request_id for page in pages for request_id in page]
    assert sorted(listed) == sorted(closed_ids)
    assert (listed[0], listed[-1]) == (closed_ids[-1], closed_ids[0])
    assert all(len(page) <= limit for page in pages)


def test_it_is_asked_for_by_outcome_by_actor_and_by_time(in_process: InProcess) -> None:
    tenant, now = unique("tenant"), now_ms()
    first, second, third = (
        closed(at(in_process, now - ago), tenant, action)["requestId"]
        for ago, action in ((3000, "approve"), (2000, "reject"), (1000, "reject"))
    )
    everybody = reader(tenant)
    rejected = ask(in_process, everybody, outcome="rejected").body["decisions"]

    assert [decision["requestId"] for decision in rejected] == [third, second]
    assert ids(ask(in_process, everybody, outcome="approved")) == [first]
    assert ids(ask(in_process, everybody, outcome="expired")) == []
    assert ids(ask(in_process, everybody, actor=rejected[0]["actor"])) == [third]
    assert ids(ask(in_process, everybody, actor=rejected[0]["actor"], outcome="approved")) == []
    assert ids(ask(in_process, everybody, from_=now - 2000)) == [third, second]
    assert ids(ask(in_process, everybody, to=now - 2000)) == [first]
    assert ids(ask(in_process, everybody, from_=now - 2000, to=now - 1000)) == [second]


def test_a_tenants_takes_the_scope_and_without_it_one_sees_ones_own(service: Service) -> None:
    tenant = unique("tenant")
    mine, others = (escalated(service, tenantId=tenant) for _ in range(2))
    for request in (mine, others):
        act(service, request)
    me = own(mine, tenantId=tenant)

    assert ids(ask(service, me)) == [mine["requestId"]]
    assert sorted(ids(ask(service, me | {"scopes": ["workflow:read:tenant"]}))) == sorted(
        [mine["requestId"], others["requestId"]]
    )
    assert sorted(ids(ask(service, me | {"scopes": ["workflow:read:any"]}))) == sorted(
        [mine["requestId"], others["requestId"]]
    )
    assert ids(ask(service, me | {"scopes": ["workflow:resolve"]})) == [mine["requestId"]]
    assert ids(ask(service, reader(unique("tenant")))) == []
    assert ids(ask(service, human(mine["principalId"], scopes=["workflow:read:tenant"]))) == [mine["requestId"]]


def test_ones_own_is_nobodys_of_the_same_name_in_another_tenant(in_process: InProcess) -> None:
    name = unique("principal")
    here, elsewhere, nowhere = (
        closed(in_process, tenant, principalId=name)["requestId"] for tenant in (unique("a"), unique("b"), "")
    )
    by_id = {
        request: get(in_process, f"/workflow/requests/{request}", envelope=human(name)).body for request in (here,)
    }
    assert by_id[here]["principalId"] == name
    [tenant] = [
        event["payload"]["tenantId"]
        for event in get(in_process, f"/workflow/evidence/{here}", envelope=human(name)).body[1:2]
    ]

    assert sorted(ids(ask(in_process, human(name)))) == sorted([here, elsewhere, nowhere])
    assert sorted(ids(ask(in_process, human(name, tenantId=tenant)))) == sorted([here, nowhere])
    bound = replace(in_process, settings={"binds_tenantless": True})
    assert ids(ask(bound, human(name))) == [nowhere]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"outcome": "allowed"}, "outcome must be one of approved, rejected, withdrawn, expired."),
        ({"outcome": ""}, "outcome must be one of approved, rejected, withdrawn, expired."),
        ({"actor": ""}, "actor must be 1 to 256 characters without control characters."),
        ({"actor": "a" * 257}, "actor must be 1 to 256 characters without control characters."),
        ({"actor": "a\nb"}, "actor must be 1 to 256 characters without control characters."),
        ({"from_": "yesterday"}, "from must be epoch milliseconds, 0 to 253402300799999."),
        ({"from_": "-1"}, "from must be epoch milliseconds, 0 to 253402300799999."),
        ({"to": "253402300800000"}, "to must be epoch milliseconds, 0 to 253402300799999."),
        ({"to": "٣"}, "to must be epoch milliseconds, 0 to 253402300799999."),
        ({"from_": 5, "to": 5}, "from must be before to."),
        ({"to": 0}, "from must be before to."),
        ({"limit": 0}, "limit must be 1 to 100."),
        ({"limit": 101}, "limit must be 1 to 100."),
        ({"cursor": "nonsense"}, "cursor is not one this list gave."),
        ({"cursor": "WyJyIiwxXQ=="}, "cursor is not one this list gave."),
    ],
)
def test_each_bad_parameter_is_told_what_is_wrong_with_it(
    service: Service, query: Mapping[str, Any], says: str
) -> None:
    reply = ask(service, human("p"), **query)

    assert reply.outcome == SHAPE
    assert reply.body["message"] == says


def test_a_parameter_given_twice_is_refused(service: Service) -> None:
    twice = get(service, f"{PATH}?outcome=approved&outcome=rejected", envelope=human("p"))

    assert twice.outcome == SHAPE
    assert twice.body["message"] == "outcome is given more than once."


def test_a_cursor_is_good_for_its_own_query_alone(in_process: InProcess) -> None:
    tenant = unique("tenant")
    requests = [closed(in_process, tenant) for _ in range(3)]
    mine = reader(tenant)
    cursor = ask(in_process, mine, limit=1, outcome="approved").body["nextCursor"]

    assert len(ids(ask(in_process, mine, cursor=cursor, outcome="approved", limit=100))) == 2
    for other, query in (
        (mine, {}),
        (mine, {"outcome": "rejected"}),
        (mine, {"outcome": "approved", "from_": 1}),
        (mine, {"outcome": "approved", "actor": requests[0]["principalId"]}),
        (reader(unique("tenant")), {"outcome": "approved"}),
        (own(requests[0]), {"outcome": "approved"}),
    ):
        refused = ask(in_process, other, cursor=cursor, **query)
        assert (refused.outcome, refused.body["message"]) == (SHAPE, "cursor is of another query.")


def test_what_few_match_takes_a_bounded_number_of_queries_and_pages(in_process: InProcess) -> None:
    """The index is looked at two entries at a time here, so that eight are a page's worth of looking."""
    tenant = unique("tenant")
    rare = closed(in_process, tenant, "reject")["requestId"]
    for _ in range(11):
        closed(in_process, tenant)

    with patch.object(history, "_EXAMINED", 2):
        pages = every_page(in_process, reader(tenant), outcome="rejected", limit=5)

    assert pages == [[], [rare]]


def test_it_needs_an_envelope(service: Service) -> None:
    assert get(service, PATH).outcome == (401, "security_missing_identity_envelope")


def test_a_request_that_lost_its_race_is_listed_once_as_it_ended(in_process: InProcess) -> None:
    tenant = unique("tenant")
    request = closed(in_process, tenant)
    assert act(in_process, request, "reject").outcome == (409, "hitl_terminal_state_immutable")

    [decision] = ask(in_process, reader(tenant)).body["decisions"]

    assert (decision["requestId"], decision["outcome"]) == (request["requestId"], "approved")
