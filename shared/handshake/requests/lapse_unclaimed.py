"""Give back what requests had taken of a limit that nobody claimed in time (contract.md section 11)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_lapse
from handshake.requests.table import record_from
from handshake.requests.transaction import RequestTransaction, origin

# Of the minute that a run has, most belongs to deadlines.
RUN_MS: Final = 10_000
_BATCH_S: Final = 30.0
_BATCH: Final = 100
# As many as botocore keeps connections open.
_AT_ONCE: Final = 10


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
    now, table = context.now_ms(), context.tables.workflow
    lapsed = raced = unfinished = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for keys in queue.lapsing(context.dynamo, table, now_ms=now, batch=_BATCH, page_s=_BATCH_S):
            batch = context.within(_BATCH_S)
            states = batch.dynamo.batch_get([(table, key) for key in keys])
            done = list(pool.map(partial(_lapse, batch), map(record_from, states)))
            lapsed += done.count(True)
            raced += done.count(False)
            unfinished = int(context.now_ms() - now >= run_ms)
            if unfinished:
                break
    return Lapse(lapsed, raced, unfinished)


def _lapse(context: Context, record: RequestRecord | None) -> bool:
    """Have a request lapse; False where somebody else came first, or it no longer does."""
    now = context.now_ms()
    if record is None or record.lapses_at_ms is None or record.lapses_at_ms > now:
        return False
    actor = {"actor": "hitl_expiry", "action": "lapse"}
    recorded = record_lapse(record.lapsed(now_ms=now), actor, origin(context), now_ms=now)
    tx = RequestTransaction(context)
    moving = tx.lapse_request(recorded, seen=record)
    tx.give_back_shares(record)
    if record.spend:
        tx.give_back(record.submission.agent, record.spend_day, record.spend)
    if tx.commit():
        return True
    if moving.lost:
        return False
    # The day's count is gone, or somebody has made it less: there is nothing to take from it.
    tx = RequestTransaction(context)
    tx.lapse_request(recorded, seen=record)
    tx.give_back_shares(record)
    return tx.commit()
