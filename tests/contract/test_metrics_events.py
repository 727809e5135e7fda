"""Contract section 5: every decision and every security denial becomes an event, and nobody has to post it."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.clients import FAULTS
from tests.support.endpoints import failing
from tests.support.outcomes import GUARD
from tests.support.service import (
    InProcess,
    Reply,
    Service,
    act,
    apply_policy,
    decided,
    escalated,
    for_agent,
    get,
    human,
    own,
    post,
    submission,
    submit,
    token,
    unique,
)
from tests.support.store import events_about, let_expire


def _seen(service: Service, request_id: str) -> list[tuple[str, str, str, bool]]:
    """Decision, reason, risk tier and whether terminal, of each event about a request, oldest first."""
    events = sorted(events_about(service, request_id), key=lambda event: event["timestamp_ms"])
    return [(event["decision"], event["reason_code"], event["risk_tier"], event["is_terminal"]) for event in events]


@pytest.mark.parametrize(
    ("context", "event"),
    [
        ({"amount": 10}, ("allow", "policy_allow", "low", True)),
        ({"amount": 5000}, ("deny", "policy_daily_limit_exceeded", "critical", True)),
        ({"amount": 150}, ("escalate", "hitl_boundary_escalated", "high", False)),
        ({"amount": 250}, ("escalate", "hitl_boundary_escalated", "critical", False)),
        ({"amount": "x"}, ("deny", "policy_invalid_request", "critical", True)),
    ],
    ids=str,
)
def test_every_decision_becomes_one_event(
    service: Service, context: dict[str, Any], event: tuple[str, str, str, bool]
) -> None:
    body = submission(context=context)

    submit(service, body)

    assert _seen(service, body["requestId"]) == [event]


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("approve", ("allow", "hitl_approved", "high", True)),
        ("reject", ("deny", "hitl_rejected", "high", True)),
    ],
    ids=["approve", "reject"],
)
def test_the_end_of_an_escalation_becomes_an_event_that_says_how_long_it_took(
    service: Service, action: str, event: tuple[str, str, str, bool]
) -> None:
    request = escalated(service)

    act(service, request, action)

    assert _seen(service, request["requestId"]) == [("escalate", "hitl_boundary_escalated", "high", False), event]
    [end] = [kept for kept in events_about(service, request["requestId"]) if kept["is_terminal"]]
    assert end["incident_detected_ms"] <= end["terminal_decision_ms"] == end["timestamp_ms"]


def test_an_expiry_becomes_an_event(service: Service) -> None:
    request = escalated(service)
    let_expire(service, request)

    act(service, request)

    assert _seen(service, request["requestId"])[1:] == [("deny", "hitl_timeout_fail_closed", "high", True)]


Deny = Callable[[Service, str], str]


def _correlated(send: Callable[..., Reply]) -> Deny:
    """A refusal that concerns no request, so its event is found by its correlation id."""

    def deny(service: Service, correlation_id: str) -> str:
        assert send(service, {"x-correlation-id": correlation_id}).status >= 400
        return correlation_id

    return deny


def _refused_read(service: Service, _: str) -> str:
    request = decided(service, "allow")
    path = f"/workflow/requests/{request['requestId']}"
    assert get(service, path, envelope=human("stranger", scopes=["workflow:read:tenant"])).status == 403
    return str(request["requestId"])


def _refused_submission(service: Service, _: str) -> str:
    body = submission(privilegedPath=False)
    assert submit(service, body).status == 403
    return str(body["requestId"])


def _malformed_submission(service: Service, _: str) -> str:
    body = submission(agentId=None)
    assert submit(service, body).status == 400
    return str(body["requestId"])


def _refused_execution(service: Service, _: str) -> str:
    request = decided(service, "deny")
    body = {"request": request, "artifact": submit(service, request).body | {"decision": "allow"}}
    assert post(service, "/workflow/authorize-execution", body).status == 409
    return str(request["requestId"])


def _machine_approval(service: Service, _: str) -> str:
    request = escalated(service)
    assert act(service, request, envelope=own(request, subjectType="agent")).status == 403
    return str(request["requestId"])


def _replay(service: Service, _: str) -> str:
    request = escalated(service)
    assert [act(service, request, key="k").status for _ in range(2)] == [200, 409]
    return str(request["requestId"])


def _used_token(service: Service, headers: Mapping[str, str]) -> Reply:
    shown = token(service)
    agent = unique("agent")
    apply_policy(service, for_agent(agent, max_transaction=1), token=shown)
    return apply_policy(service, for_agent(agent, max_transaction=1), token=shown, headers=headers)


ACTION = "/workflow/decision-room/action"

DENIALS: Mapping[str, tuple[Deny, str]] = {
    "no envelope": (
        _correlated(lambda service, headers: get(service, "/workflow/requests/r", headers=headers)),
        "security_missing_identity_envelope",
    ),
    "bad envelope": (
        _correlated(lambda service, headers: get(service, "/workflow/evidence/r", envelope="{}", headers=headers)),
        "security_invalid_identity_envelope",
    ),
    "no token": (
        _correlated(lambda service, headers: apply_policy(service, {}, token=None, headers=headers)),
        "security_missing_internal_trust_context",
    ),
    "bad token": (
        _correlated(lambda service, headers: apply_policy(service, {}, token="x.y.z", headers=headers)),
        "security_invalid_internal_trust_context",
    ),
    "used token": (_correlated(_used_token), "security_replay_detected"),
    "refused read": (_refused_read, "security_read_tenant_mismatch"),
    "refused submission": (_refused_submission, "security_handshake_required_bypass_denied"),
    "malformed submission": (_malformed_submission, "trust_context_missing_binding"),
    "malformed action": (
        _correlated(lambda service, headers: post(service, ACTION, {}, envelope=human("p"), headers=headers)),
        "trust_context_missing_binding",
    ),
    "refused execution": (_refused_execution, "security_artifact_state_not_authorized"),
    "machine approval": (_machine_approval, "security_identity_subject_mismatch"),
    "replayed action": (_replay, "security_replay_detected"),
}


@pytest.mark.parametrize(("deny", "code"), DENIALS.values(), ids=DENIALS)
def test_every_denial_outside_a_decision_becomes_one_event_of_tier_4(service: Service, deny: Deny, code: str) -> None:
    about = deny(service, uuid.uuid4().hex)

    [event] = [event for event in events_about(service, about) if event["reason_code"] == code]

    assert (event["decision"], event["risk_tier"]) == ("deny", "critical")
    assert code.startswith(event["reason_family"])


def test_no_event_holds_more_of_a_person_than_the_request_it_is_about(service: Service) -> None:
    request = escalated(service)
    act(service, request, envelope=human("stranger"))
    act(service, request, "reject", reason="because of somebody")

    stored = str(events_about(service, request["requestId"]))

    assert "hitl_rejected" in stored
    assert not any(word in stored for word in (request["principalId"], request["tenantId"], "stranger", "somebody"))


@pytest.mark.parametrize("table", ["replay_guards", "runtime_kv", "workflow"])
def test_a_replay_guard_that_cannot_be_consulted_becomes_an_event(alone: InProcess, table: str) -> None:
    request = escalated(alone)
    headers = {"x-idempotency-key": "k", "x-correlation-id": "mine"}
    down = failing(alone, FAULTS["no answer"], tables=[getattr(alone.tables, table)])

    reply = post(
        down, ACTION, {"requestId": request["requestId"], "action": "approve"}, envelope=own(request), headers=headers
    )

    assert reply.outcome == GUARD
    assert [event["reason_code"] for event in events_about(alone, "mine")] == ["security_replay_guard_unavailable"]
