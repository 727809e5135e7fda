"""Tell what is due: remind people of escalations that wait, and of claimed grants that nobody reported."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.notifications.notice import Drop, Notice, Subject, Tell, decide_notice
from handshake.notifications.table import LANES, NoticeTransaction, lane, notice_from
from handshake.requests.queue import keys_in
from handshake.requests.record import RequestRecord
from handshake.requests.sweep import BATCH, BATCH_S
from handshake.requests.table import record_from, state_key

# Of the minute that a run of scheduled work has, most belongs to deadlines.
RUN_MS: Final = 10_000
# As many as botocore keeps connections open.
_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Reminders:
    """Counts of one run: escalations ``reminded`` of, grants ``asked_about``, and notices ``dropped`` as out of date.

    ``raced`` are those that changed while it ran; ``unfinished`` is 1 where time ran out before all were seen, else 0.
    """

    reminded: int
    asked_about: int
    dropped: int
    raced: int
    unfinished: int = 0


def remind(context: Context, *, run_ms: int = RUN_MS) -> Reminders:
    """Tell each notice whose time has come, once, while what it is about is as it says, for ``run_ms``.

    What is told is committed here, and put on the bus by the stream. Raises StoreUnavailableError; what was told by
    then stays so.
    """
    began, done = context.now_ms(), list[str]()
    unfinished = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for keys in _due(context):
            done += pool.map(partial(_go_through, context.within(BATCH_S)), _read(context.within(BATCH_S), keys))
            if context.now_ms() - began >= run_ms:
                unfinished = 1
                break
    return Reminders(
        reminded=done.count(Subject.REMINDER.value),
        asked_about=done.count(Subject.UNREPORTED.value),
        dropped=done.count("dropped"),
        raced=done.count("raced"),
        unfinished=unfinished,
    )


def _due(context: Context) -> Iterator[list[Key]]:
    table, lanes = context.tables.workflow, map(lane, range(LANES))
    # Each is read beside its request, in one call.
    half = BATCH // 2
    return keys_in(context.dynamo, table, lanes, by_ms=context.now_ms(), batch=half, page_s=BATCH_S)


def _read(context: Context, keys: Sequence[Key]) -> list[tuple[Notice, RequestRecord | None]]:
    """Read notices, each beside the request that it is about; the index may name what is gone."""
    table = context.tables.workflow
    requests = [state_key(key["pk"].partition("#")[2]) for key in keys]
    items = context.dynamo.batch_get([(table, key) for key in [*keys, *requests]])
    pairs = zip(map(notice_from, items[: len(keys)]), map(record_from, items[len(keys) :]), strict=True)
    return [(notice, record) for notice, record in pairs if notice]


def _go_through(context: Context, pair: tuple[Notice, RequestRecord | None]) -> str:
    """Do what a notice is due for, and name it as the counts do; "" where it is not due."""
    notice, record = pair
    tx = NoticeTransaction(context)
    match decide_notice(notice, record, now_ms=context.now_ms()):
        case Tell(told):
            tx.move(told, seen=notice)
            if record:
                tx.ensure_as_seen(record, notice.subject)
            return notice.subject.value if tx.commit() else "raced"
        case Drop(dropped):
            tx.move(dropped, seen=notice)
            return "dropped" if tx.commit() else "raced"
        case None:
            return ""
