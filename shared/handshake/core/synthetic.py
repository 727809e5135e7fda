"""Synthetic calls: how the release gate tries new versions without anybody's metrics or alarms noticing.

The gate invokes functions itself, with events that have a member of its own. API Gateway writes every member of the
events it makes, and none of them is from a caller, so nobody who calls the API can be left out of metrics. Who may
invoke the functions directly can write any event; those who may are the gate and the account's administrators. Even
they cannot act unseen for anyone outside the reserved tenant.
"""

from collections.abc import Mapping
from typing import Any, Final

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode

MEMBER: Final = "handshakeRehearsal"
RESERVED: Final = "handshake-release-gate"
"""The tenant of synthetic calls, and what the names of their principals and agents begin with."""


def is_synthetic(event: Mapping[str, Any]) -> bool:
    """Say whether an event is the gate's. API Gateway names the API in each of its own."""
    return event.get(MEMBER) is True and "apiId" not in event.get("requestContext", {})


def ensure_reserved(tenant_id: str | None) -> None:
    """Raise HandshakeError security_read_tenant_mismatch where a synthetic call acts for a real tenant."""
    if tenant_id != RESERVED:
        raise HandshakeError(
            ReasonCode.SECURITY_READ_TENANT_MISMATCH, "A synthetic call acts within its reserved tenant only."
        )
