"""Notices as items of the workflow table, in partitions of their own beside the requests they are about.

They stand in the sparse index of what waits, by when they are due, so a sweep reads those alone. TTL drops them some
days after what they were about.
"""

import json
from typing import Final

from handshake.core.jsonio import canonical
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Check, Item, Key, Put, Update
from handshake.dynamo.sharding import shard
from handshake.dynamo.transaction import Step, Transaction, unread
from handshake.notifications.event import Event
from handshake.notifications.notice import Notice, Subject
from handshake.requests.record import RequestRecord, State
from handshake.requests.table import state_key

PARTITION_PREFIX: Final = "NOTICE#"
LANES: Final = 4
# A record of the stream is delivered again for a day at most: until then the item says that its notice was made.
_KEPT_S: Final = 2 * 24 * 60 * 60


def notice_key(request_id: str, subject: Subject) -> Key:
    """Give the key of a request's notice about ``subject``."""
    return {"pk": f"{PARTITION_PREFIX}{request_id}", "sk": subject.value}


def lane(number: int) -> str:
    """Give the partition of a shard of the index that holds the notices which are to be told."""
    return f"{PARTITION_PREFIX}{number}"


def notice_from(item: Item | None) -> Notice | None:
    """Give the notice that an item holds. Raises KeyError or ValueError for an item that is none."""
    if item is None:
        return None
    due, event = item.get("pending_deadline"), item.get("event")
    return Notice(
        request_id=item["request_id"],
        subject=Subject(item["sk"]),
        basis_ms=int(item["basis"]),
        due_ms=None if due is None else int(due),
        event=Event.of_detail(json.loads(event)) if event else None,
    )


def notice_item(notice: Notice) -> Item:
    """Give the item of ``notice``."""
    return {
        **notice_key(notice.request_id, notice.subject),
        "request_id": notice.request_id,
        "basis": notice.basis_ms,
        "event": canonical(notice.event.detail()) if notice.event else None,
        "ttl": max(notice.basis_ms, notice.due_ms or 0) // 1000 + _KEPT_S,
        **_place(notice),
    }


def _place(notice: Notice) -> Item:
    if notice.due_ms is None:
        return {}
    return {"pending_lane": lane(shard(notice.request_id, LANES)), "pending_deadline": notice.due_ms}


class NoticeTransaction(Transaction):
    """Writes of notices."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._table = context.tables.workflow

    def make(self, notice: Notice) -> Step[None]:
        """Put a notice, unless it was made already, or one of a later time was."""
        values = {":basis": notice.basis_ms}
        condition = "attribute_not_exists(pk) OR basis < :basis"
        return self._add(Put(self._table, notice_item(notice), condition=condition, values=values), unread)

    def move(self, notice: Notice, *, seen: Notice) -> Step[None]:
        """Keep what became of the notice that was ``seen``, if it is as it was then."""
        item = notice_item(notice)
        given = {name: item[name] for name in ("event", "pending_lane", "pending_deadline") if item.get(name)}
        left = ", ".join(name for name in ("pending_lane", "pending_deadline") if name not in given)
        parts = [f"SET {', '.join(f'{name} = :{name}' for name in given)}"] if given else []
        update = Update(
            self._table,
            notice_key(notice.request_id, notice.subject),
            " ".join(parts + ([f"REMOVE {left}"] if left else [])),
            values={
                **{f":{name}": value for name, value in given.items()},
                ":basis": seen.basis_ms,
                ":due": seen.due_ms,
            },
            condition="basis = :basis AND pending_deadline = :due",
        )
        return self._add(update, unread)

    def ensure_as_seen(self, record: RequestRecord, subject: Subject) -> Step[None]:
        """Have the transaction fail where the request is no longer what its notice is told of."""
        key = state_key(record.request_id)
        if subject is Subject.UNREPORTED:
            return self._add(Check(self._table, key, condition="attribute_not_exists(reported_at)"), unread)
        check = Check(
            self._table,
            key,
            condition="#state = :pending AND expires_at = :deadline",
            values={":pending": State.PENDING.value, ":deadline": record.expires_at_ms},
            names={"#state": "state"},
        )
        return self._add(check, unread)
