"""Expire escalations whose deadline passed with nobody acting on them."""

from dataclasses import dataclass
from typing import Final

from handshake.flows.context import Context
from handshake.flows.resolve import expire
from handshake.store import queue
from handshake.store.dynamo import ConditionFailedError
from handshake.store.requests import record_from

# Nobody waits for scheduled work; what cannot be done in this time is left to the next run.
_BATCH_S: Final = 30.0
_BATCH: Final = 100


@dataclass(frozen=True)
class Expiry:
    """What one run did. ``raced`` were closed by somebody else while it ran."""

    expired: int
    raced: int


def expire_overdue(context: Context) -> Expiry:
    """Turn every overdue escalation into ``escalated_expired_terminal``, with evidence and metrics event.

    An approval that comes first wins: each request is closed on the condition that it is still pending. Raises
    StoreUnavailableError; what was expired by then stays expired.
    """
    expired = raced = 0
    for keys in queue.overdue(context.dynamo, context.tables.workflow, now_ms=context.now_ms(), batch=_BATCH):
        context.dynamo.allow(_BATCH_S)
        for item in context.dynamo.batch_get([(context.tables.workflow, key) for key in keys]):
            record = record_from(item)
            if record is None or record.state.terminal:
                continue
            try:
                expire(context, record, found_by="hitl_expiry")
                expired += 1
            except ConditionFailedError:
                raced += 1
    return Expiry(expired, raced)
