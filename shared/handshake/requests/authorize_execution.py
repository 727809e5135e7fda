"""Authorize an execution: hold the presented artifact against the stored decision."""

from typing import Any

from handshake.core.errors import HandshakeError
from handshake.dynamo.context import Context
from handshake.requests import table
from handshake.requests.execution import decide_execution, parse_presented


def authorize_execution(context: Context, body: Any) -> None:
    """Return if the effect may go ahead.

    Raises HandshakeError as requests.execution refuses it, StoreUnavailableError.
    """
    presented = parse_presented(body)
    [item] = context.dynamo.batch_get([(context.tables.workflow, table.state_key(presented.request_id))])
    refusal = decide_execution(presented, table.record_from(item))
    if refusal:
        raise HandshakeError.of(refusal)
