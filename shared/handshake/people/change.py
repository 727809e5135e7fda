"""A change of a person's record: what it says, whether it can be made, and what becomes of the record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import GENESIS
from handshake.core.reasons import ReasonCode
from handshake.core.text import has_lone_surrogates, id_fault
from handshake.people.standing import SCOPES, Identity, PersonRecord, PersonState

MAX_REASON_LENGTH: Final = 500
CHANGED: Final = "changed"
"""The kind of event, in ``event`` of its evidence."""


@dataclass(frozen=True)
class Grant:
    """Gives a person a record, or another in place of the one that they have: what they are called and may do."""

    principal_id: str
    tenant_id: str | None
    scopes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Switch:
    """Disables a person, enables them again, or removes them; what their record says else stays."""

    state: PersonState
    reason: str


@dataclass(frozen=True)
class Actor:
    """Names the operator who changes a record, and the run that it was changed by."""

    principal_id: str
    correlation_id: str


@dataclass(frozen=True)
class Changed:
    """The record as a change leaves it, beside its evidence; ``record.head`` is not set yet: it is that evidence's."""

    record: PersonRecord
    evidence: Mapping[str, Any]


def checked_grant(principal_id: str, tenant_id: str | None, scopes: tuple[str, ...], reason: str) -> Grant:
    """Check what a record is to say. Raises HandshakeError trust_context_invalid_request_shape."""
    for name, value in (("principal", principal_id), ("tenant", tenant_id)):
        if value is not None and (fault := id_fault(value)):
            raise _bad_shape(f"{name} {fault}.")
    if unknown := set(scopes) - SCOPES:
        # Of a misspelt scope nobody would know why it grants nothing.
        raise _bad_shape(f"no scope of people's is called {', '.join(sorted(unknown))}: {', '.join(sorted(SCOPES))}.")
    return Grant(principal_id, tenant_id, tuple(sorted(set(scopes))), checked_reason(reason))


def checked_identity(issuer: str, subject: str) -> Identity:
    """Check who a record is to be of. Raises HandshakeError trust_context_invalid_request_shape."""
    for name, value in (("issuer", issuer), ("subject", subject)):
        if fault := id_fault(value):
            raise _bad_shape(f"{name} {fault}.")
    return Identity(issuer, subject)


def checked_reason(reason: str) -> str:
    """Check why a record is changed. Raises HandshakeError trust_context_invalid_request_shape."""
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH or has_lone_surrogates(reason):
        raise _bad_shape(f"reason must be Unicode text of 1 to {MAX_REASON_LENGTH} characters.")
    return reason


def decide_change(
    change: Grant | Switch, identity: Identity, stored: PersonRecord | None, actor: Actor, *, now_ms: int
) -> Changed:
    """Give what ``change`` makes of the record that is ``stored`` of ``identity``, if any, at ``now_ms`` (epoch ms).

    Raises HandshakeError security_person_unknown where it switches what nobody has.
    """
    if isinstance(change, Grant):
        principal_id, tenant_id, scopes = change.principal_id, change.tenant_id, change.scopes
        state = PersonState.ACTIVE
    elif stored is None or stored.state is PersonState.REMOVED:
        raise HandshakeError(ReasonCode.SECURITY_PERSON_UNKNOWN, "This person has no record.")
    else:
        principal_id, tenant_id, scopes = stored.principal_id, stored.tenant_id, stored.scopes
        state = change.state
    record = PersonRecord(
        identity=identity,
        principal_id=principal_id,
        tenant_id=tenant_id,
        scopes=scopes,
        state=state,
        reason=change.reason,
        changed_at_ms=now_ms,
        changed_by=actor.principal_id,
        version=stored.version + 1 if stored else 1,
        head="",
    )
    return Changed(record, evidence_of(record, actor, stored))


def evidence_of(record: PersonRecord, actor: Actor, before: PersonRecord | None) -> dict[str, Any]:
    """Say what set each field of ``record``, by whom, and the digest of what set the record ``before`` it."""
    return {
        "event": CHANGED,
        "version": record.version,
        "issuer": record.identity.issuer,
        "subject": record.identity.subject,
        "principal_id": record.principal_id,
        "tenant_id": record.tenant_id,
        "scopes": list(record.scopes),
        "state": record.state.value,
        "from_state": before.state.value if before else None,
        "reason": record.reason,
        "changed_at": record.changed_at_ms,
        "changed_by": record.changed_by,
        "correlation_id": actor.correlation_id,
        "previous": before.head if before else GENESIS,
    }


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
