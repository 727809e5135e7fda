"""Records what was decided: the record with its chain moved on, its evidence and its metrics event, to write as one.

Evidence says what sets each field of the record, so that verification can hold the record against it: what is added to
a record is added to the event that sets it (``requests.verification`` reads it back).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from handshake.agents.standing import AgentStanding
from handshake.core.jsonio import plain_text
from handshake.core.reasons import REGISTRY
from handshake.core.tiers import RISK_TIERS
from handshake.metrics.events import MetricsEvent, denial_event
from handshake.metrics.shadow_report import Shadowed, shadows_text
from handshake.policy.rules import PolicyInForce
from handshake.requests.action import named_members
from handshake.requests.evidence import Entry, EvidenceEvent, append, event_id_of, refusal_event
from handshake.requests.record import RequestRecord, State

# Kinds of event, in ``event`` of its details.
DECIDED: Final = "decided"
CLOSED: Final = "closed"
REFUSED: Final = "refused"
EXTENDED: Final = "extended"
REVOKED: Final = "revoked"
ERASED: Final = "erased"
LAPSED: Final = "lapsed"
CLAIMED: Final = "claimed"
REPORTED: Final = "reported"
DECISIONS: Final = frozenset({DECIDED, CLOSED})
"""The kinds that metrics count. Of each other kind in a chain, an event that nothing counts is kept as its witness."""


class Origin(NamedTuple):
    """The call or run that something is written by, as evidence names it.

    ``signer`` is the ARN of the role that signed the call and ``gateway_request_id`` API Gateway's name for it, both ""
    where nobody called; ``synthetic`` calls are the release gate's.
    """

    correlation_id: str
    signer: str = ""
    gateway_request_id: str = ""
    synthetic: bool = False

    def detail(self, record: RequestRecord) -> dict[str, Any]:
        """Name the call in the evidence of ``record``."""
        names = {
            "signer": self.signer,
            "gatewayRequestId": self.gateway_request_id,
            "synthetic": self.synthetic or record.synthetic,
        }
        return {"correlationId": self.correlation_id} | {name: value for name, value in names.items() if value}


@dataclass(frozen=True)
class Recorded:
    """Everything that one write, at ``now_ms``, leaves of what became of ``record``.

    ``witness`` says that metrics do not count its ``event``.
    """

    record: RequestRecord
    evidence: Sequence[EvidenceEvent]
    event: MetricsEvent
    now_ms: int
    witness: bool = False


@dataclass(frozen=True)
class RecordedRefusal:
    """Everything that one write leaves of a refused action on ``record``, which it does not change."""

    record: RequestRecord
    evidence: EvidenceEvent
    event: MetricsEvent


def record_decision(
    record: RequestRecord,
    policy: PolicyInForce,
    agent: AgentStanding,
    origin: Origin,
    *,
    tools_version: str | None = None,
    shadows: Sequence[Shadowed] = (),
) -> Recorded:
    """Record a fresh decision, made by ``policy``, by how its ``agent`` stood, and by a version of the tools if any.

    ``shadows`` are what shadows of policies say of it.
    """
    submission = record.submission
    lineage: dict[str, Any] = {
        "facts": dict(submission.facts),
        "actionType": submission.action_type,
        "payloadRef": submission.payload_ref,
        "requestTimestamp": submission.timestamp_ms,
        "policyVersions": policy.versions,
        "agentVersions": agent.versions,
    }
    if tools_version:
        lineage["toolsVersion"] = tools_version
    if submission.action:
        lineage |= {"actionDigest": submission.action_digest, **named_members(submission.action)}
    audit: dict[str, Any] = {
        "principalId": submission.principal_id,
        "agentId": submission.agent_id,
        "tenantId": submission.tenant_id,
        "tier": record.tier,
    }
    if record.expires_at_ms is not None:
        audit |= {"expiresAt": record.expires_at_ms, "listed": True}
    if record.execute_by_ms is not None:
        audit["executeBy"] = record.execute_by_ms
    if record.bound:
        audit["bound"] = True
    if record.trigger:
        audit["escalatedBy"] = record.trigger._asdict()
    if record.spend:
        audit["spend"] = {"amount": plain_text(record.spend.amount), "limit": plain_text(record.spend.daily_limit)}
    if record.reservations:
        audit["reserved"] = [reservation.stored() for reservation in record.reservations]
    if record.policies:
        audit["decidedBy"] = [named._asdict() for named in record.policies]
    if record.message is not None:
        audit["policyMessage"] = record.message
    if record.notify:
        audit["notify"] = list(record.notify)
    return _recorded(record, DECIDED, lineage, audit, origin, now_ms=record.decided_at_ms, shadows=shadows)


def record_close(seen: RequestRecord, closed: RequestRecord, actor: Mapping[str, Any], origin: Origin) -> Recorded:
    """Record the end of the escalation that was ``seen``; ``actor`` says in evidence who ended it."""
    lineage: dict[str, Any] = {"from": seen.state.value, "to": closed.state.value}
    if given_back := [reservation.stored() for reservation in seen.reservations if reservation.held]:
        lineage |= {} if closed.state.authorizes else {"gaveBack": given_back}
    if taken := [reservation.stored() for reservation in seen.reservations if not reservation.held]:
        lineage |= {"reserved": taken} if closed.state.authorizes else {}
    until = {"executeBy": closed.execute_by_ms} if closed.execute_by_ms is not None else {}
    audit = {**actor, "tier": closed.tier, **until, "listed": True}
    return _recorded(closed, CLOSED, lineage, audit, origin, now_ms=closed.decided_at_ms)


def record_extension(
    seen: RequestRecord, extended: RequestRecord, actor: Mapping[str, Any], origin: Origin, *, now_ms: int
) -> Recorded:
    """Record that the deadline of the escalation that was ``seen`` was moved at ``now_ms``, by ``actor``."""
    lineage = {"from": seen.expires_at_ms, "to": extended.expires_at_ms, "extensions": extended.extensions}
    return _recorded(extended, EXTENDED, lineage, actor, origin, now_ms=now_ms)


def record_revocation(revoked: RequestRecord, actor: Mapping[str, Any], origin: Origin, *, now_ms: int) -> Recorded:
    """Record that ``actor`` took back at ``now_ms`` what the request authorized."""
    return _recorded(revoked, REVOKED, {"revokedAt": now_ms}, actor, origin, now_ms=now_ms)


def record_lapse(lapsed: RequestRecord, actor: Mapping[str, Any], origin: Origin, *, now_ms: int) -> Recorded:
    """Record that the request was never claimed, and gave back at ``now_ms`` what it had taken of its day's limit."""
    amount = plain_text(lapsed.spend.amount) if lapsed.spend else None
    lineage: dict[str, Any] = {"lapsedAt": now_ms, "givenBack": {"day": lapsed.spend_day, "amount": amount}}
    if lapsed.reservations:
        lineage["gaveBack"] = [reservation.stored() for reservation in lapsed.reservations]
    return _recorded(lapsed, LAPSED, lineage, actor, origin, now_ms=now_ms)


