"""Erase the arguments of actions that were kept as long as operators want them (contract.md section 10)."""

from dataclasses import dataclass
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_erasure
from handshake.requests.sweep import BATCH, BATCH_S, sweep
from handshake.requests.transaction import RequestTransaction, origin

# Of the minute that a run has, most belongs to deadlines.
RUN_MS: Final = 10_000
_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Erasure:
    """Counts of one run: actions ``erased``, and those ``kept`` as they are still to be judged or somebody came first.

    ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    erased: int
    kept: int
    unfinished: int = 0


def erase_arguments(context: Context, *, kept_days: int, run_ms: int = RUN_MS) -> Erasure:
    """Erase each action that was submitted ``kept_days`` ago or earlier, in evidence, for ``run_ms``; 0 days keep all.

    A person decides on what is pending, and a claim asks policy again, so that is left until neither can be. Raises
    StoreUnavailableError; what was erased by then stays erased.
    """
    if not kept_days:
        return Erasure(0, 0)
    before, table = context.now_ms() - kept_days * _DAY_MS, context.tables.workflow
    due = queue.erasable(context.dynamo, table, created_by_ms=before, batch=BATCH, page_s=BATCH_S)
    return Erasure(*sweep(context, due, _erase, run_ms=run_ms))


def _erase(context: Context, record: RequestRecord) -> bool:
    """Erase the arguments of a request, unless they are still needed, or somebody appends to its evidence first."""
    now = context.now_ms()
    needed = not record.state.terminal or record.may_be_claimed(now)
    if needed or record.arguments_erased_at_ms is not None:
        return False
    actor = {"actor": "hitl_expiry", "action": "erase"}
    recorded = record_erasure(record.arguments_erased(now_ms=now), actor, origin(context), now_ms=now)
    tx = RequestTransaction(context)
    tx.erase_arguments(recorded, seen=record)
    return tx.commit()
