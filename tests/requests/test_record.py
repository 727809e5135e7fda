"""A request's record: its states, and what callers see of it."""

from decimal import Decimal
from typing import get_args

import pytest

from handshake.core.reasons import ReasonCode
from handshake.core.tiers import Outcome
from handshake.policy.rule_keys import Spend, Trigger
from handshake.requests.decision import Decision
from handshake.requests.record import RequestRecord, State
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import TTL_MS, a_record, a_submission

LATER_MS = NOW_MS + 1000
CLOSED = [
    (State.APPROVED, ReasonCode.HITL_APPROVED, "allow"),
    (State.REJECTED, ReasonCode.HITL_REJECTED, "deny"),
    (State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, "deny"),
]
DECIDED = [
    ("allow", ReasonCode.POLICY_ALLOW, 1, State.ALLOWED),
    ("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4, State.DENIED),
    ("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 3, State.PENDING),
]


def _decided(outcome: Outcome) -> RequestRecord:
    reason, tier = next((reason, tier) for name, reason, tier, _ in DECIDED if name == outcome)
    return a_record(Decision(outcome, reason, tier), submission=a_submission())


def test_the_states_are_the_contracts() -> None:
    assert {state.value for state in State} == {
        "allowed_terminal",
        "denied_terminal",
        "escalated_pending",
        "escalated_approved_terminal",
        "escalated_rejected_terminal",
        "escalated_expired_terminal",
    }


@pytest.mark.parametrize("state", State)
def test_every_state_but_pending_is_terminal_as_its_name_says(state: State) -> None:
    assert state.terminal == state.value.endswith("_terminal") == (state is not State.PENDING)
    assert state.authorizes == (state in {State.ALLOWED, State.APPROVED})


@pytest.mark.parametrize(("outcome", "reason", "tier", "state"), DECIDED)
def test_a_decision_puts_a_request_in_its_first_state(
    outcome: Outcome, reason: ReasonCode, tier: int, state: State
) -> None:
    record = _decided(outcome)

    assert (record.state, record.outcome, record.reason, record.tier) == (state, outcome, reason, tier)
    assert record.created_at_ms == record.decided_at_ms == NOW_MS


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_only_an_escalation_has_a_room_and_a_deadline(outcome: Outcome) -> None:
    record, escalated = _decided(outcome), outcome == "escalate"

    assert record.hitl_request_id == ("hitl_req-1" if escalated else None)
    assert record.expires_at_ms == (NOW_MS + TTL_MS if escalated else None)
    assert ("hitlRequestId" in record.result_view(NOW_MS)) == escalated
    assert ("hitlRequestId" in record.status_view(NOW_MS)) == escalated
    assert ("expiresAt" in record.room_view()) == escalated


@pytest.mark.parametrize(("state", "reason", "outcome"), CLOSED)
def test_a_closed_escalation_keeps_what_it_was_and_says_how_it_ended(
    state: State, reason: ReasonCode, outcome: Outcome
) -> None:
    pending = a_record()

    closed = pending.resolved(state, reason, now_ms=LATER_MS)

    assert (closed.state, closed.reason, closed.outcome, closed.decided_at_ms) == (state, reason, outcome, LATER_MS)
    assert (closed.submission, closed.tier, closed.trigger, closed.spend) == (
        pending.submission,
        pending.tier,
        pending.trigger,
        pending.spend,
    )
    assert (closed.created_at_ms, closed.expires_at_ms) == (NOW_MS, NOW_MS + TTL_MS)
    assert closed.hitl_request_id == pending.hitl_request_id


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_a_result_has_the_contracts_fields(outcome: Outcome) -> None:
    expected = {
        "requestId",
        "decision",
        "reasonCode",
        "tier",
        "timestamp",
        "decisionContextHash",
        "responseClass",
        "state",
        "requestTimestamp",
        "actionDigest",
    }
    optional = {"allow": {"txnId"}, "escalate": {"hitlRequestId", "pollAfterMs"}, "deny": set[str]()}[outcome]

    assert _decided(outcome).result_view(NOW_MS).keys() == expected | optional


def test_a_transaction_is_named_exactly_when_something_is_allowed() -> None:
    pending = a_record()
    approved = pending.resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=LATER_MS)
    rejected = pending.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=LATER_MS)

    assert approved.artifact()["txnId"] == "txn_req-1"
    assert "txnId" not in pending.artifact()
    assert "txnId" not in rejected.artifact()


