"""Tests what the client sends and gets, against the service's own handlers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from handshake.trust.token import Binding
from handshake_rail import Envelope, HandshakeError, execution_of, models
from tests.sdk.conftest import Connect
from tests.sdk.doubles import Script, ok
from tests.support.service import InProcess, human, rules, submission, token, unique


def _payment(amount: float) -> models.Submission:
    return cast("models.Submission", submission(context={"amount": amount, "category": "ops"}))


def _of(request: Mapping[str, Any]) -> Envelope:
    return cast("Envelope", human(request["principalId"]))


def test_an_escalation_is_approved_and_authorized(connect: Connect, service: InProcess) -> None:
    request = _payment(150)
    client = connect(service, envelope=_of(request))

    decided = client.submit_request(request)
    room = client.get_decision_room(request["requestId"])
    done = client.resolve_request({"requestId": request["requestId"], "action": "approve"})
    authorized = client.authorize_execution({"request": request, "artifact": done["artifact"]})

    assert (decided["decision"], room["riskTier"], done["reasonCode"]) == ("escalate", "high", "hitl_approved")
    assert authorized["allowed"] is True
    assert client.get_request(request["requestId"])["state"] == "escalated_approved_terminal"
    assert [event["payload"]["sequence"] for event in client.get_evidence(request["requestId"])] == [1, 2, 3, 4]


@pytest.mark.parametrize("read", ["submit again", "request", "room"])
def test_a_request_that_was_submitted_again_with_a_fresh_timestamp_can_be_executed(
    connect: Connect, service: InProcess, read: str
) -> None:
    request = _payment(150)
    client = connect(service, envelope=_of(request))
    client.submit_request({**request, "timestamp": request["timestamp"] - 120_000})
    client.resolve_request({"requestId": request["requestId"], "action": "approve"})

    reads: dict[str, Callable[[], Any]] = {
        "submit again": lambda: client.submit_request(request),
        "request": lambda: client.get_request(request["requestId"]),
        "room": lambda: client.get_decision_room(request["requestId"]),
    }
    decided = reads[read]()

    assert client.authorize_execution(execution_of(request, decided))["allowed"] is True
    with pytest.raises(HandshakeError, match="security_decision_context_mismatch"):
        client.authorize_execution({"request": request, "artifact": decided.get("artifact", decided)})


def test_a_denial_is_an_answer(connect: Connect, service: InProcess) -> None:
    assert connect(service).submit_request(_payment(5000))["reasonCode"] == "policy_daily_limit_exceeded"


def test_a_refusal_is_the_one_exception(connect: Connect, service: InProcess) -> None:
    request = _payment(150)
    client = connect(service, envelope=_of(request))
    client.submit_request(request)
    stranger: Envelope = {"principalId": "stranger", "subjectType": "human"}

    with pytest.raises(HandshakeError) as refused:
        client.resolve_request(
            {"requestId": request["requestId"], "action": "approve"}, envelope=stranger, correlation_id="call-7"
        )

    error = refused.value
    assert (error.reason_code, error.status) == ("hitl_approval_unauthorized", 403)
    assert (error.response_class, error.retry) == ("blocked", "retry_after_remediation")
    assert (error.retryable, error.attempts, error.family) == (False, 1, "hitl")
    assert error.correlation_id == "call-7"
    assert (error.fields["requestId"], error.fields["decision"]) == (request["requestId"], "deny")
    assert "reasonCode" not in error.fields
    assert "call-7" in str(error)


def test_a_policy_is_applied_with_a_token_of_its_own_each_time(connect: Connect, service: InProcess) -> None:
    minted: list[str] = []

    def mint() -> str:
        minted.append(token(service))
        return minted[-1]

    agent = unique("agent")
    client = connect(service, envelope=human("operator"), trust_token=mint)
    change = cast("models.PolicyChange", {"scope": "agent", "scopeId": agent, "rules": rules(max_transaction=7)})

    versions = [client.apply_policy(change)["policyVersion"] for _ in range(2)]
    stored = client.list_policy_versions(scope="agent", scope_id=agent, limit=1)

    assert (versions, len(set(minted))) == (["v1", "v2"], 2)
    assert [version["policyVersion"] for version in stored["versions"]] == ["v2"]
    assert client.get_policy_config(scope="agent", scope_id=agent)["rules"][0]["value"] == 7


def test_a_token_can_be_bound_to_the_body_that_is_sent(connect: Connect, service: InProcess) -> None:
    strict = replace(service, settings={"stack": "here", "binds_tokens": True})
    bodies: list[bytes] = []

    def mint(body: bytes) -> str:
        bodies.append(body)
        return token(strict, binding=Binding.to(body, "here"))

    agent = unique("agent")
    client = connect(strict, envelope=human("operator"), bound_token=mint, trust_token=lambda: token(strict))
    change = cast("models.PolicyChange", {"scope": "agent", "scopeId": agent, "rules": rules(max_transaction=7)})

    assert client.apply_policy(change)["policyVersion"] == "v1"
    assert [json.loads(body)["scopeId"] for body in bodies] == [agent]


def test_a_submitter_goes_with_submissions_and_executions_and_with_nothing_else(
    connect: Connect, service: InProcess
) -> None:
    strict = replace(service, settings={"needs_submitter": True})
    body = cast("models.Submission", submission())
    client = connect(strict, submitter=human(body["principalId"]), envelope=human(body["principalId"]))

    decision = client.submit_request(body)
    artifact = cast("models.PresentedArtifact", decision)
    assert client.authorize_execution({"request": body, "artifact": artifact})["allowed"] is True

    script = Script([ok({})])
    client = connect(script, submitter=human("submitter"), envelope=human("ana"))
    client.submit_request(_payment(1))
    client.get_request("one")
    client.get_metrics_summary()
    sent = [json.loads(one or "{}").get("principalId") for one in script.sent("x-identity-envelope")]
    assert sent == ["submitter", "ana", None]


def test_a_token_and_an_envelope_go_only_where_they_are_needed(connect: Connect) -> None:
    script = Script([ok({})])
    client = connect(script, envelope=human("ana"), trust_token=lambda: "minted")
    change: models.PolicyChange = {"scope": "global", "policyVersion": "v1"}

    client.submit_request(_payment(1))
    client.get_request("one")
    client.apply_policy(change)
    client.apply_policy(change, envelope=cast("Envelope", human("ben")), trust_token="given")

    assert script.sent("x-internal-trust-context") == [None, None, "minted", "given"]
    assert [json.loads(one or "{}").get("principalId") for one in script.sent("x-identity-envelope")] == [
        None,
        "ana",
        "ana",
        "ben",
    ]


def test_a_key_is_made_for_a_decision_action_unless_given(connect: Connect) -> None:
    script = Script([ok({})])
    client = connect(script)
    action: models.DecisionAction = {"requestId": "one", "action": "reject"}

    client.resolve_request(action)
    client.resolve_request(action)
    client.resolve_request(action, idempotency_key="mine")
    client.get_request("one")

    made, again, mine, none = script.sent("x-idempotency-key")
    assert made
    assert again
    assert made != again
    assert (mine, none) == ("mine", None)


def test_every_call_has_a_correlation_id(connect: Connect) -> None:
    script = Script([ok({})])
    client = connect(script)

    client.get_metrics_summary()
    client.get_metrics_summary(correlation_id="mine")

    made, mine = script.sent("x-correlation-id")
    assert made
    assert mine == "mine"
