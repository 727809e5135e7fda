"""Give back what requests had taken of a limit that nobody claimed in time (contract.md section 11)."""

from dataclasses import dataclass
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_lapse
from handshake.requests.sweep import BATCH, BATCH_S, sweep
from handshake.requests.transaction import RequestTransaction, origin

# Of the minute that a run has, most belongs to deadlines.
RUN_MS: Final = 10_000


@dataclass(frozen=True)
class Lapse:
    """Counts of one run: requests that ``lapsed``, and those that ``raced``, because somebody else came first.

    ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    lapsed: int
    raced: int
    unfinished: int = 0


def lapse_unclaimed(context: Context, *, run_ms: int = RUN_MS) -> Lapse:
    """Give back, once and in evidence, what each bound request had taken that was not claimed in time, for ``run_ms``.

    A claim that comes first wins. Raises StoreUnavailableError; what lapsed by then stays so.
    """
    due = queue.lapsing(context.dynamo, context.tables.workflow, now_ms=context.now_ms(), batch=BATCH, page_s=BATCH_S)
    return Lapse(*sweep(context, due, _lapse, run_ms=run_ms))


def _lapse(context: Context, record: RequestRecord) -> bool:
    """Have a request lapse; False where somebody else came first, or it no longer does."""
    now = context.now_ms()
    if record.spend is None or record.lapses_at_ms is None or record.lapses_at_ms > now:
        return False
    actor = {"actor": "hitl_expiry", "action": "lapse"}
    recorded = record_lapse(record.lapsed(now_ms=now), actor, origin(context), now_ms=now)
    tx = RequestTransaction(context)
    moving = tx.lapse_request(recorded, seen=record)
    tx.give_back(record.submission.agent, record.spend_day, record.spend)
    if tx.commit():
        return True
    if moving.lost:
        return False
    # The day's count is gone, or somebody has made it less: there is nothing to take from it.
    tx = RequestTransaction(context)
    tx.lapse_request(recorded, seen=record)
    return tx.commit()
