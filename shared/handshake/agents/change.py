"""A change of an agent's record: who may make it, what it says, and what becomes of it (contract.md section 12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.agents.standing import AgentRecord, AgentState
from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import GENESIS, number
from handshake.core.reasons import ReasonCode
from handshake.core.text import MAX_ID_LENGTH, has_lone_surrogates, id_fault, is_label
from handshake.trust.identity import ROLE_ADMIN, SCOPE_AGENTS_MANAGE, SCOPE_AGENTS_READ, Envelope

MAX_REASON_LENGTH: Final = 500
MAX_UNTIL_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, which every screen can still write as a date."""
MEMBERS: Final = frozenset({"state", "reason", "owner", "until"})
CHANGED: Final = "changed"
"""The kind of event, in ``event`` of its evidence."""


@dataclass(frozen=True)
class AgentChange:
    """A well-formed change. ``owner`` is None where it stays as it is, "" where there is to be none any more."""

    state: AgentState
    reason: str
    owner: str | None
    until_ms: int | None


@dataclass(frozen=True)
class Actor:
    """Names who changes a record, and by which call, as its evidence names them."""

    principal_id: str
    subject_type: str
    tenant_id: str | None
    correlation_id: str
    signer: str = ""
    gateway_request_id: str = ""


@dataclass(frozen=True)
class Changed:
    """The record as a change leaves it, beside its evidence; ``record.head`` is not set yet: it is that evidence's."""

    record: AgentRecord
    evidence: Mapping[str, Any]


def managed_agent(envelope: Envelope, agent_id: str) -> Agent:
    """Name the agent that the envelope may change by this id: its tenant's, or an admin's without one in all tenants.

    Raises HandshakeError security_scope_missing, or trust_context_invalid_request_shape for what is no id.
    """
    if SCOPE_AGENTS_MANAGE not in envelope.scopes:
        message = f"Changing an agent needs the scope {SCOPE_AGENTS_MANAGE}."
        raise HandshakeError(ReasonCode.SECURITY_SCOPE_MISSING, message)
    if not envelope.tenant_id and ROLE_ADMIN not in envelope.roles:
        message = f"Changing an agent in all tenants needs the role {ROLE_ADMIN}."
        raise HandshakeError(ReasonCode.SECURITY_SCOPE_MISSING, message)
    if fault := id_fault(agent_id):
        raise _bad_shape(f"agentId {fault}.")
    return Agent(agent_id, envelope.tenant_id or None)


def readable_tenant(envelope: Envelope) -> str | None:
    """Name the tenant whose records the envelope may read, None where it may read all.

    Raises HandshakeError security_read_scope_denied.
    """
    if SCOPE_AGENTS_READ not in envelope.scopes:
        message = f"Reading agents needs the scope {SCOPE_AGENTS_READ}."
        raise HandshakeError(ReasonCode.SECURITY_READ_SCOPE_DENIED, message)
    if not envelope.tenant_id and ROLE_ADMIN not in envelope.roles:
        message = f"Reading agents of all tenants needs the role {ROLE_ADMIN}."
        raise HandshakeError(ReasonCode.SECURITY_READ_SCOPE_DENIED, message)
    return envelope.tenant_id or None


def parse_change(body: Any, *, now_ms: int) -> AgentChange:
    """Check the body of a change. Raises HandshakeError trust_context_invalid_request_shape."""
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.")
    if not body.keys() <= MEMBERS:
        # A misspelt until would make a stop of an hour one without an end.
        raise _bad_shape(f"An agent has no other members than {', '.join(sorted(MEMBERS))}.")
    state, reason, owner = body.get("state"), body.get("reason"), body.get("owner")
    if state not in [known.value for known in AgentState]:
        raise _bad_shape(f"state must be one of {', '.join(AgentState)}.")
    if not (isinstance(reason, str) and reason.strip() and len(reason) <= MAX_REASON_LENGTH):
        raise _bad_shape(f"reason must be a string of 1 to {MAX_REASON_LENGTH} characters.")
    if has_lone_surrogates(reason):
        raise _bad_shape("reason is not Unicode text.")
    if not (owner in (None, "") or is_label(owner)):
        raise _bad_shape(f"owner must be a string of at most {MAX_ID_LENGTH} characters.")
    return AgentChange(AgentState(state), reason, owner, _until(body.get("until"), now_ms=now_ms))


def decide_change(
    change: AgentChange, agent: Agent, stored: AgentRecord | None, actor: Actor, *, now_ms: int
) -> Changed:
    """Give what ``change`` makes of the record that ``agent`` has ``stored``, if any, at ``now_ms`` (epoch ms)."""
    owner = stored.owner if change.owner is None and stored else change.owner
    record = AgentRecord(
        agent_id=agent.agent_id,
        tenant_id=agent.tenant_id,
        state=change.state,
        owner=owner or None,
        reason=change.reason,
        until_ms=change.until_ms,
        changed_at_ms=now_ms,
        changed_by=actor.principal_id,
        version=stored.version + 1 if stored else 1,
        head="",
    )
    return Changed(record, evidence_of(record, actor, stored))


def evidence_of(record: AgentRecord, actor: Actor, before: AgentRecord | None) -> dict[str, Any]:
    """Say what set each field of ``record``, by whom, and the digest of what set the record ``before`` it."""
    return {
        "event": CHANGED,
        "version": record.version,
        "agent_id": record.agent_id,
        "tenant_id": record.tenant_id,
        "state": record.state.value,
        "from_state": before.state.value if before else None,
        "owner": record.owner,
        "reason": record.reason,
        "until_ms": record.until_ms,
        "changed_at": record.changed_at_ms,
        "changed_by": record.changed_by,
        "subject_type": actor.subject_type,
        "actor_tenant": actor.tenant_id,
        "correlation_id": actor.correlation_id,
        "signer": actor.signer or None,
        "gateway_request_id": actor.gateway_request_id or None,
        "previous": before.head if before else GENESIS,
    }


def _until(value: Any, *, now_ms: int) -> int | None:
    if value is None:
        return None
    until = number(value)
    if until is None or until != until.to_integral_value() or not now_ms < until <= MAX_UNTIL_MS:
        raise _bad_shape("until must be a time ahead, in epoch milliseconds.")
    return int(until)


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
