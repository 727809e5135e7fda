"""Access: reading a request, and resolving it (contract.md section 3).

Scopes only widen: whatever ``self`` may read, ``tenant`` may, and whatever ``tenant`` may, ``any`` may.
"""

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.trust.identity import (
    ROLE_ADMIN,
    SCOPE_READ_ANY,
    SCOPE_READ_TENANT,
    SCOPE_RESOLVE,
    Envelope,
)


def same_tenant(envelope: Envelope, tenant_id: str | None) -> bool:
    """Say whether both tenants are named and are the same one. Two unnamed tenants are not."""
    return bool(tenant_id) and envelope.tenant_id == tenant_id


def ensure_may_read(envelope: Envelope, *, request_id: str, principal_id: str, tenant_id: str | None) -> None:
    """Allow the request's own principal, an admin with read:any, or a tenant reader of the same tenant.

    Raises HandshakeError with security_read_tenant_mismatch when only the tenant stands in the way, and
    security_read_scope_denied otherwise.
    """
    if envelope.principal_id == principal_id:
        return
    reads_any = SCOPE_READ_ANY in envelope.scopes
    if reads_any and ROLE_ADMIN in envelope.roles:
        return
    if not reads_any and SCOPE_READ_TENANT not in envelope.scopes:
        message = "No scope of this principal covers the request."
        raise HandshakeError(ReasonCode.SECURITY_READ_SCOPE_DENIED, message, request_id=request_id)
    if not same_tenant(envelope, tenant_id):
        message = "The request belongs to another tenant, or to none."
        raise HandshakeError(ReasonCode.SECURITY_READ_TENANT_MISMATCH, message, request_id=request_id)


def resolves_for_tenant(envelope: Envelope) -> bool:
    """Say whether the principal resolves escalations of its whole tenant, not only its own."""
    return SCOPE_RESOLVE in envelope.scopes and bool(envelope.tenant_id)


def may_resolve(envelope: Envelope, *, principal_id: str, tenant_id: str | None) -> bool:
    """Say whether the principal has authority over an escalation: its own, or its tenant's with the scope."""
    return envelope.principal_id == principal_id or (
        SCOPE_RESOLVE in envelope.scopes and same_tenant(envelope, tenant_id)
    )
