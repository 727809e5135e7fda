"""Submit an action: read what decides it, decide, and record decision, evidence and event in one write."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from handshake.core.errors import HandshakeError, StoreUnavailableError
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import ConditionFailedError, Item, Write
from handshake.dynamo.context import Context
from handshake.metrics.event_table import counted
from handshake.policy import table as policies
from handshake.policy.rules import GLOBAL, PolicyInForce, Scope
from handshake.requests import table as requests
from handshake.requests.decision import decide, throttle_escalation
from handshake.requests.evidence import Entry
from handshake.requests.record import RequestRecord
from handshake.requests.recording import chained, decision_event
from handshake.requests.submission import Submission

# Each lost race shows what the winner wrote, and five escalations fill a window, so a seventh try cannot
# lose to the same rivals again.
_TRIES: Final = 7


class Submitted(NamedTuple):
    """What a requestId holds, and whether it was ``repeated``: decided by an earlier submission."""

    record: RequestRecord
    repeated: bool


@dataclass(frozen=True)
class _Seen:
    """What the store said that a decision depends on."""

    policy: PolicyInForce
    spent: Decimal
    escalations: requests.Escalations


def submit(context: Context, submission: Submission, *, escalation_ttl_ms: int) -> Submitted:
    """Decide ``submission`` and store it, or give back what its requestId already holds.

    ``escalation_ttl_ms`` is how long an escalation waits for a person. Raises HandshakeError
    security_decision_context_mismatch when the requestId belongs to other facts, StoreUnavailableError when
    the store does not answer.
    """
    workflow = context.tables.workflow
    existing, seen = _read(context, submission)
    if existing:
        return Submitted(_same_request(existing, submission), repeated=True)
    for _ in range(_TRIES):
        now = context.now_ms()
        decision = decide(submission, policy=seen.policy, spent=seen.spent)
        decision = throttle_escalation(decision, seen.escalations.times_ms, now_ms=now)
        record = RequestRecord.decided(submission, decision, now_ms=now, escalation_ttl_ms=escalation_ttl_ms)
        record = replace(record, synthetic=context.synthetic)
        record, evidence = chained(record, _entries(context, record, seen.policy), now_ms=now)
        create = requests.create(workflow, record)
        reserve = _reserve(workflow, record, seen)
        event = decision_event(record, event_id=context.new_id(), now_ms=now)
        try:
            context.dynamo.write(
                create,
                requests.append_evidence(workflow, evidence),
                counted(context, event),
                *reserve,
            )
        except ConditionFailedError as lost:
            winner = requests.record_from(lost.stored(create))
            if winner:
                return Submitted(_same_request(winner, submission), repeated=True)
            seen = _after_lost_race(seen, record, *map(lost.stored, reserve))
        else:
            return Submitted(record, repeated=False)
    raise StoreUnavailableError


def _read(context: Context, submission: Submission) -> tuple[RequestRecord | None, _Seen]:
    workflow, policy = context.tables.workflow, context.tables.policy
    keys = [
        (workflow, requests.state_key(submission.request_id)),
        (workflow, requests.escalations_key(submission.principal_id, submission.agent_id)),
    ]
    if submission.action_type == "payment":
        keys += [
            (workflow, requests.spend_key(submission.agent_id, submission.timestamp_ms)),
            (policy, policies.active_key(GLOBAL)),
            (policy, policies.active_key(Scope("agent", submission.agent_id))),
        ]
    state, escalations, *payment = context.dynamo.batch_get(keys)
    spend, global_policy, agent_policy = payment or (None, None, None)
    return requests.record_from(state), _Seen(
        policies.in_force(global_policy, agent_policy),
        requests.spent(spend),
        requests.Escalations.from_item(escalations),
    )


def _reserve(table: str, record: RequestRecord, seen: _Seen) -> list[Write]:
    """The write that takes the decision's share of a limit: the day's spend, or the escalation window."""
    if record.outcome == "escalate":
        return [requests.add_escalation(table, record.submission, seen.escalations, now_ms=record.decided_at_ms)]
    return [requests.add_spend(table, record.submission, record.spend)] if record.spend else []


def _after_lost_race(seen: _Seen, record: RequestRecord, stored: Item | None = None) -> _Seen:
    """What to decide by after another submission spent, or escalated, first."""
    if record.outcome == "escalate":
        return replace(seen, escalations=requests.Escalations.from_item(stored))
    return replace(seen, spent=requests.spent(stored))


def _same_request(stored: RequestRecord, submission: Submission) -> RequestRecord:
    if stored.submission.facts_digest != submission.facts_digest:
        raise HandshakeError(
            ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
            "This requestId was already submitted with other facts.",
            request_id=submission.request_id,
        )
    return stored


def _entries(context: Context, record: RequestRecord, policy: PolicyInForce) -> list[Entry]:
    submission = record.submission
    lineage = {
        "decisionContextHash": submission.decision_context_hash,
        "facts": dict(submission.facts),
        "policyVersions": {"global": policy.global_version, "agent": policy.agent_version},
    }
    audit: dict[str, Any] = {
        "principalId": submission.principal_id,
        "agentId": submission.agent_id,
        "tenantId": submission.tenant_id,
        "decision": record.outcome,
        "tier": record.tier,
        "state": record.state.value,
        "correlationId": context.correlation_id,
    }
    if record.trigger:
        audit["escalatedBy"] = vars(record.trigger)
    return [Entry(record.reason, "lineage", lineage), Entry(record.reason, "audit", audit)]
