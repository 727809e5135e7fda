"""Evidence says who did what, on which request and how it ended: the members that a reader of it relies on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from handshake.requests.expire_overdue import expire_overdue
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, act, get, own, submit
from tests.support.workflow_requests import TTL_MS, a_body

OVER_LIMIT: dict[str, Any] = {"amount": 150, "category": "Infra"}
WHO = {"principalId": "alice", "agentId": "agent-1", "tenantId": "tenant-a"}
ALICE = {"actor": "alice", "subjectType": "human", "tenantId": "tenant-a"}

Payloads = Sequence[Mapping[str, Any]]


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    """The service, at NOW_MS."""
    return InProcess(*moto_tables, now_ms=lambda: NOW_MS)


def _submitted(service: InProcess, action_type: str = "payment", **context: Any) -> dict[str, Any]:
    body = a_body(action_type, context=context)
    assert submit(service, body).status == 200
    return body


def _payloads(service: InProcess, body: Mapping[str, Any]) -> Payloads:
    path = f"/workflow/evidence/{body['requestId']}"
    return [event["payload"] for event in get(service, path, envelope=own(body)).body]


def _assert_says(payload: Mapping[str, Any], **members: Any) -> None:
    assert {name: payload.get(name) for name in members} == members


@pytest.mark.parametrize(
    ("context", "decision", "tier", "state"),
    [
        ({"amount": 10}, "allow", 1, "allowed_terminal"),
        (OVER_LIMIT, "escalate", 3, "escalated_pending"),
        ({"amount": 250}, "escalate", 4, "escalated_pending"),
        ({"amount": 5000}, "deny", 4, "denied_terminal"),
    ],
)
def test_a_decision_says_for_whom_it_was_made_how_it_ended_and_how_grave_it_was(
    service: InProcess, context: dict[str, Any], decision: str, tier: int, state: str
) -> None:
    body = _submitted(service, **context)

    lineage, audit = _payloads(service, body)

    _assert_says(audit, source="audit", **WHO, decision=decision, tier=tier, state=state)
    _assert_says(lineage, source="lineage", facts={"category": "ops"} | context | _folded(context))


def _folded(context: Mapping[str, Any]) -> dict[str, Any]:
    return {"category": context["category"].lower()} if "category" in context else {}


def test_a_decision_names_what_decided_it_and_the_call_it_came_with(service: InProcess) -> None:
    body = a_body(context=OVER_LIMIT)
    answer = submit(service, body)

    lineage, audit = _payloads(service, body)

    _assert_says(audit, correlationId=answer.headers["x-correlation-id"])
    _assert_says(audit, escalatedBy={"rule": "max_transaction", "limit": 100, "value": 150})
    _assert_says(lineage, decisionContextHash=answer.body["decisionContextHash"])
    _assert_says(lineage, policyVersions={"global": None, "agent": None})


def test_what_was_not_escalated_names_no_rule_that_escalated_it(service: InProcess) -> None:
    assert not any("escalatedBy" in payload for payload in _payloads(service, _submitted(service, amount=10)))


@pytest.mark.parametrize(
    ("action", "meant", "decision", "state"),
    [
        ("approve", "approve", "allow", "escalated_approved_terminal"),
        ("reject", "reject", "deny", "escalated_rejected_terminal"),
        ("deny", "reject", "deny", "escalated_rejected_terminal"),
    ],
)
@pytest.mark.parametrize(("context", "tier"), [(OVER_LIMIT, 3), ({"amount": 250}, 4)])
def test_a_closed_escalation_says_who_closed_it_by_what_action_in_which_words_and_how_it_ended(
    service: InProcess, *, action: str, meant: str, decision: str, state: str, context: dict[str, Any], tier: int
) -> None:
    body = _submitted(service, **context)
    envelope = own(body, tenantId="tenant-a")
    closed = act(service, body, action, envelope=envelope, reason="as agreed").body

    *_, lineage, audit = _payloads(service, body)

    _assert_says(audit, source="audit", **ALICE, action=meant, reason="as agreed", correlationId=_last_call(service))
    _assert_says(audit, decision=decision, tier=tier, state=state, refused=None)
    assert lineage["source"] == "lineage"
    assert {"escalated_pending", state} <= set(map(str, lineage.values()))
    assert lineage["decisionContextHash"] == closed["artifact"]["decisionContextHash"]


def _last_call(service: InProcess) -> str:
    """Return the correlation id that the metrics event of the last decision has."""
    events = service.dynamodb.scan(TableName=service.tables.metrics)["Items"]
    [last] = [event for event in events if event["reason_code"]["S"] in {"hitl_approved", "hitl_rejected"}]
    correlation_id: str = last["correlation_id"]["S"]
    return correlation_id


@pytest.mark.parametrize(
    ("action", "envelope", "code"),
    [
        ("approve", {"subjectType": "agent"}, "security_identity_subject_mismatch"),
        ("reject", {"principalId": "mallory"}, "hitl_approval_unauthorized"),
    ],
)
def test_a_refused_action_says_that_it_was_refused_and_who_tried_what(
    service: InProcess, action: str, envelope: dict[str, Any], code: str
) -> None:
    body = _submitted(service, **OVER_LIMIT)
    who = own(body, tenantId="tenant-a", **envelope)
    reply = act(service, body, action, envelope=who, reason="because")
    assert reply.reason == code

    *_, audit = _payloads(service, body)

    named = {"actor": who["principalId"], "subjectType": who["subjectType"], "tenantId": "tenant-a"}
    _assert_says(audit, source="audit", refused=True, **named, action=action, reason="because")
    _assert_says(audit, correlationId=reply.headers["x-correlation-id"])


def test_an_action_that_came_too_late_is_named_by_what_it_tried_on_what_expired(service: InProcess) -> None:
    body = _submitted(service, **OVER_LIMIT)
    late = replace(service, now_ms=lambda: NOW_MS + TTL_MS)
    act(late, body, envelope=own(body, tenantId="tenant-a"))

    *_, audit = _payloads(late, body)

    _assert_says(audit, **ALICE, action="approve", decision="deny", tier=3, state="escalated_expired_terminal")


def test_what_the_sweep_expired_names_the_sweep(service: InProcess) -> None:
    body = _submitted(service, **OVER_LIMIT)
    late = replace(service, now_ms=lambda: NOW_MS + TTL_MS)
    assert expire_overdue(late.context).expired == 1

    *_, audit = _payloads(late, body)

    _assert_says(audit, actor="hitl_expiry", action="expire", decision="deny", tier=3)
    _assert_says(audit, state="escalated_expired_terminal", refused=None)
