"""The gate before a privileged effect: what is presented, held against itself and against what is stored."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.agents.standing import AgentState
from handshake.core.errors import Refusal, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.requests.decision import Decision
from handshake.requests.execution import decide_execution, parse_presented
from handshake.requests.record import RequestRecord, State
from handshake.requests.submission import Submission
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason, refusal
from tests.support.workflow_requests import ANY_JSON, a_body, a_record, a_submission

MISSING = "security_missing_decision_artifact"
NOT_ALLOWED = "security_non_allow_artifact"
MISMATCH = "security_decision_context_mismatch"
ALLOWED = Decision("allow", ReasonCode.POLICY_ALLOW, 1)
PAUSED = refusal_of(ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED, "Paused.")


def _artifact(**changes: Any) -> dict[str, Any]:
    return a_record(ALLOWED, submission=a_submission()).artifact() | changes


def _presented(artifact: Any, **changes: Any) -> dict[str, Any]:
    return {"request": a_body(**changes), "artifact": artifact}


def _record(state: State) -> RequestRecord:
    pending = a_record()
    return pending.resolved(state, ReasonCode.HITL_APPROVED, now_ms=NOW_MS)


def _decided(presented: Submission, record: RequestRecord | None, *, paused: Refusal | None = None) -> Refusal | None:
    return decide_execution(presented, record, AgentState.ACTIVE, paused=paused, now_ms=NOW_MS)


def _code(told: Refusal | None) -> str | None:
    return told.reason.code if told else None


def test_a_request_with_the_artifact_that_allowed_it_is_let_by() -> None:
    assert parse_presented(_presented(_artifact())) == a_submission()


@pytest.mark.parametrize("artifact", [None, "allow", [], 7, True])
def test_no_artifact_is_missing(artifact: Any) -> None:
    assert reason(lambda: parse_presented(_presented(artifact))) == MISSING
    assert reason(lambda: parse_presented({"request": a_body()})) == MISSING


@pytest.mark.parametrize("decision", ["deny", "escalate", "Allow", None, True, ["allow"]])
def test_an_artifact_that_does_not_allow_is_refused(decision: Any) -> None:
    assert reason(lambda: parse_presented(_presented(_artifact(decision=decision)))) == NOT_ALLOWED


@pytest.mark.parametrize(
    "hash_", [None, "", 7, ["ctx_"], "ctx_" + "0" * 64, "é" * 8, a_submission().decision_context_hash.upper()]
)
def test_an_artifact_with_another_hash_is_refused(hash_: Any) -> None:
    assert reason(lambda: parse_presented(_presented(_artifact(decisionContextHash=hash_)))) == MISMATCH


@pytest.mark.parametrize(
    "changes",
    [
        {"principalId": "mallory"},
        {"agentId": "other"},
        {"payloadRef": "tool:other"},
        {"timestamp": NOW_MS + 60_000},
        {"context": {"amount": 10.01, "category": "ops"}},
        {"context": {"amount": 10, "category": "infra"}},
        {"requestId": "req-2"},
    ],
)
def test_an_artifact_of_another_request_is_refused(changes: dict[str, Any]) -> None:
    assert reason(lambda: parse_presented(_presented(_artifact(), **changes))) == MISMATCH


@pytest.mark.parametrize("request_body", [None, {}, [], "req-1"])
def test_a_malformed_request_is_refused_as_at_submission(request_body: Any) -> None:
    told = refusal(lambda: parse_presented({"request": request_body, "artifact": _artifact()}))

    assert told.reason.code == "trust_context_invalid_request_shape"
    assert told.fields == {"allowed": False}


@given(ANY_JSON | st.fixed_dictionaries({}, optional={"request": ANY_JSON, "artifact": ANY_JSON}))
def test_whatever_is_presented_is_refused_with_a_code(body: Any) -> None:
    told = answer(lambda: parse_presented(body))

    assert isinstance(told, Submission) or told in {
        "trust_context_invalid_request_shape",
        "trust_context_missing_binding",
        MISSING,
        NOT_ALLOWED,
    }


@pytest.mark.parametrize("state", State)
def test_only_what_is_stored_as_allowed_or_approved_authorizes(state: State) -> None:
    told = _decided(_record(state).submission, _record(state))

    assert _code(told) == (
        None if state in {State.ALLOWED, State.APPROVED} else "security_artifact_state_not_authorized"
    )


def test_an_unknown_request_authorizes_nothing() -> None:
    assert _code(_decided(a_submission(), None)) == "security_artifact_request_not_found"


def test_an_artifact_that_agrees_with_itself_but_not_with_the_decision_authorizes_nothing() -> None:
    forged = a_submission(context={"amount": 10_000, "category": "ops"})

    assert _code(_decided(forged, a_record(ALLOWED, submission=a_submission()))) == MISMATCH


@pytest.mark.parametrize(
    "changes",
    [
        {"tenantId": "tenant-b"},
        {"tenantId": None},
        {"context": {"amount": 10, "category": "ops", "maxTransaction": 11}},
    ],
    ids=str,
)
def test_every_fact_that_was_decided_on_is_compared_the_tenant_too(changes: dict[str, Any]) -> None:
    record = a_record(ALLOWED, submission=a_submission())

    assert _code(_decided(a_submission(**changes), record)) == MISMATCH


def test_while_operators_have_paused_effects_nothing_else_is_said() -> None:
    for record in (None, _record(State.DENIED), _record(State.APPROVED)):
        told = _decided(a_submission(), record, paused=PAUSED)
        assert told is not None
        assert (told.reason.code, told.request_id) == ("adapter_privileged_mutations_paused", "req-1")


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ({"privilegedPath": False}, "security_handshake_required_bypass_denied"),
        ({"context": {"amount": 10, "category": "ops", "sideChannelAttempt": True}}, "security_side_channel_denied"),
        ({"context": {"amount": 10, "category": "ops", "directAdapterCall": True}}, "security_side_channel_denied"),
    ],
    ids=str,
)
def test_a_declared_bypass_or_side_channel_has_its_own_code(declared: dict[str, Any], code: str) -> None:
    told = refusal(lambda: parse_presented(_presented(_artifact(), **declared)))

    assert (told.reason.code, told.fields, told.request_id) == (code, {"allowed": False}, "req-1")


def test_every_refusal_says_that_nothing_is_allowed() -> None:
    for body in (None, {}, _presented(_artifact(decision="deny")), _presented(_artifact(decisionContextHash=""))):
        assert refusal(partial(parse_presented, body)).fields == {"allowed": False}
    denied, forged = _record(State.DENIED), a_submission(context={"amount": 10_000, "category": "ops"})
    for told in (
        _decided(a_submission(), None),
        _decided(forged, denied),
        _decided(denied.submission, denied),
        _decided(denied.submission, _record(State.APPROVED), paused=PAUSED),
    ):
        assert told is not None
        assert told.fields == {"allowed": False}
