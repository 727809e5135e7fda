"""Metrics events: what a decision and a denial are counted as."""

from dataclasses import replace

import pytest

from handshake.core.reasons import ReasonCode
from handshake.metrics.events import denial_event
from handshake.requests.decision import Decision
from handshake.requests.record import State
from handshake.requests.recording import decision_event
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.workflow_requests import a_record, a_submission

LATER_MS = NOW_MS + 90_000


def test_an_allowed_action_is_one_terminal_event_of_its_tier() -> None:
    record = a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1), submission=a_submission())

    pseudonym = record.submission.agent.pseudonym
    assert decision_event(record, "decided", event_id="e-1") == an_event(request_id="req-1", agent=pseudonym)


def test_an_escalation_is_not_terminal_and_took_no_time_yet() -> None:
    event = decision_event(a_record(), "decided", event_id="e-1")

    assert (event.decision, event.reason_code, event.reason_family) == ("escalate", "hitl_boundary_escalated", "hitl")
    assert (event.risk_tier, event.is_terminal) == ("high", False)
    assert (event.incident_detected_ms, event.terminal_decision_ms) == (None, None)


@pytest.mark.parametrize(
    ("state", "reason", "decision"),
    [
        (State.APPROVED, ReasonCode.HITL_APPROVED, "allow"),
        (State.REJECTED, ReasonCode.HITL_REJECTED, "deny"),
        (State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, "deny"),
    ],
)
def test_a_closed_escalation_says_when_it_began_and_when_it_ended(
    state: State, reason: ReasonCode, decision: str
) -> None:
    closed = a_record().resolved(state, reason, now_ms=LATER_MS)

    event = decision_event(closed, "closed", event_id="e-2")

    assert (event.decision, event.reason_code, event.is_terminal) == (decision, reason, True)
    assert (event.incident_detected_ms, event.terminal_decision_ms) == (NOW_MS, LATER_MS)
    assert event.timestamp_ms == LATER_MS


@pytest.mark.parametrize(("code", "family"), [("security_replay_detected", "security"), ("of_no_registry", "unknown")])
def test_a_denial_outside_a_decision_counts_as_tier_4(code: str, family: str) -> None:
    event = denial_event(code, event_id="e-1", request_id="r-1", now_ms=NOW_MS)

    assert event == replace(an_event(decision="deny", risk_tier="critical"), reason_code=code, reason_family=family)
