"""Contract section 11: what was allowed or approved is taken back, and what waits is withdrawn by who asked."""

from typing import Any

import pytest

from tests.support.outcomes import APPROVED, BINDING, IMMUTABLE, REPLAY, SHAPE, UNAUTHORIZED
from tests.support.service import (
    Service,
    act,
    artifact_in,
    decided,
    escalated,
    get,
    human,
    own,
    post,
    revoke,
    submission,
    submit,
    unique,
)
from tests.support.store import let_expire, state_of

REVOKED = (200, None)
REJECTED = (200, "hitl_rejected")
NOT_FOUND = (404, "hitl_request_not_found")
NOT_HUMAN = (403, "security_identity_subject_mismatch")
NOT_AUTHORIZED = (409, "security_artifact_state_not_authorized")


def _evidence(service: Service, request: dict[str, Any]) -> list[dict[str, Any]]:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"] for event in events]


def _approved(service: Service) -> dict[str, Any]:
    request = escalated(service)
    assert act(service, request).outcome == APPROVED
    return request


def _allowed(service: Service) -> dict[str, Any]:
    return decided(service, "allow")


@pytest.mark.parametrize(
    ("prepare", "state"),
    [(_approved, "escalated_approved_terminal"), (_allowed, "allowed_terminal")],
    ids=["approved", "allowed"],
)
def test_what_authorizes_is_revoked_and_its_state_stays(service: Service, prepare: Any, state: str) -> None:
    request = prepare(service)

    reply = revoke(service, request, reason="the payee is another")

    assert reply.body.keys() == {"status", "requestId", "state", "revokedAt"}
    assert (reply.status, reply.body["requestId"], reply.body["state"]) == (200, request["requestId"], state)
    lineage, audit = _evidence(service, request)[-2:]
    assert {lineage["event"], audit["event"]} == {"revoked"}
    assert lineage["revokedAt"] == reply.body["revokedAt"]
    assert (audit["actor"], audit["action"], audit["reason"]) == (
        request["principalId"],
        "revoke",
        "the payee is another",
    )
    for path in ("requests", "decision-room"):
        shown = get(service, f"/workflow/{path}/{request['requestId']}", envelope=own(request)).body
        assert (shown["state"], shown["revokedAt"]) == (state, reply.body["revokedAt"])


@pytest.mark.parametrize("prepare", [_approved, _allowed], ids=["approved", "allowed"])
def test_what_is_revoked_authorizes_no_execution(service: Service, prepare: Any) -> None:
    request = prepare(service)
    body = {"request": request, "artifact": artifact_in(submit(service, request).body)}
    before = post(service, "/workflow/authorize-execution", body)

    revoke(service, request)

    after = post(service, "/workflow/authorize-execution", body)
    assert before.outcome == (200, "security_artifact_authorized")
    assert after.outcome == (409, "security_grant_expired")
    assert after.body["allowed"] is False


def test_to_revoke_again_answers_the_same_and_leaves_nothing(service: Service) -> None:
    request = _approved(service)
    first = revoke(service, request)
    evidence = _evidence(service, request)

    assert revoke(service, request, reason="once more").body == first.body
    assert _evidence(service, request) == evidence


def test_there_is_nothing_to_revoke_where_nothing_is_authorized(service: Service) -> None:
    pending, rejected, expired = (escalated(service) for _ in range(3))
    act(service, rejected, "reject")
    let_expire(service, expired)
    requests = [pending, rejected, expired, decided(service, "deny")]

    assert [revoke(service, request).outcome for request in requests] == [NOT_AUTHORIZED] * 4
    assert revoke(service, submission()).outcome == NOT_FOUND
    assert act(service, pending).outcome == APPROVED


