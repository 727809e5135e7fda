"""Publish what streams bring: make the notices that it calls for, and put its events on the bus.

A record counts as done once all of it is kept or told. What fails is named, and Lambda delivers from there on again:
notices are made once, and events told again have the ids that they had.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.notifications.bus import MAX_ENTRIES, BusUnavailableError, DeadLetters, Teller
from handshake.notifications.event import Event
from handshake.notifications.stream import UnreadableChangeError, read_change, sequence_of
from handshake.notifications.table import NoticeTransaction

# Nobody waits for a batch, and one that is not done in time is delivered again.
_BATCH_S: Final = 20.0

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Says what came of a batch. ``lag_ms`` is the age of the oldest event when it was told, 0 where there was none.

    ``failed_at`` is the number of the first record that is to be delivered again, "" where none is, and ``cause`` says
    what stood in its way. ``dead`` records were put among the dead letters, as nobody can be told of them.
    """

    events: int
    dead: int
    lag_ms: int
    failed_at: str = ""
    cause: str = ""


class _Told(NamedTuple):
    """An event beside the record that it comes from, by its place in the batch."""

    place: int
    event: Event


def publish(context: Context, records: Sequence[Record], bus: Teller, dead_letters: DeadLetters) -> Published:
    """Publish a batch of either stream, in its order, up to the first record that cannot be published now."""
    context = context.within(_BATCH_S)
    waiting: list[_Told] = []
    dead, failed, cause = 0, len(records), ""
    for place, record in enumerate(records):
        try:
            waiting += [_Told(place, event) for event in _prepared(context, record)]
        except UnreadableChangeError as unreadable:
            try:
                dead_letters.put(record, str(unreadable))
            except BusUnavailableError as unavailable:
                failed, cause = place, str(unavailable)
                break
            dead += 1
        except StoreUnavailableError:
            failed, cause = place, "the store is unavailable"
            break
    told, oldest_ms = 0, context.now_ms()
    for some in _tens(waiting):
        try:
            for event in bus.put([one.event for one in some]):
                [place] = {one.place for one in some if one.event is event}
                dead_letters.put(records[place], f"the bus takes no {event.kind.value} of it")
                dead += 1
        except BusUnavailableError as unavailable:
            failed, cause = some[0].place, str(unavailable)
            break
        told += len(some)
        oldest_ms = min(oldest_ms, *(one.event.at_ms for one in some))
    failed_at = sequence_of(records[failed]) if failed < len(records) else ""
    return Published(told, dead, context.now_ms() - oldest_ms, failed_at, cause)


def _prepared(context: Context, record: Record) -> Sequence[Event]:
    """Give the events of a record once its notices are made. Raises UnreadableChangeError, StoreUnavailableError."""
    change = read_change(record)
    for notice in change.notices:
        tx = NoticeTransaction(context)
        tx.make(notice)
        tx.commit()  # where it was made before, or one of a later time was, that one stands
    return change.events


def _tens(waiting: Iterable[_Told]) -> Iterable[list[_Told]]:
    left = iter(waiting)
    while some := list(islice(left, MAX_ENTRIES)):
        yield some
