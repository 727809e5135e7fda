"""Paths of the workflow: submissions, decision actions and executions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from functions.hitl_expiry import app as hitl_expiry
from tests.metrics.paths.path import (
    ALLOWED,
    BINDING,
    CONTEXT,
    DENIED,
    ESCALATED,
    EXPIRED,
    PAUSED,
    REPLAY,
    SHAPE,
    SUBJECT,
    TIMESTAMP,
    Counted,
    Path,
    nothing,
    while_paused,
)
from tests.support.service import (
    InProcess,
    act,
    apply_policy,
    decided,
    escalated,
    for_agent,
    human,
    own,
    post,
    submission,
    submit,
    unique,
)
from tests.support.store import let_expire

ACTION: Final = "/workflow/decision-room/action"
AUTHORIZE: Final = "/workflow/authorize-execution"


def _submitted(code: str, words: str, counted: Counted, kind: str = "payment", /, **changes: Any) -> Path:
    return Path(code, words, lambda _: submission(kind, **changes), submit, counted, decides=counted.decision)


def _refused_submission(code: str, words: str, **changes: Any) -> Path:
    return Path(code, words, lambda _: submission(**changes), submit, DENIED)


def _flood(service: InProcess) -> dict[str, Any]:
    request = escalated(service)
    who = {name: request[name] for name in ("agentId", "principalId")}
    for _ in range(4):
        escalated(service, **who)
    return submission(context={"amount": 150}, **who)


SUBMISSIONS: Final = (
    _submitted("policy_allow", "a payment within policy", ALLOWED),
    _submitted("policy_allow", "an action that no policy bounds", ALLOWED, "other"),
    _submitted("policy_daily_limit_exceeded", "a payment over the daily limit", DENIED, context={"amount": 5000}),
    _submitted(
        "policy_category_not_allowed",
        "a payment of a category not allowed",
        DENIED,
        context={"amount": 10, "category": "travel"},
    ),
    Path(
        "policy_outside_allowed_hours",
        "a payment outside the allowed hours",
        lambda service: submission(agentId=_awake_in_another_hour(service)),
        submit,
        DENIED,
        decides="deny",
    ),
    _submitted("policy_invalid_request", "a payment without a readable amount", DENIED, context={"amount": "x"}),
    _submitted(
        "policy_sensitive_scope_denied",
        "access to sensitive data without the scope",
        DENIED,
        "data_access",
        context={"sensitivity": "high"},
    ),
    _submitted("hitl_boundary_escalated", "a payment over the limit", ESCALATED, context={"amount": 150}),
    _submitted(
        "hitl_boundary_escalated",
        "a payment over twice the limit",
        Counted("escalate", "critical", terminal=False),
        context={"amount": 250},
    ),
    _submitted(
        "hitl_sensitive_ambiguous_escalated",
        "access to data of ambiguous sensitivity",
        ESCALATED,
        "data_access",
        context={"sensitivity": "ambiguous"},
    ),
    Path(
        "security_escalation_flood_throttled",
        "a sixth escalation within ten minutes",
        _flood,
        submit,
        DENIED,
        decides="deny",
    ),
    Path(
        "policy_allow",
        "a request that was decided before: its stored result",
        lambda service: decided(service, "allow"),
        submit,
        decides="allow",
    ),
    Path(
        CONTEXT,
        "a requestId that belongs to other facts",
        lambda service: decided(service, "allow") | {"payloadRef": "tool:other"},
        submit,
        DENIED,
    ),
    Path(SHAPE, "a submission that is no JSON", lambda _: "{", submit, DENIED),
    _refused_submission(SHAPE, "a submission of no known action type", actionType="theft"),
    _refused_submission(BINDING, "a submission without agent", agentId=""),
    _refused_submission(TIMESTAMP, "a submission without a readable time", timestamp="now"),
    _refused_submission("trust_context_timestamp_skew_fail_closed", "a submission of another time", timestamp=0),
    _refused_submission(
        "security_handshake_required_bypass_denied", "a submission that opts out", privilegedPath=False
    ),
    _refused_submission(
        "security_side_channel_denied",
        "a submission that declares a side channel",
        context={"sideChannelAttempt": True},
    ),
)


def _awake_in_another_hour(service: InProcess) -> str:
    """An agent that may pay only some hours from now."""
    agent, hour = unique("agent"), service.now_ms() // 3_600_000
    window = f"{(hour + 6) % 24:02d}:00-{(hour + 6) % 24:02d}:30"
    assert apply_policy(service, for_agent(agent, allowed_hours=window)).status == 200
    return agent


def _overdue(service: InProcess) -> dict[str, Any]:
    request = escalated(service)
    let_expire(service, request)
    return request


def _expire(service: InProcess, _: object) -> None:
    with patch.object(hitl_expiry, "process_runtime", return_value=service.runtime):
        assert hitl_expiry.handler(None, None)["expired"] == 1


def _approved(service: InProcess, key: str | None = None) -> dict[str, Any]:
    request = escalated(service)
    assert act(service, request, key=key).status == 200
    return request


def _spent(service: InProcess) -> dict[str, Any]:
    """An escalation whose amount no longer fits what its agent may spend that day."""
    request = escalated(service, context={"amount": 950})
    for _ in range(2):
        decided(service, "allow", agentId=request["agentId"], context={"amount": 90})
    return request


def _acted(code: str, words: str, counted: Counted | None = DENIED, /, **how: Any) -> Path:
    return Path(code, words, escalated, lambda service, request: act(service, request, **how), counted)


ACTIONS: Final = (
    Path("hitl_approved", "an approval", escalated, act, Counted("allow", "high", incident=True), decides="allow"),
    Path(
        "hitl_rejected",
        "a rejection",
        escalated,
        lambda service, request: act(service, request, "reject"),
        EXPIRED,
        decides="deny",
    ),
    Path("hitl_timeout_fail_closed", "an action after the deadline, which expires the request", _overdue, act, EXPIRED),
    Path("hitl_timeout_fail_closed", "the schedule finds the deadline passed", _overdue, _expire, EXPIRED, job=True),
    Path("hitl_terminal_state_immutable", "an action on a closed request", _approved, act, DENIED),
    _acted("hitl_request_mismatch", "an action that names another escalation", hitlRequestId="hitl-other"),
    _acted("hitl_approval_unauthorized", "an action by a stranger", envelope=human("stranger")),
    Path(
        SUBJECT,
        "an approval by a machine",
        escalated,
        lambda service, request: act(service, request, envelope=own(request, subjectType="service")),
        DENIED,
    ),
    Path("policy_daily_limit_exceeded", "an approval that no longer fits the day's spend", _spent, act, DENIED),
    Path(
        REPLAY,
        "an action under a used key",
        lambda service: _approved(service, "k"),
        lambda service, request: act(service, request, key="k"),
        DENIED,
    ),
    Path("hitl_request_not_found", "an action on no escalation", lambda _: submission(), act, DENIED),
    _acted(SHAPE, "an action of no known kind", DENIED, action="postpone"),
    _acted(SHAPE, "an action under a key too long", DENIED, key="k" * 257),
    Path(
        BINDING,
        "an action without requestId",
        nothing,
        lambda service, _: post(service, ACTION, {}, envelope=human("p")),
        DENIED,
    ),
    Path(PAUSED, "an action while mutations are paused", escalated, while_paused(act)),
)


def _allowed(service: InProcess) -> dict[str, Any]:
    request = decided(service, "allow")
    return {"request": request, "artifact": submit(service, request).body}


def _unsubmitted(service: InProcess) -> dict[str, Any]:
    presented = _allowed(service)
    request = presented["request"] | {"requestId": unique("req")}
    return {"request": request, "artifact": presented["artifact"] | {"requestId": request["requestId"]}}


def _denied_as_allowed(service: InProcess) -> dict[str, Any]:
    request = decided(service, "deny")
    return {"request": request, "artifact": submit(service, request).body | {"decision": "allow"}}


def _executed(code: str, words: str, prepare: Callable[[InProcess], Any], counted: Counted | None) -> Path:
    return Path(code, words, prepare, lambda service, body: post(service, AUTHORIZE, body), counted)


def _presented(**changes: Any) -> Callable[[InProcess], dict[str, Any]]:
    def present(service: InProcess) -> dict[str, Any]:
        presented = _allowed(service)
        return presented | {"request": presented["request"] | changes}

    return present


EXECUTIONS: Final = (
    _executed("security_artifact_authorized", "an execution that was allowed", _allowed, None),
    _executed(
        "security_missing_decision_artifact",
        "an execution without artifact",
        lambda s: _allowed(s) | {"artifact": None},
        DENIED,
    ),
    _executed(
        "security_non_allow_artifact",
        "an execution on an artifact that denies",
        lambda s: _allowed(s) | {"artifact": {}},
        DENIED,
    ),
    _executed(CONTEXT, "an execution of something else", _presented(payloadRef="tool:other"), DENIED),
    _executed("security_artifact_request_not_found", "an execution never submitted", _unsubmitted, DENIED),
    _executed("security_artifact_state_not_authorized", "an execution of a denied request", _denied_as_allowed, DENIED),
    _executed(
        "security_handshake_required_bypass_denied",
        "an execution past the handshake",
        _presented(privilegedPath=False),
        DENIED,
    ),
    _executed(
        "security_side_channel_denied",
        "an execution by a side channel",
        _presented(context={"amount": 10, "category": "ops", "sideChannelAttempt": True}),
        DENIED,
    ),
    Path(
        PAUSED,
        "an execution while mutations are paused",
        _allowed,
        while_paused(lambda service, body: post(service, AUTHORIZE, body)),
    ),
    Path(
        "security_grant_required",
        "an execution without a grant, where ActionBinding is required",
        _allowed,
        lambda service, body: post(replace(service, settings={"binds_actions": True}), AUTHORIZE, body),
        DENIED,
    ),
    _executed(SHAPE, "an execution that is no JSON", lambda _: "nonsense", None),
    _executed(BINDING, "an execution without agent", _presented(agentId=""), None),
    _executed(TIMESTAMP, "an execution without a readable time", _presented(timestamp="now"), None),
)
