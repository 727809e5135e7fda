"""Holds evidence to the letter: who, what, by which call, and everything that sets a field of the record."""

from collections.abc import Callable
from typing import Any

import pytest

from handshake.core.errors import Refusal
from handshake.dynamo.context import Context
from handshake.policy.apply import apply_policy
from handshake.policy.change import PolicyChange
from handshake.policy.rules import GLOBAL
from handshake.requests.act import act
from handshake.requests.decision_action import Action, DecisionAction
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.read import read_evidence
from handshake.requests.submit import submit
from handshake.trust.token import TrustClaims
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import TTL_MS, a_submission, an_envelope, context_on

SIGNER = "arn:aws:iam::000000000000:role/caller"
CALL = {"correlationId": "call-1", "signer": SIGNER, "gatewayRequestId": "gateway-1"}
CLAIMS = TrustClaims("jti-1", "handshake-edge", NOW_MS // 1000 + 300, None, None)
EXECUTE_WITHIN_MS = 40_000
Details = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def context(moto_tables: Engine) -> Context:
    """A call that API Gateway admitted."""
    return context_on(moto_tables)._replace(signer=SIGNER, gateway_request_id="gateway-1")


def _submitted(call: Context, action_type: str = "payment", /, **changes: Any) -> str:
    submission = a_submission(action_type, **changes)
    submit(call, submission, escalation_ttl_ms=TTL_MS, execute_within_ms=EXECUTE_WITHIN_MS)
    return submission.decision_context_hash


def _evidence(context: Context) -> Details:
    _, events = read_evidence(context, "req-1", an_envelope())
    return [(event.source, event.reason_code, dict(event.detail)) for event in events]


def _act(context: Context, action: Action, who: str = "alice", **changes: Any) -> object:
    taken = DecisionAction("req-1", None, action, "it is due")
    return act(context, taken, an_envelope(who, **changes), execute_within_ms=EXECUTE_WITHIN_MS)


def test_a_payment_within_every_limit(context: Context) -> None:
    apply_policy(context, PolicyChange(GLOBAL, {"rules": ()}, None, None), envelope=an_envelope(), claims=CLAIMS)
    context_hash = _submitted(context, context={"amount": 10.5, "category": "ops"}, timestamp=NOW_MS - 1)

    shared = {
        "event": "decided",
        "decision": "allow",
        "state": "allowed_terminal",
        "decisionContextHash": context_hash,
    }
    lineage = {
        "facts": {"amount": 10.5, "category": "ops"},
        "actionType": "payment",
        "payloadRef": "tool:do",
        "requestTimestamp": NOW_MS - 1,
        "policyVersions": {"global": "v1", "agent": None},
        "agentVersions": {},
    }
    audit = {
        "principalId": "alice",
        "agentId": "agent-1",
        "tenantId": "tenant-a",
        "tier": 1,
        "executeBy": NOW_MS + EXECUTE_WITHIN_MS,
        "spend": {"amount": "10.5", "limit": "1000"},
    }
    assert _evidence(context) == [
        ("lineage", "policy_allow", shared | lineage),
        ("audit", "policy_allow", shared | audit | CALL),
    ]


def test_an_escalation_has_its_deadline_its_cause_and_what_approving_it_would_spend(context: Context) -> None:
    _submitted(context, context={"amount": 150, "category": "ops"}, tenantId=None)

    _, (_, _, audit) = _evidence(context)

    assert audit == {
        "event": "decided",
        "decision": "escalate",
        "state": "escalated_pending",
        "decisionContextHash": audit["decisionContextHash"],
        "principalId": "alice",
        "agentId": "agent-1",
        "tenantId": None,
        "tier": 3,
        "expiresAt": NOW_MS + TTL_MS,
        "listed": True,
        "escalatedBy": {"rule": "max_transaction", "limit": 100, "value": 150},
        "spend": {"amount": "150", "limit": "1000"},
        **CALL,
    }


def test_a_denial_says_its_tier_and_no_deadline(context: Context) -> None:
    _submitted(context, "data_access", context={"sensitivity": "confidential"})

    [(_, _, lineage), (_, code, audit)] = _evidence(context)

    assert code == "policy_sensitive_scope_denied"
    assert lineage["facts"] == {"sensitivity": "confidential"}
    assert lineage["policyVersions"] == {"global": None, "agent": None}
    assert audit == {
        "event": "decided",
        "decision": "deny",
        "state": "denied_terminal",
        "decisionContextHash": audit["decisionContextHash"],
        "principalId": "alice",
        "agentId": "agent-1",
        "tenantId": "tenant-a",
        "tier": 4,
        **CALL,
    }


@pytest.mark.parametrize(
    ("action", "decision", "state", "code"),
    [
        (Action.APPROVE, "allow", "escalated_approved_terminal", "hitl_approved"),
        (Action.REJECT, "deny", "escalated_rejected_terminal", "hitl_rejected"),
    ],
)
def test_a_closing_action_says_who_took_it_and_what_it_closed(
    context: Context, action: Action, decision: str, state: str, code: str
) -> None:
    context_hash = _submitted(context, context={"amount": 250, "category": "ops"})
    _act(context, action, "bob", scopes=["workflow:resolve"])

    shared = {"event": "closed", "decision": decision, "state": state, "decisionContextHash": context_hash}
    until = {"executeBy": NOW_MS + EXECUTE_WITHIN_MS} if action is Action.APPROVE else {}
    actor = {"actor": "bob", "subjectType": "human", "tenantId": "tenant-a", "reason": "it is due"}
    actor["assurance"] = "issuer_asserted"
    assert _evidence(context)[2:] == [
        ("lineage", code, shared | {"from": "escalated_pending", "to": state}),
        ("audit", code, shared | actor | {"action": action.value, "tier": 4, "listed": True} | until | CALL),
    ]


def test_a_refused_action_says_that_it_was_one_and_by_whom(context: Context) -> None:
    context_hash = _submitted(context, context={"amount": 150, "category": "ops"})
    assert isinstance(_act(context, Action.APPROVE, "mallory", tenantId=None), Refusal)

    assert _evidence(context)[2:] == [
        (
            "audit",
            "hitl_approval_unauthorized",
            {
                "event": "refused",
                "decision": "deny",
                "state": "escalated_pending",
                "decisionContextHash": context_hash,
                "actor": "mallory",
                "subjectType": "human",
                "assurance": "issuer_asserted",
                "action": "approve",
                "reason": "it is due",
                "refused": True,
                **CALL,
            },
        )
    ]


def _too_late(context: Context) -> dict[str, Any]:
    _act(context, Action.APPROVE)
    return {
        "actor": "alice",
        "subjectType": "human",
        "assurance": "issuer_asserted",
        "tenantId": "tenant-a",
        "action": "approve",
        "reason": "it is due",
    }


def _swept(context: Context) -> dict[str, Any]:
    expire_overdue(context)
    return {"actor": "hitl_expiry", "action": "expire"}


@pytest.mark.parametrize("ends", [_too_late, _swept])
def test_an_expiry_says_whose_action_came_too_late_or_that_nobody_acted(
    context: Context, ends: Callable[[Context], dict[str, Any]]
) -> None:
    context_hash = _submitted(context, context={"amount": 150, "category": "ops"})

    actor = ends(context._replace(now_ms=lambda: NOW_MS + TTL_MS))

    shared = {
        "event": "closed",
        "decision": "deny",
        "state": "escalated_expired_terminal",
        "decisionContextHash": context_hash,
    }
    moved = {"from": "escalated_pending", "to": "escalated_expired_terminal"}
    assert _evidence(context)[2:] == [
        ("lineage", "hitl_timeout_fail_closed", shared | moved),
        ("audit", "hitl_timeout_fail_closed", shared | actor | {"tier": 3, "listed": True} | CALL),
    ]


def test_scheduled_work_and_the_release_gate_are_named_as_what_they_are(context: Context) -> None:
    """Nobody signed them, so no signer is named; what is synthetic is said to be."""
    unsigned = context._replace(signer="", gateway_request_id="", synthetic=True)
    _submitted(unsigned, context={"amount": 10, "category": "ops"})

    _, (_, _, audit) = _evidence(context)

    assert {name: audit[name] for name in audit.keys() & {*CALL, "synthetic"}} == {
        "correlationId": "call-1",
        "synthetic": True,
    }


def test_a_synthetic_request_that_a_sweep_closes_is_still_said_to_be_synthetic(context: Context) -> None:
    """The sweep is nobody's synthetic call, and the request that it closes is the release gate's."""
    _submitted(context._replace(synthetic=True), context={"amount": 150, "category": "ops"})

    expire_overdue(context._replace(now_ms=lambda: NOW_MS + TTL_MS))

    assert [detail["synthetic"] for source, _, detail in _evidence(context) if source == "audit"] == [True, True]
