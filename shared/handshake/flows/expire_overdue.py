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
    """What one run did, and what it left.

    ``raced`` were closed by somebody else while it ran; ``pending`` still wait for a person, the oldest of them
    since ``oldest_pending_seconds``.
    """

    expired: int
    raced: int
    pending: int
    oldest_pending_seconds: int


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
    pending, oldest_ms = _left(context)
    return Expiry(expired, raced, pending, oldest_ms // 1000)


def _left(context: Context) -> tuple[int, int]:
    """How many escalations wait, and since how many ms the oldest does."""
    now = context.now_ms()
    context.dynamo.allow(_BATCH_S)
    count, keys = queue.waiting(context.dynamo, context.tables.workflow)
    items = context.dynamo.batch_get([(context.tables.workflow, key) for key in keys]) if keys else []
    waiting = [record for record in map(record_from, items) if record and not record.state.terminal]
    return count, max((now - record.created_at_ms for record in waiting), default=0)
