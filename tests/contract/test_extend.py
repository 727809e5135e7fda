"""Contract section 13: more time to decide on an escalation."""

import pytest

from tests.support.outcomes import APPROVED, BINDING, REPLAY, SHAPE, UNAUTHORIZED
from tests.support.policies import a_budget
from tests.support.service import (
    Service,
    act,
    apply_policy,
    artifact_in,
    decided,
    escalated,
    extend,
    get,
    human,
    own,
    post,
    submission,
    submit,
    unique,
)
from tests.support.store import let_expire, state_of

EXTENDED = (200, None)
NOT_FOUND = (404, "hitl_request_not_found")
NOT_HUMAN = (403, "security_identity_subject_mismatch")
NOT_EXTENDABLE = (409, "hitl_deadline_not_extendable")


def _deadline(service: Service, request: dict[str, object]) -> int:
    deadline: int = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body[
        "expiresAt"
    ]
    return deadline


def test_an_extension_adds_to_the_deadline_and_says_how_many_are_left(service: Service) -> None:
    request = escalated(service)
    first = _deadline(service, request)

    replies = [extend(service, request, seconds) for seconds in (60, 600, 86_400)]

    later = first + 1000 * 60, first + 1000 * 660, first + 1000 * 87_060
    assert [reply.body for reply in replies] == [
        {"status": "ok", "requestId": request["requestId"], "expiresAt": deadline, "extensionsLeft": left}
        for deadline, left in zip(later, (2, 1, 0), strict=True)
    ]
    assert _deadline(service, request) == later[-1]
    assert extend(service, request, 60).outcome == NOT_EXTENDABLE
    assert _deadline(service, request) == later[-1]
    assert act(service, request).outcome == APPROVED


def test_what_holds_budgets_is_not_extended_by_who_asked_for_it(service: Service) -> None:
    agent = unique("agent")
    assert apply_policy(service, {"scope": "agent", "scopeId": agent, "budgets": [a_budget()]}).status == 200
    request = escalated(service, agentId=agent)
    tenant, resolver = request["tenantId"], {"scopes": ["workflow:resolve"]}
    first = _deadline(service, request)

    for envelope in (own(request), own(request, tenantId=tenant, **resolver)):
        assert extend(service, request, envelope=envelope).outcome == UNAUTHORIZED
    assert _deadline(service, request) == first
    assert extend(service, request, envelope=human("another", tenantId=tenant, **resolver)).outcome == EXTENDED
    assert act(service, request).outcome == APPROVED


def test_the_queue_orders_by_the_deadline_as_it_is_now(service: Service) -> None:
    principal = unique("principal")
    first, second = (escalated(service, principalId=principal) for _ in range(2))

    extend(service, first)

    listed = get(service, "/workflow/decision-room", envelope=human(principal)).body["requests"]
    assert [room["requestId"] for room in listed] == [second["requestId"], first["requestId"]]


def test_an_extension_leaves_evidence_of_who_gave_how_much_and_why(service: Service) -> None:
    request = escalated(service)
    first = _deadline(service, request)

    extend(service, request, 60, reason="they are at lunch")

    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    lineage, audit = (event["payload"] for event in events[-2:])
    assert {lineage["event"], audit["event"]} == {"extended"}
    assert (lineage["from"], lineage["to"], lineage["extensions"]) == (first, first + 60_000, 1)
    assert (audit["actor"], audit["action"], audit["reason"]) == (
        request["principalId"],
        "extend",
        "they are at lunch",
    )
    assert (audit["state"], audit["decision"]) == ("escalated_pending", "escalate")


def test_what_came_too_late_or_is_decided_is_not_extended(service: Service) -> None:
    late, closed = escalated(service), escalated(service)
    let_expire(service, late)
    act(service, closed, "reject")

    assert [extend(service, request).outcome for request in (late, closed)] == [NOT_EXTENDABLE] * 2


def test_only_who_may_approve_extends(service: Service) -> None:
    request = escalated(service)
    resolver = human(unique("resolver"), scopes=["workflow:resolve"], tenantId=request["tenantId"])
    outcomes = {
        "stranger": extend(service, request, envelope=human("stranger")).outcome,
        "machine": extend(service, request, envelope=own(request, subjectType="service")).outcome,
        "another tenant": extend(service, request, envelope=resolver | {"tenantId": "another"}).outcome,
        "resolver": extend(service, request, envelope=resolver).outcome,
    }

    assert outcomes == {
        "stranger": UNAUTHORIZED,
        "machine": NOT_HUMAN,
        "another tenant": UNAUTHORIZED,
        "resolver": EXTENDED,
    }


def test_a_refused_extension_says_why_and_nothing_more_and_leaves_an_event(service: Service) -> None:
    request = escalated(service)

    reply = extend(service, request, envelope=human("stranger"))

    assert reply.body.keys() == {"status", "error", "reasonCode", "responseClass", "message"}
    audited = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body[-1]["payload"]
    assert (audited["event"], audited["action"], audited["actor"]) == ("refused", "extend", "stranger")


def test_what_was_never_escalated_has_no_deadline(service: Service) -> None:
    outcomes = [extend(service, body).outcome for body in (decided(service, "allow"), submission())]

    assert outcomes == [NOT_FOUND] * 2


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("[]", SHAPE),
        ({"seconds": 60}, BINDING),
        ({"requestId": "r", "seconds": 59}, SHAPE),
        ({"requestId": "r", "seconds": 86_401}, SHAPE),
        ({"requestId": "r", "seconds": 60, "until": 1}, SHAPE),
    ],
    ids=str,
)
def test_a_malformed_extension_is_refused(service: Service, body: object, outcome: tuple[int, str]) -> None:
    assert post(service, "/workflow/decision-room/extend", body, envelope=human("p")).outcome == outcome


def test_a_key_extends_once_and_is_then_used_for_everything(service: Service) -> None:
    request, other, key = escalated(service), escalated(service), unique("key")
    resolver = human(unique("resolver"), scopes=["workflow:resolve"], tenantId=request["tenantId"])

    first, again = (extend(service, request, key=key, envelope=resolver) for _ in range(2))

    assert (first.outcome, again.outcome) == (EXTENDED, REPLAY)
    assert _deadline(service, request) == first.body["expiresAt"]
    action = act(service, request, key=key, envelope=resolver)
    assert action.outcome == REPLAY
    pending = submit(service, request).body
    assert action.body["stored"] == {"state": "escalated_pending", "artifact": artifact_in(pending)}
    assert state_of(service, other) == "escalated_pending"
