"""Contract sections 2 and 3: what a person, or a service on a person's behalf, does to an escalation."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.outcomes import APPROVED, BINDING, IMMUTABLE, SHAPE, UNAUTHORIZED
from tests.support.service import (
    Reply,
    Service,
    act,
    apply_policy,
    artifact_in,
    decided,
    escalated,
    for_agent,
    get,
    human,
    own,
    post,
    submission,
    submit,
    unique,
)
from tests.support.store import events_about, has_as_many_as_are_kept, let_expire, state_of

NOT_FOUND = (404, "hitl_request_not_found")
MISMATCH = (409, "hitl_request_mismatch")
TIMEOUT = (409, "hitl_timeout_fail_closed")
NOT_HUMAN = (403, "security_identity_subject_mismatch")
REJECTED = (200, "hitl_rejected")

Request = dict[str, Any]


def _evidence(service: Service, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = get(
        service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)
    ).body
    return events


def _resolver(request: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Somebody else who may resolve the escalations of the request's tenant."""
    return human(unique("resolver"), scopes=["workflow:resolve"], tenantId=request["tenantId"]) | changes


@pytest.mark.parametrize(
    ("action", "outcome", "decision", "state"),
    [
        ("approve", APPROVED, "allow", "escalated_approved_terminal"),
        ("reject", REJECTED, "deny", "escalated_rejected_terminal"),
        ("deny", REJECTED, "deny", "escalated_rejected_terminal"),
    ],
    ids=["approve", "reject", "deny"],
)
def test_an_action_closes_the_escalation(
    service: Service, action: str, outcome: tuple[int, str], decision: str, state: str
) -> None:
    request = escalated(service)

    reply = act(service, request, action)

    assert reply.outcome == outcome
    assert reply.body.keys() == {"status", "requestId", "decision", "reasonCode", "artifact"}
    assert (reply.body["status"], reply.body["requestId"]) == ("ok", request["requestId"])
    assert reply.body["decision"] == reply.body["artifact"]["decision"] == decision
    assert reply.body["artifact"]["reasonCode"] == outcome[1]
    assert state_of(service, request) == state


def test_an_approval_carries_the_transaction_and_the_same_context(service: Service) -> None:
    request = escalated(service)
    pending = submit(service, request).body

    artifact = act(service, request).body["artifact"]

    assert artifact["txnId"] == f"txn_{request['requestId']}"
    assert artifact["decisionContextHash"] == pending["decisionContextHash"]
    assert artifact["hitlRequestId"] == pending["hitlRequestId"]
    assert (artifact["tier"], artifact["responseClass"]) == (pending["tier"], "ok")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"action": "approve"}, BINDING),
        ({"requestId": None, "action": "approve"}, BINDING),
        ({"requestId": "", "action": "approve"}, BINDING),
        ({"requestId": " ", "action": "nonsense"}, BINDING),
        ({"requestId": 5, "action": "approve"}, SHAPE),
        ({"requestId": "x" * 257, "action": "approve"}, SHAPE),
        ({"requestId": "r"}, SHAPE),
        ({"requestId": "r", "action": None}, SHAPE),
        ({"requestId": "r", "action": "escalate"}, SHAPE),
        ({"requestId": "r", "action": "Approve"}, SHAPE),
        ({"requestId": "r", "action": ["approve"]}, SHAPE),
        ({"requestId": "r", "action": "approve", "hitlRequestId": 7}, SHAPE),
        ({"requestId": "r", "action": "approve", "reason": 7}, SHAPE),
        ({"requestId": "r", "action": "approve", "reason": "x" * 501}, SHAPE),
        ([], SHAPE),
        ("approve", SHAPE),
        (None, SHAPE),
    ],
    ids=lambda value: str(value)[:48],
)
def test_a_malformed_action_is_refused(service: Service, body: Any, outcome: tuple[int, str]) -> None:
    assert post(service, "/workflow/decision-room/action", body, envelope=human("p")).outcome == outcome


def test_an_unknown_request_is_not_found(service: Service) -> None:
    assert act(service, submission()).outcome == NOT_FOUND


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_request_that_was_never_escalated_has_no_decision_room_to_act_in(service: Service, decision: str) -> None:
    assert act(service, decided(service, decision)).outcome == NOT_FOUND


def test_the_escalation_may_be_named_and_must_then_be_the_requests_own(service: Service) -> None:
    request, other = escalated(service), escalated(service)
    hitl_ids = [submit(service, body).body["hitlRequestId"] for body in (request, other)]

    wrong = [act(service, request, hitlRequestId=name) for name in (hitl_ids[1], "", "hitl")]
    right = act(service, request, hitlRequestId=hitl_ids[0])

    assert [reply.outcome for reply in wrong] == [MISMATCH] * 3
    assert right.outcome == APPROVED


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_past_its_deadline_an_escalation_expires_instead(service: Service, action: str) -> None:
    request = escalated(service)
    let_expire(service, request)

    first, second = act(service, request, action), act(service, request, action)

    assert (first.outcome, second.outcome) == (TIMEOUT, IMMUTABLE)
    assert state_of(service, request) == "escalated_expired_terminal"


