"""Expire escalations whose deadline passed with nobody acting on them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_close
from handshake.requests.table import record_from
from handshake.requests.transaction import RequestTransaction, origin

# Lambda ends a run after 60 s; what cannot be done in this time is left to the next run.
RUN_MS: Final = 40_000
_BATCH_S: Final = 30.0
_BATCH: Final = 100
# As many as botocore keeps connections open.
_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Expiry:
    """Counts of one run, and of what it left.

    ``raced`` were closed by somebody else while it ran; ``pending`` still wait for a person, the oldest of them
    since ``oldest_pending_seconds``. ``unreported`` are grants that were claimed 15 minutes ago or more, and of whose
    effect nobody has said anything. ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    expired: int
    raced: int
    pending: int
    oldest_pending_seconds: int
    unreported: int
    unfinished: int = 0


def expire_overdue(context: Context, *, run_ms: int = RUN_MS) -> Expiry:
    """Turn overdue escalations into ``escalated_expired_terminal``, with evidence and metrics event, for ``run_ms``.

    An approval that comes first wins: each request is closed on the condition that it is still pending. Raises
    StoreUnavailableError; what was expired by then stays expired.
    """
    now = context.now_ms()
    count = raced = unfinished = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for keys in queue.overdue(context.dynamo, context.tables.workflow, now_ms=now, batch=_BATCH, page_s=_BATCH_S):
            batch = context.within(_BATCH_S)
            items = batch.dynamo.batch_get([(context.tables.workflow, key) for key in keys])
            due = [record for record in map(record_from, items) if record and not record.state.terminal]
            done = list(pool.map(partial(_expire, batch), due))
            count += done.count(True)
            raced += done.count(False)
            unfinished = int(context.now_ms() - now >= run_ms)
            if unfinished:
                break
    pending, oldest_ms = _left(context)
    late = queue.unreported(context.within(_BATCH_S).dynamo, context.tables.workflow, now_ms=context.now_ms())
    return Expiry(count, raced, pending, oldest_ms // 1000, len(late), unfinished)


def _expire(context: Context, record: RequestRecord) -> bool:
    """Close an overdue escalation; False where somebody else came first."""
    closed = record.expired(context.now_ms())
    recorded = record_close(record, closed, {"actor": "hitl_expiry", "action": "expire"}, origin(context))
    tx = RequestTransaction(context)
    tx.close_request(recorded, seen=record)
    return tx.commit()


def _left(context: Context) -> tuple[int, int]:
    """Count the escalations that wait, and the ms since which the oldest does."""
    now = context.now_ms()
    context = context.within(_BATCH_S)
    count, keys = queue.waiting(context.dynamo, context.tables.workflow)
    items = context.dynamo.batch_get([(context.tables.workflow, key) for key in keys]) if keys else []
    waiting = [record for record in map(record_from, items) if record and not record.state.terminal]
    return count, max((now - record.created_at_ms for record in waiting), default=0)
