"""Replay guard retention: delete what expired before now (the seed's policy). Its cost follows what expired."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Final

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.dynamo.runtime_kv import RETENTION_KEY, RuntimeTransaction
from handshake.replay_guards import table as guards

# A guard outlives its making by a day at most, so hours further back than the first run looks hold nothing
# that TTL has not taken long ago.
_FIRST_LOOK_BACK_HOURS: Final = 7 * 24
# Lambda ends a run after 300 s; what cannot be done in this time is left to the next run.
RUN_MS: Final = 240_000
_BATCH_S: Final = 30.0
# What one call takes, and as many calls at once as botocore keeps connections open.
_A_CALL: Final = 25
_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Retention:
    """Counts of one run. ``kept`` guards' keys were claimed again while it ran.

    ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    removed: int
    kept: int
    unfinished: int = 0


def expired_guards(context: Context) -> Iterator[Key]:
    """Give the keys of every guard whose ``expires_at`` lies before now, oldest hour first; changes nothing."""
    for _, keys in _by_hour(context, context.now_ms()):
        yield from keys


def retain_guards(context: Context, *, run_ms: int = RUN_MS) -> Retention:
    """Delete every guard whose ``expires_at`` lies before now, and remember how far that went; for ``run_ms``.

    A guard claimed again in the meantime is left alone. Raises StoreUnavailableError; what was deleted by then stays
    deleted, and the next run starts from the same hour.
    """
    now = context.now_ms()
    table = context.tables.replay_guards
    removed = kept = unfinished = 0
    # The index lags behind its table, so the next run looks at the last full hour once more.
    seen_up_to = guards.hour_of(now) - 1
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for hour, keys in _by_hour(context, now):
            while not unfinished and (batch := list(islice(keys, _AT_ONCE * _A_CALL))):
                remove = partial(guards.remove, context.dynamo.within(_BATCH_S), table, now_ms=now)
                calls = (batch[at : at + _A_CALL] for at in range(0, len(batch), _A_CALL))
                done = list(chain.from_iterable(pool.map(remove, calls)))
                removed += done.count(True)
                kept += done.count(False)
                unfinished = int(context.now_ms() - now >= run_ms)
            if unfinished:
                seen_up_to = min(hour, seen_up_to)
                break
    tx = RuntimeTransaction(context.within(_BATCH_S))
    tx.remember_retention(seen_up_to)
    tx.commit()
    return Retention(removed, kept, unfinished)


def _by_hour(context: Context, now_ms: int) -> Iterator[tuple[int, Iterator[Key]]]:
    [mark] = context.dynamo.batch_get([(context.tables.runtime_kv, RETENTION_KEY)])
    this_hour = guards.hour_of(now_ms)
    first = int(mark["hour"]) if mark else this_hour - _FIRST_LOOK_BACK_HOURS
    for hour in range(first, this_hour + 1):
        table = context.tables.replay_guards
        yield hour, guards.expired(context.dynamo, table, hour=hour, now_ms=now_ms, page_s=_BATCH_S)
