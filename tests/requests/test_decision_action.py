"""Decision actions: what they may say, and who may do what to which escalation."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.requests.decision import Decision
from handshake.requests.decision_action import (
    DecisionAction,
    ensure_authority,
    ensure_open,
    is_overdue,
    over_daily_limit,
    parse_action,
    parse_idempotency_key,
    replayed,
    timed_out,
)
from handshake.requests.record import RequestRecord, State
from handshake.trust.identity import Envelope
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason, refusal
from tests.support.workflow_requests import ANY_JSON, TTL_MS, a_record, a_submission, an_envelope

SHAPE = "trust_context_invalid_request_shape"
BINDING = "trust_context_missing_binding"
NOT_FOUND = "hitl_request_not_found"
SUBJECT = "security_identity_subject_mismatch"
UNAUTHORIZED = "hitl_approval_unauthorized"
TERMINAL = "hitl_terminal_state_immutable"
MISMATCH = "hitl_request_mismatch"
NOT_TEXT: list[Any] = [7, True, [], {}]
BODY = {"requestId": "req-1", "action": "approve"}
APPROVE, REJECT = DecisionAction("req-1", None, "approve", None), DecisionAction("req-1", None, "reject", None)


def _told(attempt: Callable[[], object]) -> str | None:
    told = answer(attempt)
    return told if isinstance(told, str) else None


def _closed(state: State) -> RequestRecord:
    return a_record().resolved(state, ReasonCode.HITL_REJECTED, now_ms=NOW_MS)


# -- the body ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "meant", "state", "code"),
    [
        ("approve", "approve", State.APPROVED, "hitl_approved"),
        ("reject", "reject", State.REJECTED, "hitl_rejected"),
        ("deny", "reject", State.REJECTED, "hitl_rejected"),
    ],
)
def test_an_action_is_approve_reject_or_deny_which_means_reject(
    action: str, meant: str, state: State, code: str
) -> None:
    parsed = parse_action(BODY | {"action": action})

    assert (parsed.action, parsed.state, parsed.reason_code) == (meant, state, code)


@pytest.mark.parametrize("action", [None, "", "Approve", "approve ", "allow", True, ["approve"], {"approve": 1}])
def test_any_other_action_is_a_matter_of_shape(action: Any) -> None:
    assert reason(lambda: parse_action(BODY | {"action": action})) == SHAPE


@pytest.mark.parametrize("request_id", [None, "", "  "])
def test_an_action_on_no_request_is_a_missing_binding_before_anything_else(request_id: Any) -> None:
    assert reason(lambda: parse_action({"requestId": request_id, "action": "explode", "reason": 7})) == BINDING


@pytest.mark.parametrize(
    "changes",
    [
        *[{"requestId": value} for value in (7, "a\x00", "a" * 257, ["req-1"])],
        *[{"hitlRequestId": value} for value in NOT_TEXT],
        *[{"reason": value} for value in (*NOT_TEXT, "x" * 501)],
    ],
)
def test_fields_of_another_type_or_length_are_a_matter_of_shape(changes: dict[str, Any]) -> None:
    assert reason(lambda: parse_action(BODY | changes)) == SHAPE


def test_a_reason_has_up_to_500_characters_and_an_empty_one_is_none() -> None:
    assert parse_action(BODY | {"reason": "é" * 500}).reason == "é" * 500
    assert parse_action(BODY | {"reason": ""}).reason is None
    assert parse_action(BODY).reason is None


@given(ANY_JSON | st.fixed_dictionaries({}, optional=dict.fromkeys((*BODY, "hitlRequestId", "reason"), ANY_JSON)))
def test_any_body_is_an_action_or_refused_with_the_contracts_fields(body: Any) -> None:
    try:
        parse_action(body)
    except HandshakeError as refused:
        told = refused
    else:
        return
    assert told.reason.code in {SHAPE, BINDING}
    assert told.fields.keys() == {"requestId", "decision", "artifact"}
    assert (told.fields["decision"], told.fields["artifact"]) == ("deny", None)


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (256, True), (257, False)])
def test_an_idempotency_key_has_1_to_256_characters(length: int, taken: bool) -> None:  # noqa: FBT001 - a case
    assert answer(lambda: parse_idempotency_key("k" * length)) == ("k" * length if taken else SHAPE)
    assert parse_idempotency_key(None) is None


# -- authority --------------------------------------------------------------------------------------------------

ENVELOPES: list[Envelope] = [
    an_envelope(principal, tenantId=tenant, scopes=scopes, subjectType=kind)
    for principal, tenant, scopes, kind in product(
        ("alice", "bob"),
        (None, "tenant-a", "tenant-b"),
        ([], ["workflow:resolve"], ["workflow:read:any"]),
        ("human", "service", "agent"),
    )
]


def _contract(action: DecisionAction, envelope: Envelope) -> str | None:
    if action is APPROVE and envelope.subject_type != "human":
        return SUBJECT
    own = envelope.principal_id == "alice"
    of_tenant = "workflow:resolve" in envelope.scopes and envelope.tenant_id == "tenant-a"
    return None if own or of_tenant else UNAUTHORIZED


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_authority_is_the_contracts_for_every_envelope(action: DecisionAction) -> None:
    for envelope in ENVELOPES:
        told = _told(lambda envelope=envelope: ensure_authority(action, a_record(), envelope))  # type: ignore[misc]
        assert told == _contract(action, envelope), envelope


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_a_request_without_a_tenant_is_resolved_by_its_own_principal_only(action: DecisionAction) -> None:
    record = a_record(submission=a_submission(tenantId=None, context={"amount": 150}))
    resolver = an_envelope("bob", tenantId=None, scopes=["workflow:resolve"])

    assert ensure_authority(action, record, an_envelope("alice")) is record
    assert reason(lambda: ensure_authority(action, record, resolver)) == UNAUTHORIZED


def test_a_request_that_is_unknown_or_was_never_escalated_is_not_found() -> None:
    allowed = a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1))

    for record in (None, allowed):
        told = refusal(lambda record=record: ensure_authority(REJECT, record, an_envelope("alice")))  # type: ignore[misc]
        assert told.reason.code == NOT_FOUND
        assert told.fields == {"requestId": "req-1", "decision": "deny", "artifact": None}


def test_whoever_has_no_authority_learns_nothing_of_the_request() -> None:
    for action, envelope in product((APPROVE, REJECT), ENVELOPES):
        if envelope.principal_id == "alice" or "workflow:resolve" in envelope.scopes:
            continue
        told = refusal(lambda pair=(action, envelope): ensure_authority(pair[0], a_record(), pair[1]))  # type: ignore[misc]
        assert told.fields == {"requestId": "req-1", "decision": "deny", "artifact": None}


def test_an_agent_that_may_see_the_request_is_told_how_it_stands_when_it_cannot_approve() -> None:
    record = a_record()

    told = refusal(lambda: ensure_authority(APPROVE, record, an_envelope("alice", subjectType="agent")))

    assert told.fields == {"requestId": "req-1", "decision": "escalate", "artifact": record.artifact()}


# -- the state --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_only_a_pending_request_is_open_and_a_terminal_one_never_again(action: DecisionAction, state: State) -> None:
    assert _told(lambda: ensure_open(action, _closed(state))) == (None if state is State.PENDING else TERMINAL)


@pytest.mark.parametrize("state", State)
def test_a_wrong_hitl_request_id_is_told_before_the_state(state: State) -> None:
    wrong, right = (DecisionAction("req-1", name, "approve", None) for name in ("hitl_other", "hitl_req-1"))

    assert reason(lambda: ensure_open(wrong, _closed(state))) == MISMATCH
    assert _told(lambda: ensure_open(right, _closed(state))) == (None if state is State.PENDING else TERMINAL)


@pytest.mark.parametrize(("offset_ms", "overdue"), [(-1, False), (0, True), (1, True)])
def test_an_escalation_is_overdue_from_its_deadline_on(offset_ms: int, overdue: bool) -> None:  # noqa: FBT001 - a case
    deadline_ms = NOW_MS + TTL_MS

    assert is_overdue(a_record(), now_ms=deadline_ms + offset_ms) == overdue
    assert not is_overdue(_closed(State.APPROVED), now_ms=deadline_ms + offset_ms)


def test_the_refusals_that_come_after_the_checks_carry_how_the_request_stands() -> None:
    record = a_record()
    told = {"requestId": "req-1", "decision": "escalate", "artifact": record.artifact()}

    assert (over_daily_limit(record).reason.code, over_daily_limit(record).fields) == (
        "policy_daily_limit_exceeded",
        told,
    )
    assert (timed_out(record).reason.code, timed_out(record).fields) == ("hitl_timeout_fail_closed", told)
    assert (replayed(record, {"decision": "allow"}).reason.code, replayed(record, {"decision": "allow"}).fields) == (
        "security_replay_detected",
        {"decision": "allow"},
    )
