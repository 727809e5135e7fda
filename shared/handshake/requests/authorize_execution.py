"""Authorize an execution: hold the presented artifact against the stored decision."""

from typing import Any

from handshake.dynamo.context import Context
from handshake.requests import table as requests
from handshake.requests.execution import check_presented, ensure_authorized


def authorize(context: Context, body: Any) -> None:
    """Return if the effect may go ahead. Raises HandshakeError as domain.authorization does."""
    presented = check_presented(body)
    [item] = context.dynamo.batch_get([(context.tables.workflow, requests.state_key(presented.request_id))])
    ensure_authorized(presented, requests.record_from(item))