@pytest.mark.parametrize("subject", ["service", "agent", None], ids=str)
@pytest.mark.parametrize("who", [own, _resolver], ids=["own principal", "resolver"])
def test_only_a_human_approves_and_anybody_with_authority_rejects(
    service: Service, who: Callable[[Request], dict[str, Any]], subject: str | None
) -> None:
    request = escalated(service)
    machine = {name: value for name, value in (who(request) | {"subjectType": subject}).items() if value}

    approval = act(service, request, "approve", envelope=machine)
    assert approval.outcome == NOT_HUMAN
    assert state_of(service, request) == "escalated_pending"

    assert act(service, request, "reject", envelope=machine).outcome == REJECTED


AUTHORITY: Mapping[str, tuple[Callable[[Request], dict[str, Any]], bool]] = {
    "own principal": (own, True),
    "own principal of another tenant": (lambda request: own(request, tenantId="another"), False),
    "own principal of its tenant": (lambda request: own(request, tenantId=request["tenantId"]), True),
    "resolver of the tenant": (_resolver, True),
    "resolver of another tenant": (lambda request: _resolver(request, tenantId="another"), False),
    "resolver of no tenant": (lambda _: human("resolver", scopes=["workflow:resolve"]), False),
    "member of the tenant": (lambda request: _resolver(request, scopes=[]), False),
    "admin who reads any": (lambda request: _resolver(request, roles=["admin"], scopes=["workflow:read:any"]), False),
    "a scope that merely looks alike": (lambda request: _resolver(request, scopes=["workflow:resolve:any"]), False),
    "stranger": (lambda _: human("stranger"), False),
}


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.parametrize(("who", "authorized"), AUTHORITY.values(), ids=AUTHORITY)
def test_an_action_needs_authority(
    service: Service, action: str, who: Callable[[Request], dict[str, Any]], *, authorized: bool
) -> None:
    request = escalated(service)

    reply = act(service, request, action, envelope=who(request))

    expected = {"approve": APPROVED, "reject": REJECTED}[action] if authorized else UNAUTHORIZED
    assert reply.outcome == expected
    assert (state_of(service, request) == "escalated_pending") is not authorized


def test_no_tenant_is_not_the_same_tenant(service: Service) -> None:
    request = escalated(service, tenantId=None)

    assert act(service, request, envelope=human("other", scopes=["workflow:resolve"])).outcome == UNAUTHORIZED


def _closed(service: Service) -> Request:
    request = escalated(service)
    act(service, request, "reject")
    return request


def _overdue(service: Service) -> Request:
    request = escalated(service)
    let_expire(service, request)
    return request


REFUSALS: Mapping[str, tuple[Callable[[Service], Request], dict[str, Any], tuple[int, str]]] = {
    "by a machine": (escalated, {"envelope": "machine"}, NOT_HUMAN),
    "without authority": (escalated, {"envelope": "stranger"}, UNAUTHORIZED),
    "of another escalation": (escalated, {"hitlRequestId": "another"}, MISMATCH),
    "of a closed one": (_closed, {}, IMMUTABLE),
    "of an overdue one": (_overdue, {}, TIMEOUT),
}


