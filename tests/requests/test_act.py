"""An action on an escalation: what it uses up, what it leaves alone, and what kind of request it may be on."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.outcomes import APPROVED, REPLAY
from tests.support.service import InProcess, act, submit
from tests.support.store import events_about, kept
from tests.support.workflow_requests import TTL_MS, a_body

TIMED_OUT = (409, "hitl_timeout_fail_closed")


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    """The service, at NOW_MS."""
    return InProcess(*moto_tables, now_ms=lambda: NOW_MS)


def _escalated(service: InProcess, request_id: str = "req-1", **changes: Any) -> dict[str, Any]:
    body = a_body(**{"requestId": request_id, "context": {"amount": 150}, **changes})
    assert submit(service, body).body["decision"] == "escalate"
    return body


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_an_action_that_comes_too_late_does_not_use_up_its_key(service: InProcess, action: str) -> None:
    late = replace(service, now_ms=lambda: NOW_MS + TTL_MS)
    first = _escalated(service)
    second = _escalated(late, "req-2", timestamp=NOW_MS + TTL_MS)

    assert act(late, first, action, key="key").outcome == TIMED_OUT

    assert kept(service, service.tables.replay_guards) == []
    assert act(late, second, key="key").outcome == APPROVED
    assert act(late, second, key="key").outcome == REPLAY


def test_an_escalation_that_is_no_payment_is_approved_and_spends_nothing(service: InProcess) -> None:
    body = a_body("data_access", context={"sensitivity": "ambiguous"})
    assert submit(service, body).reason == "hitl_sensitive_ambiguous_escalated"

    approved = act(service, body)

    assert approved.outcome == APPROVED
    assert approved.body["artifact"]["decision"] == "allow"
    assert submit(service, body).body["state"] == "escalated_approved_terminal"
    assert not [item for item in kept(service, service.tables.workflow) if item["pk"].startswith("SPEND#")]


def test_an_action_on_a_request_that_is_not_there_is_counted_as_one_on_that_request(service: InProcess) -> None:
    assert act(service, {"requestId": "nowhere", "principalId": "alice"}).outcome == (404, "hitl_request_not_found")

    [event] = events_about(service, "nowhere")
    assert event["reason_code"] == "hitl_request_not_found"
