"""Expire escalations whose deadline passed with nobody acting on them."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.ending import EXPIRY
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_close
from handshake.requests.sweep import BATCH, BATCH_S, sweep
from handshake.requests.table import record_from
from handshake.requests.transaction import RequestTransaction, origin

# Lambda ends a run after 90 s, half of which are others'; what cannot be done in this time is left to the next run.
RUN_MS: Final = 40_000


@dataclass(frozen=True)
class Expiry:
    """Counts of one run, and of what it left.

    Of the ``expired`` some were ``expired_unseen``: nobody had tried to decide them, nor given them more time.
    ``raced`` were closed by somebody else while it ran; ``pending`` still wait for a person, the oldest of them
    since ``oldest_pending_seconds``. ``unreported`` are grants that were claimed 15 minutes ago or more, and of whose
    effect nobody has said anything. ``time_used_percent`` is the largest share that any escalation has waited of the
    time that it has, and ``overdue_seconds`` how long the first deadline of them has passed: these look at the soonest
    deadlines only, some hundred. ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    expired: int
    raced: int
    pending: int
    oldest_pending_seconds: int
    unfinished: int = 0
    unreported: int = 0
    time_used_percent: int = 0
    overdue_seconds: int = 0
    expired_unseen: int = 0


def expire_overdue(context: Context, *, run_ms: int = RUN_MS) -> Expiry:
    """Turn overdue escalations into ``escalated_expired_terminal``, with evidence and metrics event, for ``run_ms``.

    An approval that comes first wins: each request is closed on the condition that it is still pending. Raises
    StoreUnavailableError; what was expired by then stays expired.
    """
    table = context.tables.workflow
    due = queue.overdue(context.dynamo, table, now_ms=context.now_ms(), batch=BATCH, page_s=BATCH_S)
    unseen: list[str] = []
    swept = sweep(context, due, partial(_expire, unseen), run_ms=run_ms)
    pending, waiting = _left(context)
    now = context.now_ms()
    oldest_ms = max((now - record.created_at_ms for record in waiting), default=0)
    used = max((record.time_used(now) for record in waiting), default=0.0)
    overdue_ms = max((now - (record.expires_at_ms or now) for record in waiting), default=0)
    late = queue.unreported(context.within(BATCH_S).dynamo, table, now_ms=now)
    return Expiry(
        swept.changed,
        swept.left,
        pending,
        oldest_ms // 1000,
        swept.unfinished,
        unreported=len(late),
        time_used_percent=int(100 * used),
        overdue_seconds=max(0, overdue_ms) // 1000,
        expired_unseen=len(unseen),
    )


def _expire(unseen: list[str], context: Context, record: RequestRecord) -> bool | None:
    """Close an overdue escalation; False where somebody else comes first, None where somebody had: the index lags.

    One that nobody had acted on joins those ``unseen``.
    """
    if record.state.terminal:
        return None
    closed = record.expired(context.now_ms())
    recorded = record_close(record, closed, {"actor": EXPIRY, "action": "expire"}, origin(context))
    tx = RequestTransaction(context)
    tx.close_request(recorded, seen=record)
    committed = tx.commit()
    if committed and not (record.extensions or record.chain.refusals):
        unseen.append(record.request_id)
    return committed


def _left(context: Context) -> tuple[int, list[RequestRecord]]:
    """Count the escalations that wait, and give those with the soonest deadlines."""
    context = context.within(BATCH_S)
    count, keys = queue.waiting(context.dynamo, context.tables.workflow)
    items = context.dynamo.batch_get([(context.tables.workflow, key) for key in keys]) if keys else []
    return count, [record for record in map(record_from, items) if record and not record.state.terminal]
