"""Records what was decided: the record with its chain moved on, its evidence and its metrics event, to write as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handshake.core.reasons import REGISTRY
from handshake.core.tiers import RISK_TIERS
from handshake.metrics.events import MetricsEvent, denial_event
from handshake.policy.rules import PolicyInForce
from handshake.requests.evidence import Entry, EvidenceEvent, link, refusal_event
from handshake.requests.record import RequestRecord, State


@dataclass(frozen=True)
class Recorded:
    """Everything that one write leaves of a decision on ``record``."""

    record: RequestRecord
    evidence: Sequence[EvidenceEvent]
    event: MetricsEvent


@dataclass(frozen=True)
class RecordedRefusal:
    """Everything that one write leaves of a refused action on ``record``, which it does not change."""

    record: RequestRecord
    evidence: EvidenceEvent
    event: MetricsEvent


def record_decision(record: RequestRecord, policy: PolicyInForce, *, event_id: str, correlation_id: str) -> Recorded:
    """Record a fresh decision, made by ``policy``."""
    submission = record.submission
    lineage = {
        "decisionContextHash": submission.decision_context_hash,
        "facts": dict(submission.facts),
        "policyVersions": _versions(policy),
    }
    audit: dict[str, Any] = {
        "principalId": submission.principal_id,
        "agentId": submission.agent_id,
        "tenantId": submission.tenant_id,
        "decision": record.outcome,
        "tier": record.tier,
        "state": record.state.value,
        "correlationId": correlation_id,
    }
    if record.trigger:
        audit["escalatedBy"] = record.trigger._asdict()
    return _recorded(record, lineage, audit, event_id=event_id)


def record_close(
    seen: RequestRecord, closed: RequestRecord, actor: Mapping[str, Any], *, event_id: str, correlation_id: str
) -> Recorded:
    """Record the end of the escalation that was ``seen``; ``actor`` says in evidence who ended it."""
    lineage = {
        "decisionContextHash": closed.submission.decision_context_hash,
        "from": seen.state.value,
        "to": closed.state.value,
    }
    audit = {
        **actor,
        "decision": closed.outcome,
        "tier": closed.tier,
        "state": closed.state.value,
        "correlationId": correlation_id,
    }
    return _recorded(closed, lineage, audit, event_id=event_id)


def record_refusal(
    record: RequestRecord,
    reason_code: str,
    actor: Mapping[str, Any],
    *,
    now_ms: int,
    event_id: str,
    correlation_id: str,
) -> RecordedRefusal:
    """Record that an action on ``record`` was refused at ``now_ms``, for ``reason_code``."""
    entry = Entry(reason_code, "audit", {**actor, "refused": True, "correlationId": correlation_id})
    request_id = record.request_id
    return RecordedRefusal(
        record,
        refusal_event(record.chain, request_id, entry, event_id=event_id, now_ms=now_ms),
        denial_event(reason_code, event_id=event_id, request_id=request_id, now_ms=now_ms),
    )


def _recorded(
    record: RequestRecord, lineage: Mapping[str, Any], audit: Mapping[str, Any], *, event_id: str
) -> Recorded:
    entries = [Entry(record.reason, "lineage", lineage), Entry(record.reason, "audit", audit)]
    evidence = link(record.chain, record.submission.request_id, entries, now_ms=record.decided_at_ms)
    chained = replace(record, chain=record.chain.extended_by(evidence))
    return Recorded(chained, evidence, decision_event(chained, event_id=event_id))


def _versions(policy: PolicyInForce) -> dict[str, str | None]:
    versions = {"global": policy.global_version, "agent": policy.agent_version}
    if policy.agent_in_tenant_version:
        versions["agentInTenant"] = policy.agent_in_tenant_version
    return versions


def decision_event(record: RequestRecord, *, event_id: str) -> MetricsEvent:
    """The event of the decision that ``record`` now holds.

    A closed escalation says when its incident was detected and when it ended, which is what AIRT measures.
    """
    terminal = record.state is not State.PENDING
    closed_escalation = record.expires_at_ms is not None and terminal
    return MetricsEvent(
        event_id=event_id,
        request_id=record.submission.request_id,
        timestamp_ms=record.decided_at_ms,
        decision=record.outcome,
        reason_code=record.reason.value,
        reason_family=REGISTRY[record.reason].family,
        risk_tier=RISK_TIERS[record.tier],
        is_terminal=terminal,
        incident_detected_ms=record.created_at_ms if closed_escalation else None,
        terminal_decision_ms=record.decided_at_ms if closed_escalation else None,
    )
