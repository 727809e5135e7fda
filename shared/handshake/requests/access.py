"""Access: submitting a request, reading it, resolving it, and claiming its grant (contract.md 3, 9.15, 9.17 and 11).

Scopes only widen: whatever ``self`` may read, ``tenant`` may, and whatever ``tenant`` may, ``any`` may.
"""

from typing import TYPE_CHECKING

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import is_label
from handshake.trust.identity import (
    ROLE_ADMIN,
    SCOPE_EXECUTE,
    SCOPE_READ_ANY,
    SCOPE_READ_TENANT,
    SCOPE_RESOLVE,
    SCOPE_SUBMIT_ANY,
    Envelope,
)

if TYPE_CHECKING:
    from handshake.requests.record import RequestRecord
    from handshake.requests.submission import Submission


def same_tenant(envelope: Envelope, tenant_id: str | None) -> bool:
    """Say whether both tenants are named and are the same one. Two unnamed tenants are not."""
    return bool(tenant_id) and envelope.tenant_id == tenant_id


def other_tenant(envelope: Envelope, tenant_id: str | None) -> bool:
    """Say whether the envelope's tenant keeps it from acting on a request of ``tenant_id`` as its own.

    One principal id in two named tenants is two people. Where either names no tenant they are not kept apart, unless
    the envelope is bound to requests without one.
    """
    return bool(tenant_id) and (envelope.tenant_id != tenant_id if envelope.tenant_id else envelope.tenant_bound)


def is_own(envelope: Envelope, *, principal_id: str, tenant_id: str | None) -> bool:
    """Say whether a request of this principal and tenant is that of the envelope's principal."""
    return envelope.principal_id == principal_id and not other_tenant(envelope, tenant_id)


def is_requester(envelope: Envelope, *, principal_id: str, agent_id: str, tenant_id: str | None) -> bool:
    """Say whether the envelope is of the request's principal or, as an agent, of its agent."""
    is_agent = envelope.subject_type == "agent" and envelope.principal_id == agent_id
    return (envelope.principal_id == principal_id or is_agent) and not other_tenant(envelope, tenant_id)


def decide_submitter(
    envelope: Envelope, *, principal_id: str, agent_id: str, tenant_id: str | None
) -> tuple[ReasonCode, str] | None:
    """Decide whether the envelope may submit, or authorize, for this principal, agent and tenant: None where it may.

    Else security_identity_subject_mismatch or security_read_tenant_mismatch, with a message.
    """
    is_principal = envelope.principal_id == principal_id
    is_agent = envelope.subject_type == "agent" and envelope.principal_id == agent_id
    if not (is_principal or is_agent or SCOPE_SUBMIT_ANY in envelope.scopes):
        message = "The envelope's principal is neither the request's principal nor, as an agent, its agent."
        return ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH, message
    if other_tenant(envelope, tenant_id):
        return ReasonCode.SECURITY_READ_TENANT_MISMATCH, "The request belongs to another tenant than the envelope."
    return None


def ensure_may_read(envelope: Envelope, *, request_id: str, principal_id: str, tenant_id: str | None) -> None:
    """Allow the request's own principal, an admin with read:any, or a tenant reader of the same tenant.

    Raises HandshakeError with security_read_tenant_mismatch when only the tenant stands in the way, and
    security_read_scope_denied otherwise.
    """
    if is_own(envelope, principal_id=principal_id, tenant_id=tenant_id):
        return
    reads_any = SCOPE_READ_ANY in envelope.scopes
    if reads_any and ROLE_ADMIN in envelope.roles:
        return
    if not reads_any and SCOPE_READ_TENANT not in envelope.scopes and envelope.principal_id != principal_id:
        message = "No scope of this principal covers the request."
        raise HandshakeError(ReasonCode.SECURITY_READ_SCOPE_DENIED, message, request_id=request_id)
    if not same_tenant(envelope, tenant_id):
        message = "The request belongs to another tenant, or to none."
        raise HandshakeError(ReasonCode.SECURITY_READ_TENANT_MISMATCH, message, request_id=request_id)


def may_read(envelope: Envelope, submission: "Submission") -> bool:
    """Say whether the envelope may read a request (see ensure_may_read)."""
    ids = {"request_id": submission.request_id, "principal_id": submission.principal_id}
    try:
        ensure_may_read(envelope, **ids, tenant_id=submission.tenant_id)
    except HandshakeError:
        return False
    return True


def reads_tenant(envelope: Envelope) -> bool:
    """Say whether the principal reads what belongs to its whole tenant, not only its own."""
    reads = SCOPE_READ_TENANT in envelope.scopes or SCOPE_READ_ANY in envelope.scopes
    return reads and bool(envelope.tenant_id)


def resolves_for_tenant(envelope: Envelope) -> bool:
    """Say whether the principal resolves escalations of its whole tenant, not only its own."""
    return SCOPE_RESOLVE in envelope.scopes and bool(envelope.tenant_id)


def may_resolve(envelope: Envelope, *, principal_id: str, tenant_id: str | None) -> bool:
    """Say whether the principal has authority over an escalation: its own, or its tenant's with the scope."""
    return is_own(envelope, principal_id=principal_id, tenant_id=tenant_id) or (
        SCOPE_RESOLVE in envelope.scopes and same_tenant(envelope, tenant_id)
    )


def may_claim(envelope: Envelope, *, principal_id: str, agent_id: str, tenant_id: str | None) -> bool:
    """Say whether the principal may claim a request's grant: who requested it, or its tenant's with the scope."""
    return is_requester(envelope, principal_id=principal_id, agent_id=agent_id, tenant_id=tenant_id) or (
        SCOPE_EXECUTE in envelope.scopes and same_tenant(envelope, tenant_id)
    )


def ensure_possible(request_id: str) -> None:
    """Raise HandshakeError hitl_request_not_found for what no request can be called."""
    # The store would refuse what no key can be, and that would look like a fault of its own.
    if not is_label(request_id):
        raise _not_found(request_id)


def _not_found(request_id: str) -> HandshakeError:
    return HandshakeError(ReasonCode.HITL_REQUEST_NOT_FOUND, "No request has this requestId.", request_id=request_id)


def readable(record: "RequestRecord | None", request_id: str, envelope: Envelope) -> "RequestRecord":
    """Give the request, if there is one and ``envelope`` may read it. Raises HandshakeError as read_request."""
    if record is None:
        raise _not_found(request_id)
    submission = record.submission
    ensure_may_read(
        envelope, request_id=request_id, principal_id=submission.principal_id, tenant_id=submission.tenant_id
    )
    return record