def record_erasure(erased: RequestRecord, actor: Mapping[str, Any], origin: Origin, *, now_ms: int) -> Recorded:
    """Record that ``actor`` erased the arguments of the request's action at ``now_ms``."""
    lineage = {"erasedAt": now_ms, "actionDigest": erased.submission.action_digest}
    return _recorded(erased, ERASED, lineage, actor, origin, now_ms=now_ms)


def record_claim(
    claimed: RequestRecord, says: Mapping[str, Any], actor: Mapping[str, Any], origin: Origin, *, now_ms: int
) -> Recorded:
    """Record that ``actor`` claimed the request's grant at ``now_ms``; ``says`` is what the grant is of."""
    return _recorded(claimed, CLAIMED, says, actor, origin, now_ms=now_ms)


def record_report(
    reported: RequestRecord, says: Mapping[str, Any], actor: Mapping[str, Any], origin: Origin, *, now_ms: int
) -> Recorded:
    """Record that ``actor`` reported at ``now_ms`` what came of the effect, which is what it ``says``."""
    return _recorded(reported, REPORTED, says, actor, origin, now_ms=now_ms)


def record_refusal(
    record: RequestRecord,
    reason_code: str,
    actor: Mapping[str, Any],
    origin: Origin,
    *,
    now_ms: int,
    event_id: str,
) -> RecordedRefusal:
    """Record that an action on ``record`` was refused at ``now_ms``, for ``reason_code``."""
    shared = _shared(record, REFUSED) | {"decision": "deny"}
    entry = Entry(reason_code, "audit", {**shared, **actor, "refused": True, **origin.detail(record)})
    evidence = refusal_event(record.chain, record.request_id, entry, event_id=event_id, now_ms=now_ms)
    return RecordedRefusal(record, evidence, refusal_metrics(evidence))


