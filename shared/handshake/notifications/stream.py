"""Changes as the streams of the workflow table and of the policy table bring them: at least once, in order by item."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from handshake.agents.table import agent_from
from handshake.agents.table import is_record as is_agent
from handshake.dynamo.marshalling import UNREADABLE, Item, unmarshal
from handshake.notifications.event import Event, agent_events, request_events
from handshake.notifications.notice import Notice, notice_of
from handshake.notifications.table import PARTITION_PREFIX, notice_from
from handshake.requests.table import is_state, record_from


class Change(NamedTuple):
    """What one record of a stream tells, and the notices that it calls for. ``committed_ms`` is the store's clock."""

    committed_ms: int
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()


class UnreadableChangeError(Exception):
    """A record of a stream holds what this version cannot read. The message never repeats its content."""


def sequence_of(record: Mapping[str, Any]) -> str:
    """Give the number of a record in its stream, by which Lambda is told where to begin again."""
    return str(record["dynamodb"]["SequenceNumber"])


def read_change(record: Mapping[str, Any]) -> Change:
    """Read one record of either table's stream; what it does not tell of is a change without events.

    Raises UnreadableChangeError.
    """
    try:
        return _read(record)
    except UNREADABLE as error:
        raise UnreadableChangeError(f"{type(error).__name__} at {sequence_of(record)}") from error


def _read(record: Mapping[str, Any]) -> Change:
    change = record["dynamodb"]
    committed_ms = int(change["ApproximateCreationDateTime"] * 1000)
    if record["eventName"] == "REMOVE":  # TTL's, or a table-writer's: no part of the service removes what it tells of
        return Change(committed_ms)
    key = unmarshal(change["Keys"])
    after = unmarshal(change["NewImage"])
    before = unmarshal(change["OldImage"]) if change.get("OldImage") else None
    if is_state(key):
        return _of_request(before, after, committed_ms)
    if key["pk"].startswith(PARTITION_PREFIX):
        return _of_notice(before, after, committed_ms)
    if is_agent(key):
        agent = agent_from(after)
        return Change(committed_ms, tuple(agent_events(agent_from(before), agent)) if agent else ())
    return Change(committed_ms)


def _of_request(before: Item | None, after: Item, committed_ms: int) -> Change:
    record = record_from(after)
    if record is None:
        return Change(committed_ms)
    events = tuple(request_events(record_from(before), record, committed_ms=committed_ms))
    notices = tuple(notice for event in events if (notice := notice_of(event, record)))
    return Change(committed_ms, events, notices)


def _of_notice(before: Item | None, after: Item, committed_ms: int) -> Change:
    seen, notice = notice_from(before), notice_from(after)
    told = notice.event if notice else None
    if told is None or (seen and seen.event == told):
        return Change(committed_ms)
    return Change(committed_ms, (told,))
