"""Goes through requests whose time has come, many at once, for as long as a run may take."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.requests.record import RequestRecord
from handshake.requests.table import record_from

BATCH: Final = 100
"""Keys of one read."""
BATCH_S: Final = 30.0
"""Limits one batch, its page of the index included, in seconds."""
# As many as botocore keeps connections open.
_AT_ONCE: Final = 10


class Swept(NamedTuple):
    """Counts of one run: requests ``changed``, and those ``left`` because somebody else came first.

    ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    changed: int
    left: int
    unfinished: int


def sweep(
    context: Context,
    due: Iterable[Sequence[Key]],
    change: Callable[[Context, RequestRecord], bool | None],
    *,
    run_ms: int,
) -> Swept:
    """Read each batch of ``due`` and ``change`` its requests, for ``run_ms``; it says whether it did, None of
    what was no longer due.

    Raises StoreUnavailableError; what was changed by then stays changed.
    """
    began, table = context.now_ms(), context.tables.workflow
    changed = left = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for keys in due:
            batch = context.within(BATCH_S)
            records = map(record_from, batch.dynamo.batch_get([(table, key) for key in keys]))
            done = list(pool.map(partial(change, batch), filter(None, records)))
            changed += done.count(True)
            left += done.count(False)
            if context.now_ms() - began >= run_ms:
                return Swept(changed, left, 1)
    return Swept(changed, left, 0)
