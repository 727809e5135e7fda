"""Contract section 3: the gate before a privileged effect."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.outcomes import SHAPE
from tests.support.service import Reply, Service, act, decided, escalated, post, submission, submit, unique
from tests.support.store import let_expire

MISSING_ARTIFACT = (403, "security_missing_decision_artifact")
NON_ALLOW = (403, "security_non_allow_artifact")
MISMATCH = (409, "security_decision_context_mismatch")
NOT_FOUND = (404, "security_artifact_request_not_found")
NOT_AUTHORIZED = (409, "security_artifact_state_not_authorized")

AUTHORIZED = {
    "status": "ok",
    "allowed": True,
    "reasonCode": "security_artifact_authorized",
    "responseClass": "ok",
}


def _authorize(service: Service, request: Any, artifact: Any) -> Reply:
    return post(service, "/workflow/authorize-execution", {"request": request, "artifact": artifact})


def _artifact(service: Service, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what submitting the request answers, first or again."""
    artifact: dict[str, Any] = submit(service, request).body
    return artifact


@pytest.mark.parametrize("action_type", ["payment", "data_access", "credential_use", "external_call", "other"])
def test_an_allowed_request_is_authorized(service: Service, action_type: str) -> None:
    request = submission(action_type)

    reply = _authorize(service, request, _artifact(service, request))

    assert (reply.status, reply.body) == (200, AUTHORIZED)


def test_an_approved_escalation_is_authorized_and_the_path_closes(service: Service) -> None:
    request = escalated(service)
    pending = _artifact(service, request)
    approved = act(service, request).body["artifact"]

    assert _authorize(service, request, pending).outcome == NON_ALLOW
    assert _authorize(service, request, approved).body == AUTHORIZED
    assert _authorize(service, request, _artifact(service, request)).body == AUTHORIZED


def test_an_execution_can_be_authorized_after_the_minute_of_its_decision(service: Service) -> None:
    request = submission(timestamp=submission()["timestamp"] - 240_000)

    assert _authorize(service, request, _artifact(service, request)).body == AUTHORIZED


@pytest.mark.parametrize("artifact", [None, "", "allow", 1, [], True], ids=repr)
def test_without_an_artifact_nothing_is_authorized(service: Service, artifact: Any) -> None:
    request = decided(service, "allow")

    assert _authorize(service, request, artifact).outcome == MISSING_ARTIFACT


@pytest.mark.parametrize("decision", ["deny", "escalate", "ALLOW", "", None, True, ["allow"]], ids=repr)
def test_an_artifact_must_say_allow(service: Service, decision: Any) -> None:
    request = decided(service, "allow")

    assert _authorize(service, request, _artifact(service, request) | {"decision": decision}).outcome == NON_ALLOW


@pytest.mark.parametrize(
    "changes",
    [
        {"principalId": "another"},
        {"agentId": "another"},
        {"actionType": "other"},
        {"payloadRef": "tool:other"},
        {"context": {"amount": 11}},
        {"context": {"amount": 10, "category": "food"}},
        {"context": {}},
    ],
    ids=str,
)
def test_an_artifact_is_good_for_the_request_it_was_decided_for_only(service: Service, changes: dict[str, Any]) -> None:
    request = submission()
    artifact = _artifact(service, request)

    assert _authorize(service, request | changes, artifact).outcome == MISMATCH


@pytest.mark.parametrize(
    "value",
    [None, "", "ctx_", "ctx_" + "0" * 64, 5, ["ctx"], "é"],
    ids=lambda value: repr(value)[:12],
)
def test_an_artifact_of_another_hash_is_refused(service: Service, value: Any) -> None:
    request = submission()
    artifact = _artifact(service, request) | {"decisionContextHash": value}

    assert _authorize(service, request, artifact).outcome == MISMATCH


def test_a_hash_computed_for_changed_facts_does_not_open_a_decided_request(service: Service) -> None:
    request = submission(context={"amount": 10})
    inflated = request | {"context": {"amount": 99}}
    _artifact(service, request)
    borrowed = _artifact(service, inflated | {"requestId": unique("req")}) | {"requestId": request["requestId"]}

    assert _authorize(service, inflated, borrowed).outcome == MISMATCH


