"""Contract section 1: the registry of codes, and the one shape of every error."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from handshake.core.reasons import FAMILIES, REGISTRY, REGISTRY_VERSION, describe
from tests.support.outcomes import STATUS_OF
from tests.support.service import (
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
from tests.support.store import paused

OK = {"policy_allow", "hitl_approved", "security_artifact_authorized"}
MENDABLE = {
    "security_missing_identity_envelope",
    "security_missing_internal_trust_context",
    "security_internal_trust_context_expired",
}


def _class_in_words(code: str) -> str:
    if code in OK:
        return "ok"
    if code.startswith("adapter_") or (code.startswith("hitl_") and code.endswith("_escalated")):
        return "retryable"
    return "blocked"


def _advice_in_words(code: str) -> str:
    if code in MENDABLE:
        return "retry_after_remediation"
    if code.startswith(("security_", "hitl_terminal_state_")) or code == "hitl_deadline_not_extendable":
        return "do_not_retry"
    return "retry_with_backoff" if code.startswith("adapter_") else "retry_after_remediation"


def test_the_registry_holds_the_codes_of_the_table_and_no_others() -> None:
    assert {code: row.status for code, row in REGISTRY.items()} == STATUS_OF


@pytest.mark.parametrize("code", STATUS_OF)
def test_family_class_and_retry_advice_follow_from_the_code(code: str) -> None:
    row = REGISTRY[code]

    assert row.code == code
    assert code.startswith(f"{row.family}_")
    assert row.response_class == _class_in_words(code)
    assert row.retry == _advice_in_words(code)


def test_the_registry_names_its_schema_and_its_families() -> None:
    assert REGISTRY_VERSION == "v2"
    assert set(FAMILIES) == {"trust_context", "security", "policy", "hitl", "adapter"}


def test_a_code_outside_the_registry_is_unknown_and_not_retried() -> None:
    row = describe("metrics_were_bad")

    assert (row.family, row.response_class, row.retry) == ("unknown", "unknown", "do_not_retry")


Refuse = Callable[[Service], Reply]


def _stranger_reads(service: Service) -> Reply:
    request = decided(service, "allow")
    return get(service, f"/workflow/requests/{request['requestId']}", envelope=human("somebody else"))


def _other_facts(service: Service) -> Reply:
    request = decided(service, "allow")
    return submit(service, request | {"payloadRef": "tool:other"})


def _authorize_without_artifact(service: Service) -> Reply:
    return post(service, "/workflow/authorize-execution", {"request": submission()})


def _approve_while_paused(service: Service) -> Reply:
    request = escalated(service)
    with paused(service):
        return act(service, request)


def _apply_while_paused(service: Service) -> Reply:
    with paused(service):
        return apply_policy(service, for_agent(unique("agent"), max_transaction=1))


REFUSALS: Mapping[str, tuple[str, Refuse, set[str]]] = {
    "read without envelope": (
        "security_missing_identity_envelope",
        lambda service: get(service, "/workflow/requests/r"),
        set(),
    ),
    "read of nothing": (
        "hitl_request_not_found",
        lambda service: get(service, f"/workflow/requests/{unique('req')}", envelope=human("anybody")),
        set(),
    ),
    "read out of scope": ("security_read_scope_denied", _stranger_reads, set()),
    "queue with a bad limit": (
        "trust_context_invalid_request_shape",
        lambda service: get(service, "/workflow/decision-room?limit=0", envelope=human("anybody")),
        set(),
    ),
    "submission without agent": (
        "trust_context_missing_binding",
        lambda service: submit(service, submission(agentId="")),
        {"requestId", "decision", "tier", "decisionContextHash", "state"},
    ),
    "submission that is not JSON": (
        "trust_context_invalid_request_shape",
        lambda service: submit(service, "{"),
        {"requestId", "decision", "tier", "decisionContextHash", "state"},
    ),
    "submission under a taken id": ("security_decision_context_mismatch", _other_facts, set()),
    "action that is not JSON": (
        "trust_context_invalid_request_shape",
        lambda service: post(service, "/workflow/decision-room/action", "[", envelope=human("anybody")),
        {"requestId", "decision", "artifact"},
    ),
    "action on nothing": (
        "hitl_request_not_found",
        lambda service: act(service, submission()),
        {"requestId", "decision", "artifact"},
    ),
    "action by a machine": (
        "security_identity_subject_mismatch",
        lambda service: act(service, request := escalated(service), envelope=own(request, subjectType="service")),
        {"requestId", "decision", "artifact", "stored"},
    ),
    "action while paused": ("adapter_privileged_mutations_paused", _approve_while_paused, set()),
    "execution without artifact": (
        "security_missing_decision_artifact",
        _authorize_without_artifact,
        {"allowed"},
    ),
    "execution that is not JSON": (
        "trust_context_invalid_request_shape",
        lambda service: post(service, "/workflow/authorize-execution", "nonsense"),
        {"allowed"},
    ),
    "apply without token": (
        "security_missing_internal_trust_context",
        lambda service: apply_policy(service, {}, token=None),
        set(),
    ),
    "apply with another's token": (
        "security_identity_subject_mismatch",
        lambda service: apply_policy(service, {}, token=token(service, principal_id="somebody else")),
        set(),
    ),
    "apply without meaning": (
        "policy_invalid_policy",
        lambda service: apply_policy(service, for_agent("agent", colour="red")),
        set(),
    ),
    "apply of no known version": (
        "policy_version_not_found",
        lambda service: apply_policy(service, {"scope": "agent", "scopeId": unique("agent"), "policyVersion": "v1"}),
        set(),
    ),
    "apply while paused": ("adapter_privileged_mutations_paused", _apply_while_paused, set()),
    "policy of no scope": (
        "trust_context_invalid_request_shape",
        lambda service: get(service, "/policy/config?scope="),
        set(),
    ),
    "simulation of no agent": (
        "trust_context_missing_binding",
        lambda service: post(service, "/policy/simulate", {"scope": "agent", "rules": []}),
        set(),
    ),
}


@pytest.mark.parametrize(("code", "refuse", "added"), REFUSALS.values(), ids=REFUSALS)
def test_an_error_has_its_status_its_shape_and_only_the_fields_its_endpoint_adds(
    service: Service, code: str, refuse: Refuse, added: set[str]
) -> None:
    reply = refuse(service)

    assert reply.status == STATUS_OF[code]
    common = {name: reply.body[name] for name in ("status", "error", "reasonCode", "responseClass")}
    assert common == {
        "status": "error",
        "error": code,
        "reasonCode": code,
        "responseClass": _class_in_words(code),
    }
    assert isinstance(reply.body["message"], str)
    assert reply.body["message"]
    assert reply.body.keys() == {*common, "message", *added}
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("refuse", [_approve_while_paused, _apply_while_paused], ids=["action", "apply"])
def test_an_adapter_error_says_when_to_come_back(service: Service, refuse: Refuse) -> None:
    assert int(refuse(service).headers["retry-after"]) >= 1


def test_a_refusal_that_no_retry_gets_past_names_no_time_to_come_back(service: Service) -> None:
    assert "retry-after" not in _stranger_reads(service).headers


@pytest.mark.parametrize(
    ("code", "ask"),
    {
        "summary": ("invalid_metric_query", lambda service: get(service, "/metrics/summary?window=1y")),
        "series": ("invalid_metric_query", lambda service: get(service, "/metrics/series?metric=luck")),
        "project": ("invalid_metrics_event", lambda service: post(service, "/metrics/project", {})),
    }.values(),
    ids=["summary", "series", "project"],
)
def test_metrics_have_two_codes_of_their_own_which_are_no_decision_reasons(
    service: Service, code: str, ask: Refuse
) -> None:
    reply = ask(service)

    assert (reply.status, reply.body["error"], reply.body["responseClass"]) == (400, code, "blocked")
    assert code not in REGISTRY


@pytest.mark.parametrize(
    "body",
    {
        "a key given twice": '{"scope":"global","scope":"agent","rules":[]}',
        "NaN": '{"scope":"global","rules":[{"id":"1","key":"max_transaction","value":NaN}]}',
        "Infinity": '{"scope":"global","rules":[{"id":"1","key":"max_transaction","value":-Infinity}]}',
        "a lone surrogate": '{"scope":"global","rules":"\\ud800"}',
        "too deep": '{"scope":"global","rules":' + "[" * 40 + "]" * 40 + "}",
        "far too deep": "[" * 20_000 + "]" * 20_000,
        "too long": '{"scope":"global","rules":"' + "x" * 70_000 + '"}',
        "nothing": "",
        "two documents": "{}{}",
        "single quotes": "{'scope':'global'}",
    }.values(),
    ids=lambda body: body[:24],
)
def test_a_body_that_parsers_could_read_two_ways_is_refused(service: Service, body: Any) -> None:
    assert post(service, "/policy/simulate", body).outcome == (400, "trust_context_invalid_request_shape")
