"""Rebuilds the record of a request from its evidence: the events of a chain say what sets each field.

What events of earlier releases do not say is taken from the stored record as it is: they have the hash of what was
submitted, and say nothing of the deadline and the spend.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from handshake.core.jsonio import plain_text
from handshake.core.reasons import ReasonCode
from handshake.policy.budgets import Reservation
from handshake.policy.rule_keys import Spend, Trigger
from handshake.policy.verdict import Named
from handshake.requests.action import Action, action_of
from handshake.requests.evidence import EvidenceEvent
from handshake.requests.grant import MAX_LIFETIME_MS, ReportedOutcome
from handshake.requests.record import FIRST_STATE, Claim, Report, RequestRecord, State
from handshake.requests.recording import CLAIMED, CLOSED, DECIDED, ERASED, EXTENDED, LAPSED, REPORTED, REVOKED
from handshake.requests.submission import Submission
from handshake.trust.identity import assured_from


class BrokenEvidenceError(Exception):
    """Evidence does not hold. The message says where."""


class Step(NamedTuple):
    """The record once two events, written together, had set it."""

    record: RequestRecord
    lineage: EvidenceEvent
    audit: EvidenceEvent


def rebuilt(stored: RequestRecord, chained: Sequence[EvidenceEvent]) -> Iterator[Step]:
    """Play a chain's events through: the record after each two that were written together."""
    if not chained or [event.source for event in chained] != ["lineage", "audit"] * (len(chained) // 2):
        raise BrokenEvidenceError(f"{len(chained)} events do not say how the request came to be {stored.state.value}")
    record: RequestRecord | None = None
    for lineage, audit in zip(chained[::2], chained[1::2], strict=True):
        kind = audit.detail.get("event", DECIDED if record is None else CLOSED)
        if lineage.detail.get("event", kind) != kind:
            raise BrokenEvidenceError(f"event {audit.sequence} is of another kind than event {lineage.sequence}")
        if kind == DECIDED and record is None:
            record = _decided(stored, lineage, audit)
        elif kind == CLOSED and record is not None and record.state is State.PENDING:
            record = _closed(record, lineage, audit)
        elif kind == EXTENDED and record is not None:
            record = _extended(record, lineage, audit)
        elif kind == REVOKED and record is not None and _is_revocable(record):
            record = _revoked(record, lineage, audit)
        elif kind == LAPSED and record is not None and record.lapses_at_ms is not None:
            record = _lapsed(record, lineage, audit)
        elif kind == ERASED and record is not None and _is_erasable(record):
            record = _erased(record, lineage, audit)
        elif kind == CLAIMED and record is not None and _is_claimable(record):
            record = _claimed(record, lineage, audit)
        elif kind == REPORTED and record is not None and record.claim is not None and record.report is None:
            record = _reported(record, lineage, audit)
        else:
            was = record.state.value if record else "not there"
            raise BrokenEvidenceError(f"event {audit.sequence} cannot be: the request was {was}")
        if audit.detail["state"] != record.state or audit.detail["decision"] != record.outcome:
            raise BrokenEvidenceError(f"event {audit.sequence} contradicts itself")
        yield Step(record, lineage, audit)


def _decided(stored: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that the first two events say was decided."""
    says = {**lineage.detail, **audit.detail}
    known = stored.submission
    in_full = "event" in audit.detail
    outcome, spend, trigger = says["decision"], says.get("spend"), says.get("escalatedBy")
    action = _action_named(lineage.detail)
    record = RequestRecord(
        submission=Submission(
            request_id=audit.request_id,
            principal_id=says["principalId"],
            agent_id=says["agentId"],
            tenant_id=says["tenantId"],
            action_type=says["actionType"] if in_full else known.action_type,
            payload_ref=says["payloadRef"] if in_full else known.payload_ref,
            timestamp_ms=says["requestTimestamp"] if in_full else known.timestamp_ms,
            facts=says["facts"],
            action=action,
            kept_digest=says["actionDigest"] if action else None,
        ),
        outcome=outcome,
        reason=ReasonCode(audit.reason_code),
        tier=says["tier"],
        state=FIRST_STATE[outcome],
        created_at_ms=audit.timestamp_ms,
        decided_at_ms=audit.timestamp_ms,
        expires_at_ms=says.get("expiresAt") if in_full else stored.expires_at_ms,
        trigger=Trigger(**trigger) if trigger else None,
        spend=(Spend(Decimal(spend["amount"]), Decimal(spend["limit"])) if spend else None)
        if in_full
        else stored.spend,
        reservations=tuple(map(Reservation.of_stored, says.get("reserved", ()))),
        policies=tuple(Named(**named) for named in says.get("decidedBy", ())),
        message=says.get("policyMessage"),
        notify=tuple(says.get("notify", ())),
        synthetic=says.get("synthetic", False) if in_full else stored.synthetic,
        execute_by_ms=says.get("executeBy"),
        bound=says.get("bound", False),
    )
    if record.submission.decision_context_hash != says["decisionContextHash"]:
        raise BrokenEvidenceError("what was submitted has another decisionContextHash than was decided")
    if (record.expires_at_ms is not None) != (record.state is State.PENDING):
        raise BrokenEvidenceError(f"event {audit.sequence} says {outcome}, and of a deadline the contrary")
    return record


def _action_named(detail: Mapping[str, Any]) -> Action | None:
    """Give the action that a decision's lineage names."""
    return action_of({**detail, "arguments": None}) if "operation" in detail else None


def _closed(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say an escalation was closed as."""
    closed = record.resolved(State(audit.detail["state"]), ReasonCode(audit.reason_code), now_ms=audit.timestamp_ms)
    if "executeBy" in audit.detail:  # which an earlier release's approvals do not say
        closed = replace(closed, execute_by_ms=audit.detail["executeBy"], approved_by=audit.detail["actor"])
    if closed.state is not State.EXPIRED:  # who came too late did not close it
        closed = replace(closed, assured=assured_from(audit.detail))
    says = (lineage.detail["from"], lineage.detail["to"], audit.detail["tier"])
    if says != (record.state, closed.state, closed.tier):
        raise BrokenEvidenceError(f"event {audit.sequence} contradicts itself or what was before")
    overdue = record.expires_at_ms is not None and audit.timestamp_ms >= record.expires_at_ms
    if overdue != (closed.state is State.EXPIRED):
        raise BrokenEvidenceError(f"it became {closed.state.value} on the wrong side of its deadline")
    return closed


def _extended(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say an escalation's deadline was moved of."""
    says = (lineage.detail["from"], lineage.detail["extensions"] - 1)
    if says != (record.expires_at_ms, record.extensions):
        raise BrokenEvidenceError(f"event {audit.sequence} contradicts what was before")
    seconds, odd_ms = divmod(lineage.detail["to"] - lineage.detail["from"], 1000)
    extended = record.extended(seconds, now_ms=audit.timestamp_ms)
    if extended is None or odd_ms:
        raise BrokenEvidenceError(f"event {audit.sequence} cannot be: the deadline was not to be moved so")
    return extended


def _revoked(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say was taken back."""
    if lineage.detail["revokedAt"] != audit.timestamp_ms:
        raise BrokenEvidenceError(f"event {audit.sequence} contradicts itself")
    return record.revoked(now_ms=audit.timestamp_ms)


def _lapsed(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say gave something back, because nobody had claimed it in time."""
    amount = plain_text(record.spend.amount) if record.spend else None
    says = (lineage.detail["lapsedAt"], lineage.detail["givenBack"])
    if says != (audit.timestamp_ms, {"day": record.spend_day, "amount": amount}):
        raise BrokenEvidenceError(f"event {audit.sequence} contradicts itself or what was before")
    if record.lapses_at_ms is None or audit.timestamp_ms < record.lapses_at_ms:
        raise BrokenEvidenceError(f"event {audit.sequence} cannot be: there was time to claim it")
    return record.lapsed(now_ms=audit.timestamp_ms)


def _is_erasable(record: RequestRecord) -> bool:
    return record.submission.action is not None and record.state.terminal and record.arguments_erased_at_ms is None


def _erased(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say the arguments were erased of."""
    says = (lineage.detail["erasedAt"], lineage.detail["actionDigest"])
    if says != (audit.timestamp_ms, record.submission.action_digest):
        raise BrokenEvidenceError(f"event {audit.sequence} contradicts itself or what was before")
    return record.arguments_erased(now_ms=audit.timestamp_ms)


def _is_revocable(record: RequestRecord) -> bool:
    return record.state.authorizes and record.revoked_at_ms is None and record.claim is None


def _is_claimable(record: RequestRecord) -> bool:
    return record.claim is None and record.revoked_at_ms is None and record.lapsed_at_ms is None


def _claimed(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say a grant was claimed of."""
    says, at_ms = lineage.detail, audit.timestamp_ms
    until_ms = at_ms + MAX_LIFETIME_MS if record.execute_by_ms is None else record.execute_by_ms
    in_time = at_ms < says["expiresAt"] <= min(until_ms, at_ms + MAX_LIFETIME_MS)
    if not (record.state.authorizes and in_time):
        raise BrokenEvidenceError(f"event {audit.sequence} cannot be: there was nothing to claim")
    if (says["grantId"], says["actionDigest"]) != (record.grant_id, record.submission.action_digest):
        raise BrokenEvidenceError(f"event {audit.sequence} is of another grant")
    return replace(record, claim=Claim(audit.detail["actor"], audit.detail.get("tenantId"), at_ms, says["expiresAt"]))


def _reported(record: RequestRecord, lineage: EvidenceEvent, audit: EvidenceEvent) -> RequestRecord:
    """Make the record that two events say an outcome was reported of, by who had claimed the grant."""
    says = lineage.detail
    outcome = ReportedOutcome(record.request_id, says["outcome"], says.get("resultDigest"), says.get("detail"))
    claimer = (record.claim.principal_id, record.claim.tenant_id) if record.claim else None
    if (says["grantId"], (audit.detail["actor"], audit.detail.get("tenantId"))) != (record.grant_id, claimer):
        raise BrokenEvidenceError(f"event {audit.sequence} is of another grant")
    return replace(record, report=Report(outcome.status, outcome.digest, audit.timestamp_ms))
