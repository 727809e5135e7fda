"""Give everybody the time back that a pause of privileged mutations took: extend each escalation that waits."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, guard_key
from handshake.requests import queue
from handshake.requests.decision_action import outcome_fields
from handshake.requests.record import MAX_EXTENSION_S, MIN_EXTENSION_S, RequestRecord
from handshake.requests.recording import record_extension
from handshake.requests.table import record_from
from handshake.requests.transaction import RequestTransaction, origin

# Nobody waits for any single call.
_BATCH_S: Final = 30.0
_BATCH: Final = 100
# As many as botocore keeps connections open.
_AT_ONCE: Final = 10
# A lost race shows what the winner wrote.
_TRIES: Final = 5

Outcome = Literal["extended", "already", "not_extendable"]


@dataclass(frozen=True)
class ExtendedPending:
    """Counts the escalations that got ``seconds`` more, had got them ``already``, or could get none."""

    seconds: int
    extended: int
    already: int
    not_extendable: int


def extend_pending(context: Context, *, paused_at_ms: int, operator: str) -> ExtendedPending:
    """Extend each escalation that waits by the time since ``paused_at_ms``, as ``operator``, in evidence.

    It is an extension like any other: of a minute to a day, three times at most. Each is made once for a pause, so
    what fails half-way is simply run again. Raises StoreUnavailableError.
    """
    now = context.now_ms()
    seconds = min(max(-(-(now - paused_at_ms) // 1000), MIN_EXTENSION_S), MAX_EXTENSION_S)
    give = partial(_give, paused_at_ms=paused_at_ms, seconds=seconds, operator=operator)
    table, outcomes = context.tables.workflow, Counter[Outcome]()
    # All of them first: what is extended moves on in the index, and would be met again where it moved to.
    pages = list(queue.every(context.dynamo, table, batch=_BATCH, page_s=_BATCH_S))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for keys in pages:
            batch = context.within(_BATCH_S)
            items = batch.dynamo.batch_get([(table, key) for key in keys])
            waiting = [record for record in map(record_from, items) if record and not record.state.terminal]
            outcomes.update(pool.map(partial(give, batch), waiting))
    return ExtendedPending(seconds, outcomes["extended"], outcomes["already"], outcomes["not_extendable"])


def _give(context: Context, record: RequestRecord, *, paused_at_ms: int, seconds: int, operator: str) -> Outcome:
    actor = {"actor": operator, "action": "extend", "reason": f"decisions were paused for {seconds} s"}
    # Four parts: callers' keys have three, so none of theirs is this one.
    key = guard_key("decision_action", "extend_pending", operator, record.request_id, f"paused at {paused_at_ms}")
    for _ in range(_TRIES):
        now = context.now_ms()
        extended = record.extended(seconds, now_ms=now)
        if extended is None:
            return "not_extendable"
        recorded = record_extension(record, extended, actor, origin(context), now_ms=now)
        tx = RequestTransaction(context)
        change = tx.extend_request(recorded, seen=record)
        lifetime = now + IDEMPOTENCY_KEY_LIFETIME_MS
        used = tx.claim_key(key, now_ms=now, expires_at_ms=lifetime, outcome=outcome_fields(extended))
        if tx.commit():
            return "extended"
        if used.lost:
            return "already"
        record = change.found or record
    raise StoreUnavailableError
