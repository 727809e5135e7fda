"""Every metrics event says when it was appended, also those of a release that did not keep it.

``python -m ops metrics rebuild`` counts events by when they were appended, and takes one that does not say for appended
at the beginning of time. The closest there is to it is the time that the event tells of, ``timestamp_ms``: the service
appends its own events as they happen. A reported one may tell of a time to come, so no event is said to have been
appended after this migration was begun.

Which call an event came from (``correlation_id``) was written nowhere, so it stays unknown. Changing an event does not
count it again: the stream then tells of a MODIFY, and the projector takes only an INSERT.
"""

from handshake.dynamo.marshalling import Item, Update
from ops.migrations import Plan, Reader, Scope, Worker


def plan(reader: Reader) -> Plan:
    """See ``ops.migrations``."""
    what = "say of metrics events that do not when they were appended: at timestamp_ms"
    return Plan(what, reader.count(_scope(reader), lambda item: _change(reader, item, reader.context.now_ms())))


def apply(worker: Worker) -> None:
    """See ``ops.migrations``."""
    worker.back_fill(_scope(worker), lambda item: _change(worker, item, worker.begun_at_ms))


def _scope(reader: Reader) -> Scope:
    return Scope(
        reader.context.tables.metrics,
        where="begins_with(pk, :event) AND attribute_not_exists(appended_at)",
        values={":event": "EVENT#"},
        attributes=("pk", "sk", "timestamp_ms"),
    )


def _change(reader: Reader, item: Item, begun_at_ms: int) -> Update | None:
    if "appended_at" in item:
        return None
    return Update(
        reader.context.tables.metrics,
        {"pk": item["pk"], "sk": item["sk"]},
        "SET appended_at = :at",
        {":at": min(int(item["timestamp_ms"]), begun_at_ms)},
        # An event that was deleted meanwhile must not come back as a stump.
        condition="attribute_exists(pk) AND attribute_not_exists(appended_at)",
    )
