"""Authorize an execution: hold the presented artifact against the stored decision."""

from typing import Any

from handshake.core.errors import HandshakeError
from handshake.dynamo.context import Context
from handshake.requests import table
from handshake.requests.access import decide_submitter
from handshake.requests.execution import NOT_ALLOWED, decide_execution, parse_presented
from handshake.trust.identity import Envelope


def authorize_execution(context: Context, body: Any, envelope: Envelope | None) -> None:
    """Return if the effect may go ahead, for the principal of ``envelope`` where one came with the call.

    Raises HandshakeError as requests.execution refuses it, security_identity_subject_mismatch,
    security_read_tenant_mismatch, StoreUnavailableError.
    """
    presented = parse_presented(body)
    refused = envelope and decide_submitter(
        envelope,
        principal_id=presented.principal_id,
        agent_id=presented.agent_id,
        tenant_id=presented.tenant_id,
    )
    if refused:
        raise HandshakeError(*refused, request_id=presented.request_id, fields=NOT_ALLOWED)
    [item] = context.dynamo.batch_get([(context.tables.workflow, table.state_key(presented.request_id))])
    refusal = decide_execution(presented, table.record_from(item))
    if refusal:
        raise HandshakeError.of(refusal)
