"""What a room shows beside the request: what decided, how its agent stands, and what was asked before (section 13)."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.agents import operator, put
from tests.support.service import (
    InProcess,
    Service,
    act,
    apply_policy,
    decided,
    escalated,
    for_agent,
    get,
    human,
    now_ms,
    own,
    unique,
)
from tests.support.workflow_requests import an_action


def room_of(service: Service, request: dict[str, Any], envelope: Any = None) -> Any:
    """Give the room of a request, as its principal sees it unless ``envelope`` says otherwise."""
    reply = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=envelope or own(request))
    assert reply.status == 200, reply
    return reply.body


def reader(tenant: str) -> dict[str, Any]:
    """Give the envelope of a person who reads what is the tenant's."""
    return human("reader", tenantId=tenant, scopes=["workflow:read:tenant"])


def listed(room: Any, member: str) -> list[str]:
    """Give the ids of the escalations that a room lists."""
    return [other["requestId"] for other in room[member]]


def asked(service: InProcess, ago_ms: int, **changes: Any) -> dict[str, Any]:
    """Give an escalation that was submitted so long ago."""
    moment = now_ms() - ago_ms
    return escalated(replace(service, now_ms=lambda: moment), timestamp=moment, **changes)


def test_it_says_when_the_request_came_and_what_versions_of_policy_decided(service: Service) -> None:
    agent = unique("agent")
    version = apply_policy(service, for_agent(agent, max_transaction=100)).body["policyVersion"]
    before = now_ms()
    request = escalated(service, agentId=agent, timestamp=before - 5000)

    room = room_of(service, request)

    assert before - 1000 <= room["requestedAt"] <= now_ms() + 1000
    assert room["requestTimestamp"] == before - 5000
    assert room["policyVersions"]["agent"] == version


def test_an_agent_without_a_record_has_none_shown(service: Service) -> None:
    assert "agent" not in room_of(service, escalated(service))


def test_an_agents_record_is_shown_as_it_stands_now(service: Service) -> None:
    request = escalated(service)
    tenant = request["tenantId"]
    put(
        service,
        request["agentId"],
        envelope=operator(tenant),
        state="escalate_all",
        reason="new here",
        owner="payments",
    )

    agent = room_of(service, request)["agent"]

    assert agent.pop("changedAt") > 0
    assert agent == {
        "agentId": request["agentId"],
        "tenantId": tenant,
        "state": "escalate_all",
        "reason": "new here",
        "owner": "payments",
        "changedBy": operator(tenant)["principalId"],
    }


def test_of_two_records_the_stricter_is_shown(service: Service) -> None:
    request = escalated(service)
    put(service, request["agentId"], envelope=operator(request["tenantId"]), state="active", reason="fine")
    put(service, request["agentId"], envelope=operator(None), state="stopped", reason="it was seen elsewhere")

    agent = room_of(service, request)["agent"]

    assert (agent["state"], agent["reason"]) == ("stopped", "it was seen elsewhere")
    assert "tenantId" not in agent


def test_the_agents_last_ten_escalations_are_shown_newest_first_and_as_they_stand(in_process: InProcess) -> None:
    """Over hours, as the flood limit lets five through in ten minutes; one is expired, and not swept yet."""
    agent, principal = unique("agent"), unique("principal")
    who = {"agentId": agent, "principalId": principal}
    hour = 3_600_000
    others = [asked(in_process, hours * hour, **who) for hours in range(12, 0, -1)]
    recent = [asked(in_process, ago, **who) for ago in (120_000, 60_000)]
    decided(in_process, "allow", **who)
    act(in_process, recent[1], "reject")

    room = room_of(in_process, escalated(in_process, **who))

    expected = [request["requestId"] for request in [*others, *recent]][::-1][:10]
    assert listed(room, "agentEscalations") == expected
    assert [other["state"] for other in room["agentEscalations"][:3]] == [
        "escalated_rejected_terminal",
        "escalated_pending",
        "escalated_expired_terminal",
    ]
    newest, pending, expired = room["agentEscalations"][:3]
    assert "decidedAt" not in pending
    assert newest["decidedAt"] >= newest["requestedAt"]
    assert expired["decidedAt"] == expired["requestedAt"] + 300_000
    assert (newest["amount"], newest["category"], newest["riskTier"]) == (150, "ops", "high")
    assert "operation" not in newest
    assert "sameOperation" not in room


def test_another_tenants_agent_of_the_same_name_is_another_agent(service: Service) -> None:
    agent = unique("agent")
    escalated(service, agentId=agent, tenantId=unique("tenant"))
    request = escalated(service, agentId=agent, tenantId=unique("tenant"))

    assert room_of(service, request)["agentEscalations"] == []


def test_earlier_ones_of_the_same_operation_are_shown_whoever_asked(in_process: InProcess) -> None:
    tenant, operation = unique("tenant"), "pay.refund"
    same = {"tenantId": tenant, "action": an_action(operation=operation)}
    early, earlier = (asked(in_process, ago, **same) for ago in (10_000, 20_000))
    asked(in_process, 15_000, tenantId=tenant, action=an_action(operation="pay.other"))
    asked(in_process, 15_000, tenantId=unique("tenant"), action=an_action(operation=operation))
    request = asked(in_process, 5000, **same)
    escalated(in_process, **same)  # later

    room = room_of(in_process, request, reader(tenant))

    assert listed(room, "sameOperation") == [early["requestId"], earlier["requestId"]]
    assert room["sameOperation"][0]["operation"] == operation
    assert room["sameOperation"][0]["agentId"] == early["agentId"]
    assert room["agentEscalations"] == []


def test_nobody_is_shown_escalations_that_they_may_not_read(in_process: InProcess) -> None:
    agent, tenant = unique("agent"), unique("tenant")
    same = {"agentId": agent, "tenantId": tenant, "action": an_action()}
    theirs = asked(in_process, 10_000, **same)
    mine = asked(in_process, 5000, **same)
    request = escalated(in_process, principalId=mine["principalId"], **same)

    own_room = room_of(in_process, request)
    whole = room_of(in_process, request, reader(tenant))

    for member in ("agentEscalations", "sameOperation"):
        assert listed(own_room, member) == [mine["requestId"]]
        assert listed(whole, member) == [mine["requestId"], theirs["requestId"]]


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_what_was_never_escalated_is_shown_without_others(service: Service, decision: str) -> None:
    room = room_of(service, decided(service, decision))

    assert room["requestedAt"] > 0
    assert not {"agent", "agentEscalations", "sameOperation", "budgetLeft"} & room.keys()


def test_a_queue_says_when_each_came_and_nothing_of_others(service: Service) -> None:
    request = escalated(service)

    [queued] = get(service, "/workflow/decision-room", envelope=own(request)).body["requests"]

    assert queued["requestedAt"] > 0
    assert not {"agent", "agentEscalations", "sameOperation", "budgetLeft", "policyVersions"} & queued.keys()
