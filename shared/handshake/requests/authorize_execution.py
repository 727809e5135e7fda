"""Authorize an execution: hold the presented artifact against the stored decision."""

from handshake.core.errors import HandshakeError
from handshake.dynamo.context import Context
from handshake.requests import table
from handshake.requests.execution import decide_execution
from handshake.requests.submission import Submission


def authorize_execution(context: Context, presented: Submission) -> None:
    """Return if the effect of the request that was ``presented`` may go ahead.

    Raises HandshakeError as requests.execution refuses it, StoreUnavailableError.
    """
    record, paused = table.read_for_execution(context, presented.request_id)
    refusal = decide_execution(presented, record, paused=paused, now_ms=context.now_ms())
    if refusal:
        raise HandshakeError.of(refusal)