@pytest.mark.parametrize(("prepare", "changes", "outcome"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_action_says_what_stands_and_leaves_an_audit_event(
    service: Service, prepare: Callable[[Service], Request], changes: dict[str, Any], outcome: tuple[int, str]
) -> None:
    request = prepare(service)
    people = {"machine": own(request, subjectType="agent"), "stranger": human("stranger")}
    envelope = people.get(changes.get("envelope", ""), own(request))

    reply = act(service, request, **(changes | {"envelope": envelope}))

    assert reply.outcome == outcome
    assert reply.body["requestId"] == request["requestId"]
    assert reply.body["decision"] == reply.body["artifact"]["decision"] == "deny"
    assert (reply.body["artifact"]["requestId"], reply.body["artifact"]["reasonCode"]) == (
        request["requestId"],
        outcome[1],
    )
    if changes.get("envelope") == "stranger":
        assert "stored" not in reply.body
    else:
        assert reply.body["stored"]["state"] == state_of(service, request)
    audited = [event for event in _evidence(service, request) if event["reasonCode"] == outcome[1]]
    assert [event["payload"]["source"] for event in audited if event["payload"]["source"] == "audit"] == ["audit"]
    assert audited[-1]["payload"]["actor"] == envelope["principalId"]


def test_refusals_beyond_what_evidence_keeps_are_answered_the_same_and_counted(service: Service) -> None:
    request = escalated(service)
    act(service, request, envelope=human("stranger"))
    has_as_many_as_are_kept(service, request)
    evidence = _evidence(service, request)

    replies = [act(service, request, envelope=human("stranger")) for _ in range(2)]

    assert [reply.outcome for reply in replies] == [UNAUTHORIZED] * 2
    assert _evidence(service, request) == evidence
    assert len(events_about(service, request["requestId"])) == 4
    assert act(service, request).status == 200


def test_a_refusal_shows_what_was_decided_to_those_who_may_know_only(service: Service) -> None:
    request = escalated(service)
    pending = submit(service, request).body

    known = act(service, request, hitlRequestId="another").body
    unknown = act(service, request, envelope=human("stranger")).body

    assert known["stored"] == {"state": pending["state"], "artifact": artifact_in(pending)}
    assert known["artifact"]["decisionContextHash"] == pending["decisionContextHash"]
    assert "stored" not in unknown
    assert unknown["artifact"]["decisionContextHash"] != pending["decisionContextHash"]


def test_who_may_only_read_a_request_is_told_how_it_stands_when_refused(service: Service) -> None:
    request = escalated(service)
    reader = human(unique("reader"), scopes=["workflow:read:tenant"], tenantId=request["tenantId"])

    reply = act(service, request, envelope=reader)

    assert reply.outcome == UNAUTHORIZED
    assert reply.body["stored"]["state"] == "escalated_pending"


@pytest.mark.parametrize("body", ["{", "[]", {}, {"action": "approve"}], ids=str)
def test_the_refusal_of_an_action_on_no_request_has_its_members_too(service: Service, body: Any) -> None:
    reply = post(service, "/workflow/decision-room/action", body, envelope=human("p"))

    assert (reply.body["requestId"], reply.body["decision"], reply.body["artifact"]) == (None, "deny", None)


@pytest.mark.parametrize(("action", "outcome"), [("APPROVE", APPROVED), ("REJECT", REJECTED), ("DENY", REJECTED)])
def test_an_action_may_be_in_upper_case(service: Service, action: str, outcome: tuple[int, str]) -> None:
    assert act(service, escalated(service), action).outcome == outcome


@pytest.mark.parametrize("length", [1, 500])
def test_a_reason_in_a_persons_own_words_is_kept_in_evidence(service: Service, length: int) -> None:
    request = escalated(service)
    reason = "é" * length

    act(service, request, "reject", reason=reason)

    assert [event["payload"].get("reason") for event in _evidence(service, request)][-1] == reason


def test_an_approved_payment_counts_towards_the_days_spend(service: Service) -> None:
    request = escalated(service, context={"amount": 600})
    same_agent = {"agentId": request["agentId"], "timestamp": request["timestamp"]}
    before = submit(service, submission(context={"amount": 601}, **same_agent)).body
    act(service, request)

    after = submit(service, submission(context={"amount": 401}, **same_agent)).body

    assert (before["decision"], after["reasonCode"]) == ("escalate", "policy_daily_limit_exceeded")


def test_a_rejected_payment_spends_nothing(service: Service) -> None:
    request = escalated(service, context={"amount": 900})
    act(service, request, "reject")
    same_agent = {"agentId": request["agentId"], "timestamp": request["timestamp"]}

    assert submit(service, submission(context={"amount": 900}, **same_agent)).body["decision"] == "escalate"


def test_an_approval_that_no_longer_fits_the_day_is_refused_and_leaves_the_request_pending(service: Service) -> None:
    agent = unique("agent")
    apply_policy(service, for_agent(agent, max_transaction=10, daily_spend_limit=100))
    first = escalated(service, agentId=agent, context={"amount": 60})
    second = escalated(service, agentId=agent, context={"amount": 60}, timestamp=first["timestamp"])

    approvals: list[Reply] = [act(service, request) for request in (first, second)]

    assert [reply.outcome for reply in approvals] == [APPROVED, (422, "policy_daily_limit_exceeded")]
    assert state_of(service, second) == "escalated_pending"
    assert act(service, second, "reject").outcome == REJECTED


@pytest.mark.parametrize(
    "name", ["comment", "Reason", "reasons", "hitlRequestID", "timestamp", "", "\u200breason"], ids=ascii
)
def test_a_member_that_nobody_reads_is_declined_and_never_dropped(service: Service, name: str) -> None:
    """A person who writes ``comment`` for ``reason`` used to be answered as if their words were kept."""
    request = escalated(service)

    refused = act(service, request, "reject", **{name: "these words matter"})

    assert refused.outcome == SHAPE
    assert refused.body["requestId"] == request["requestId"]
    assert "these words" not in refused.body["message"]
    assert name == "" or f" {name} " not in refused.body["message"]
    assert state_of(service, request) == "escalated_pending"
    assert act(service, request, "reject", reason="these words matter").status == 200