def actor_named(detail: Mapping[str, Any]) -> tuple[str, str]:
    """Give the principal and the tenant ("" without one) whom the evidence of an action names."""
    return detail["actor"], detail.get("tenantId") or ""


def _recorded(
    record: RequestRecord,
    kind: str,
    lineage: Mapping[str, Any],
    audit: Mapping[str, Any],
    origin: Origin,
    *,
    now_ms: int,
    shadows: Sequence[Shadowed] = (),
) -> Recorded:
    shared = _shared(record, kind)
    entries = [
        Entry(record.reason, "lineage", {**shared, **lineage}),
        Entry(record.reason, "audit", {**shared, **audit, **origin.detail(record)}),
    ]
    appended = append(record.chain, record.submission.request_id, entries, now_ms=now_ms)
    chained = replace(record, chain=appended.chain)
    event = decision_event(chained, kind, event_id=appended.event_id, now_ms=now_ms, shadows=shadows)
    return Recorded(chained, appended.events, event, now_ms, witness=kind not in DECISIONS)


def _shared(record: RequestRecord, kind: str) -> dict[str, Any]:
    """Give what every event says of ``record`` (contract.md section 3); how a view names it is the view's."""
    return {
        "event": kind,
        "decision": record.outcome,
        "state": record.state.value,
        "decisionContextHash": record.submission.decision_context_hash,
    }


def decision_event(
    record: RequestRecord,
    kind: str,
    *,
    event_id: str,
    now_ms: int | None = None,
    shadows: Sequence[Shadowed] = (),
) -> MetricsEvent:
    """Make the event of the decision that ``record`` now holds, or of what became of it later, at ``now_ms``.

    Evidence of this ``kind`` says so.

    What ``shadows`` say stands in the event alone: it decides nothing, so it is no evidence.
    A submission's counts for its agent. A closed escalation says when its incident was detected and when it ended,
    which is what AIRT measures.
    """
    terminal = record.state is not State.PENDING
    closed_escalation = record.expires_at_ms is not None and terminal
    return MetricsEvent(
        event_id=event_id,
        request_id=record.submission.request_id,
        timestamp_ms=record.decided_at_ms if now_ms is None else now_ms,
        decision=record.outcome,
        reason_code=record.reason.value,
        reason_family=REGISTRY[record.reason].family,
        risk_tier=RISK_TIERS[record.tier],
        is_terminal=terminal,
        incident_detected_ms=record.created_at_ms if closed_escalation else None,
        terminal_decision_ms=record.decided_at_ms if closed_escalation else None,
        agent=record.submission.agent.pseudonym if kind == DECIDED else None,
        shadows=shadows_text(shadows) if shadows else None,
    )


def refusal_metrics(refusal: EvidenceEvent) -> MetricsEvent:
    """Make the event that counts a refused action."""
    return denial_event(
        refusal.reason_code,
        event_id=event_id_of(refusal),
        request_id=refusal.request_id,
        now_ms=refusal.timestamp_ms,
    )
