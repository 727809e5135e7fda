"""Replay guard retention: delete what expired before now (the seed's policy). Its cost follows what expired."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from handshake.flows.context import Context
from handshake.store import flags, guards
from handshake.store.dynamo import ConditionFailedError, Key

# A guard outlives its making by a day at most, so hours further back than the first run looks hold nothing
# that TTL has not taken long ago.
_FIRST_LOOK_BACK_HOURS: Final = 7 * 24
# Nobody waits for scheduled work; what cannot be done in this time is left to the next run.
_BATCH_S: Final = 30.0


@dataclass(frozen=True)
class Retention:
    """What one run did. ``kept`` are guards whose key was claimed again while it ran."""

    removed: int
    kept: int


def expired_guards(context: Context) -> Iterator[Key]:
    """The keys of every guard whose ``expires_at`` lies before now, oldest hour first; changes nothing."""
    now = context.now_ms()
    [mark] = context.dynamo.batch_get([(context.tables.runtime_kv, flags.RETENTION_KEY)])
    this_hour = guards.hour_of(now)
    first = int(mark["hour"]) if mark else this_hour - _FIRST_LOOK_BACK_HOURS
    for hour in range(first, this_hour + 1):
        context.dynamo.allow(_BATCH_S)
        yield from guards.expired(context.dynamo, context.tables.replay_guards, hour=hour, now_ms=now)


def retain_guards(context: Context) -> Retention:
    """Delete every guard whose ``expires_at`` lies before now, and remember how far that went.

    A guard claimed again in the meantime is left alone. Raises StoreUnavailableError; what was deleted by then stays
    deleted, and the next run starts from the same hour.
    """
    now = context.now_ms()
    removed = kept = 0
    for key in expired_guards(context):
        try:
            context.dynamo.write(guards.remove(context.tables.replay_guards, key, now_ms=now))
            removed += 1
        except ConditionFailedError:
            kept += 1
    # The index lags behind its table, so the next run looks at the last full hour once more.
    context.dynamo.write(flags.retained_up_to(context.tables.runtime_kv, guards.hour_of(now) - 1))
    return Retention(removed, kept)