@pytest.mark.parametrize(
    ("outcome", "response_class"), [("allow", "ok"), ("deny", "blocked"), ("escalate", "retryable")]
)
def test_an_artifact_carries_the_class_of_its_reason(outcome: Outcome, response_class: str) -> None:
    assert _decided(outcome).artifact()["responseClass"] == response_class


def test_a_status_says_who_asked_for_what_and_where_it_stands() -> None:
    record = a_record()

    assert record.status_view(NOW_MS) == {
        "requestId": "req-1",
        "principalId": "alice",
        "agentId": "agent-1",
        "actionType": "payment",
        "payloadRef": "tool:do",
        "requestTimestamp": NOW_MS,
        "actionDigest": record.submission.action_digest,
        "state": "escalated_pending",
        "terminal": False,
        "decisionContextHash": record.submission.decision_context_hash,
        "artifact": record.artifact(),
        "hitlRequestId": "hitl_req-1",
        "pollAfterMs": 1000,
    }


def test_a_room_shows_what_is_being_approved_and_why_it_waits() -> None:
    record = a_record()

    assert record.room_view() | {"artifact": None} == {
        "requestId": "req-1",
        "agentId": "agent-1",
        "principalId": "alice",
        "riskTier": "high",
        "reasonFamily": "hitl",
        "artifact": None,
        "state": "escalated_pending",
        "actionType": "payment",
        "payloadRef": "tool:do",
        "requestTimestamp": NOW_MS,
        "requestedAt": NOW_MS,
        "actionDigest": record.submission.action_digest,
        "hitlRequestId": "hitl_req-1",
        "expiresAt": NOW_MS + TTL_MS,
        "amount": 150,
        "category": "ops",
        "escalatedBy": {"rule": "max_transaction", "limit": 100, "value": 150},
    }


@pytest.mark.parametrize("offset_ms", [-1, 0, 1, 10**9])
def test_readers_see_an_escalation_expired_from_its_deadline_on_whether_or_not_it_was_swept(offset_ms: int) -> None:
    pending, now_ms = a_record(), NOW_MS + TTL_MS + offset_ms

    seen = pending.as_of(now_ms)

    if offset_ms < 0:
        assert seen is pending
        return
    assert seen == pending.expired(NOW_MS + TTL_MS)
    assert (seen.state, seen.outcome, seen.reason) == (State.EXPIRED, "deny", ReasonCode.HITL_TIMEOUT_FAIL_CLOSED)
    assert pending.state is State.PENDING


@pytest.mark.parametrize(("state", "reason", "outcome"), CLOSED)
def test_what_was_closed_is_seen_as_it_was_closed_whenever_it_is_read(
    state: State, reason: ReasonCode, outcome: Outcome
) -> None:
    closed = a_record().resolved(state, reason, now_ms=LATER_MS)

    assert closed.as_of(NOW_MS + 10 * TTL_MS) is closed
    assert closed.outcome == outcome


@pytest.mark.parametrize(("tier", "name"), [(0, "low"), (1, "low"), (2, "medium"), (3, "high"), (4, "critical")])
def test_a_room_names_the_risk_of_its_tier(tier: int, name: str) -> None:
    decision = Decision(
        "escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, tier, Trigger("r", 1, 2), Spend(Decimal(1), Decimal(2))
    )

    assert a_record(decision).room_view()["riskTier"] == name