def test_only_who_may_approve_revokes(service: Service) -> None:
    request = _approved(service)
    resolver = human(unique("resolver"), scopes=["workflow:resolve"], tenantId=request["tenantId"])
    outcomes = {
        "stranger": revoke(service, request, envelope=human("stranger")).outcome,
        "machine": revoke(service, request, envelope=own(request, subjectType="agent")).outcome,
        "another tenant": revoke(service, request, envelope=resolver | {"tenantId": "another"}).outcome,
        "resolver": revoke(service, request, envelope=resolver).outcome,
    }

    assert outcomes == {
        "stranger": UNAUTHORIZED,
        "machine": NOT_HUMAN,
        "another tenant": UNAUTHORIZED,
        "resolver": REVOKED,
    }


def test_a_refused_revocation_says_why_and_nothing_more_and_leaves_an_event(service: Service) -> None:
    request = _approved(service)

    reply = revoke(service, request, envelope=human("stranger"))

    assert reply.body.keys() == {"status", "error", "reasonCode", "responseClass", "message"}
    audited = _evidence(service, request)[-1]
    assert (audited["event"], audited["action"], audited["actor"]) == ("refused", "revoke", "stranger")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("[]", SHAPE),
        ({"reason": "why"}, BINDING),
        ({"requestId": "r"}, SHAPE),
        ({"requestId": "r", "reason": " "}, SHAPE),
        ({"requestId": "r", "reason": "x" * 501}, SHAPE),
        ({"requestId": "r", "reason": "why", "action": "revoke"}, SHAPE),
    ],
    ids=lambda value: str(value)[:48],
)
def test_a_malformed_revocation_is_refused(service: Service, body: object, outcome: tuple[int, str]) -> None:
    assert post(service, "/workflow/decision-room/revoke", body, envelope=human("p")).outcome == outcome


# -- withdrawing -------------------------------------------------------------------------------------------------


def _agent(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return human(request["agentId"], subjectType="agent", tenantId=request["tenantId"]) | changes


@pytest.mark.parametrize(
    "who",
    [own, lambda request: own(request, subjectType="service"), _agent],
    ids=["its principal", "a machine as its principal", "its agent"],
)
def test_the_requester_withdraws_what_waits_which_ends_it_as_rejected(service: Service, who: Any) -> None:
    request = escalated(service)

    reply = act(service, request, "withdraw", envelope=who(request), reason="not needed")

    assert reply.outcome == REJECTED
    assert (reply.body["decision"], reply.body["artifact"]["decision"]) == ("deny", "deny")
    assert state_of(service, request) == "escalated_rejected_terminal"
    audit = _evidence(service, request)[-1]
    assert (audit["event"], audit["action"], audit["outcome"], audit["reason"]) == (
        "closed",
        "withdraw",
        "withdrawn",
        "not needed",
    )
    assert act(service, request).outcome == IMMUTABLE


def test_nobody_else_withdraws_not_even_who_resolves(service: Service) -> None:
    request = escalated(service)
    others = [
        human(unique("resolver"), scopes=["workflow:resolve"], tenantId=request["tenantId"]),
        _agent(request, tenantId="another"),
        _agent(request, subjectType="human"),
        own(request, tenantId="another"),
        human("stranger"),
    ]

    assert [act(service, request, "withdraw", envelope=other).outcome for other in others] == [UNAUTHORIZED] * 5
    assert state_of(service, request) == "escalated_pending"


def test_a_withdrawal_uses_its_key_up(service: Service) -> None:
    request, other, key = escalated(service), escalated(service), unique("key")
    other = other | {"principalId": request["principalId"]}

    assert act(service, request, "withdraw", key=key).outcome == REJECTED
    again = act(service, request, "withdraw", key=key)
    assert again.outcome == REPLAY
    assert again.body["stored"]["state"] == "escalated_rejected_terminal"


def test_a_withdrawal_that_comes_too_late_expires_it_instead(service: Service) -> None:
    request = escalated(service)
    let_expire(service, request)

    assert act(service, request, "withdraw").outcome == (409, "hitl_timeout_fail_closed")
    audit = _evidence(service, request)[-1]
    assert (audit["state"], audit.get("outcome")) == ("escalated_expired_terminal", None)