def test_a_request_that_was_never_submitted_is_not_found(service: Service) -> None:
    request = submission()
    twin = request | {"requestId": unique("req")}
    artifact = _artifact(service, twin) | {"requestId": request["requestId"]}

    assert _authorize(service, request, artifact).outcome == NOT_FOUND


def _pending(_service: Service, _request: Mapping[str, Any]) -> None:
    """Nothing happens to it."""


def _reject(service: Service, request: Mapping[str, Any]) -> None:
    assert act(service, request, "reject").status == 200


def _expire(service: Service, request: Mapping[str, Any]) -> None:
    let_expire(service, request)
    assert act(service, request).reason == "hitl_timeout_fail_closed"


@pytest.mark.parametrize("close", [_pending, _reject, _expire])
def test_what_was_not_approved_is_not_authorized_whatever_the_artifact_says(
    service: Service, close: Callable[[Service, Mapping[str, Any]], None]
) -> None:
    request = escalated(service)
    close(service, request)

    assert _authorize(service, request, _artifact(service, request) | {"decision": "allow"}).outcome == NOT_AUTHORIZED


def test_what_was_denied_is_not_authorized(service: Service) -> None:
    request = decided(service, "deny")

    assert _authorize(service, request, _artifact(service, request) | {"decision": "allow"}).outcome == NOT_AUTHORIZED


def test_of_several_faults_the_first_in_the_contracts_order_is_reported(service: Service) -> None:
    denied = decided(service, "deny")
    stored = _artifact(service, denied)
    unknown = submission()

    assert [
        _authorize(service, unknown, None).outcome,
        _authorize(service, unknown, {"decision": "deny", "decisionContextHash": "ctx_0"}).outcome,
        _authorize(service, unknown, {"decision": "allow", "decisionContextHash": "ctx_0"}).outcome,
        _authorize(service, denied, stored | {"decision": "allow", "decisionContextHash": "ctx_0"}).outcome,
        _authorize(service, denied, stored | {"decision": "allow"}).outcome,
    ] == [MISSING_ARTIFACT, NON_ALLOW, MISMATCH, MISMATCH, NOT_AUTHORIZED]


@pytest.mark.parametrize(
    "body",
    ["[]", "null", '"x"', "{", '{"request":null,"artifact":{"decision":"allow"}}', '{"artifact":{"decision":"allow"}}'],
)
def test_a_body_that_names_no_request_is_refused(service: Service, body: str) -> None:
    assert post(service, "/workflow/authorize-execution", body).outcome == SHAPE


@pytest.mark.parametrize("missing", ["requestId", "agentId", "principalId"])
def test_a_request_without_its_ids_is_refused(service: Service, missing: str) -> None:
    request = decided(service, "allow")
    artifact = _artifact(service, request)

    assert _authorize(service, request | {missing: None}, artifact).outcome == (400, "trust_context_missing_binding")


def test_every_refusal_says_that_nothing_is_allowed(service: Service) -> None:
    denied = decided(service, "deny")
    allow = _artifact(service, denied) | {"decision": "allow"}
    calls: list[tuple[Any, Any]] = [
        (denied, None),
        (denied, allow | {"decision": "deny"}),
        (denied, allow | {"decisionContextHash": "x"}),
        (denied, allow),
        (denied | {"requestId": unique("req")}, {**allow, "requestId": None}),
        (None, allow),
    ]

    replies = [_authorize(service, *call) for call in calls]

    assert all(reply.status >= 400 for reply in replies)
    assert [reply.body["allowed"] for reply in replies] == [False] * len(calls)


def test_authorizing_changes_nothing_and_can_be_asked_again(service: Service) -> None:
    request = submission()
    artifact = _artifact(service, request)

    assert [_authorize(service, request, artifact).body for _ in range(3)] == [AUTHORIZED] * 3
    assert _artifact(service, request) == artifact
