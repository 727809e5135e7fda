"""The queues of pending requests: sparse indexes that hold only what waits for a person."""

from collections.abc import Iterable, Iterator
from typing import Final

from handshake.core.paging import PageRequest
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key
from handshake.requests.action_items import ERASABLE_SHARDS, erasable_shard
from handshake.requests.record import RequestRecord
from handshake.requests.table import (
    PENDING_SHARDS,
    lapsing_shard,
    pending_shard,
    record_from,
    state_key,
    unreported_shard,
)

PENDING_BY_TENANT: Final = "pending_by_tenant"
PENDING_BY_PRINCIPAL: Final = "pending_by_principal"
PENDING_BY_SHARD: Final = "pending_by_lane"
_PENDING_LANES: Final = tuple(map(pending_shard, range(PENDING_SHARDS)))
# Of each shard: together as many as one call reads.
_SOONEST: Final = 100 // PENDING_SHARDS


def pending(
    dynamo: Dynamo, table: str, index: str, owner: str, page: PageRequest, *, now_ms: int
) -> tuple[list[RequestRecord], bool]:
    """Give one page of an owner's pending requests, soonest deadline first, and whether there are more."""
    partition = index.replace("_by", "")
    found = dynamo.query(
        table,
        f"{partition} = :owner AND pending_deadline > :now",
        {":owner": owner, ":now": now_ms},
        IndexName=index,
        start=_resume(partition, owner, page, now_ms=now_ms),
        Limit=page.limit,
    )
    records = [record for record in map(record_from, found.items) if record]
    return records, bool(records and found.next_key)


def place_of(record: RequestRecord) -> list[str | int]:
    """Give what a page goes on after."""
    return [record.request_id, record.expires_at_ms or 0]


def overdue(dynamo: Dynamo, table: str, *, now_ms: int, batch: int, page_s: float) -> Iterator[list[Key]]:
    """Give the keys of every escalation past its deadline, ``batch`` at a time; a page may take ``page_s`` seconds."""
    return keys_in(dynamo, table, _PENDING_LANES, by_ms=now_ms, batch=batch, page_s=page_s)


def every(dynamo: Dynamo, table: str, *, batch: int, page_s: float) -> Iterator[list[Key]]:
    """Give the keys of every escalation that waits, as ``overdue`` does."""
    return keys_in(dynamo, table, _PENDING_LANES, batch=batch, page_s=page_s)


def erasable(dynamo: Dynamo, table: str, *, created_by_ms: int, batch: int, page_s: float) -> Iterator[list[Key]]:
    """Give the keys of requests made by then whose action is still kept whole, ``batch`` at a time."""
    lanes, state = map(erasable_shard, range(ERASABLE_SHARDS)), state_key("")["sk"]
    for keys in keys_in(dynamo, table, lanes, by_ms=created_by_ms, batch=batch, page_s=page_s):
        yield [{"pk": key["pk"], "sk": state} for key in keys]


def lapsing(dynamo: Dynamo, table: str, *, now_ms: int, batch: int, page_s: float) -> Iterator[list[Key]]:
    """Give the keys of requests that nobody has claimed in time, ``batch`` at a time."""
    lanes = map(lapsing_shard, range(PENDING_SHARDS))
    return keys_in(dynamo, table, lanes, by_ms=now_ms, batch=batch, page_s=page_s)


def keys_in(
    dynamo: Dynamo, table: str, lanes: Iterable[str], *, by_ms: int | None = None, batch: int, page_s: float
) -> Iterator[list[Key]]:
    """Give the keys in ``lanes`` of the index that wait for a time, all of them or those whose time came by then."""
    condition, values = ("", {}) if by_ms is None else (" AND pending_deadline <= :by", {":by": by_ms})
    for lane in lanes:
        start: Item | None = None
        while True:
            page = dynamo.within(page_s).query(
                table,
                f"pending_lane = :shard{condition}",
                {":shard": lane, **values},
                start=start,
                IndexName=PENDING_BY_SHARD,
                Limit=batch,
            )
            if page.items:
                yield [{"pk": item["pk"], "sk": item["sk"]} for item in page.items]
            if page.next_key is None:
                break
            start = page.next_key


def waiting(dynamo: Dynamo, table: str) -> tuple[int, list[Key]]:
    """Count the pending escalations, and give the keys of those with the soonest deadlines, one read's worth in all.

    Those past their deadline count: one that no sweep expires is what an alarm is for. One page a shard, so beyond some
    20 000 the number says "at least". Raises StoreUnavailableError.
    """
    count = 0
    soonest: list[Key] = []
    for number in range(PENDING_SHARDS):
        page = dynamo.query(
            table,
            "pending_lane = :shard",
            {":shard": pending_shard(number)},
            IndexName=PENDING_BY_SHARD,
        )
        count += len(page.items)
        soonest += [{"pk": item["pk"], "sk": item["sk"]} for item in page.items[:_SOONEST]]
    return count, soonest


def unreported(dynamo: Dynamo, table: str, *, now_ms: int) -> list[Key]:
    """Give the keys of the requests whose grant was claimed 15 minutes ago or more, with no outcome reported since.

    The longest first, shard by shard. One page a shard, so beyond some 20 000 there are more. Raises
    StoreUnavailableError.
    """
    late: list[Item] = []
    for number in range(PENDING_SHARDS):
        page = dynamo.query(
            table,
            "pending_lane = :shard AND pending_deadline <= :now",
            {":shard": unreported_shard(number), ":now": now_ms},
            IndexName=PENDING_BY_SHARD,
        )
        late += page.items
    return [{"pk": item["pk"], "sk": item["sk"]} for item in sorted(late, key=_deadline)]


def _deadline(item: Item) -> int:
    return int(item["pending_deadline"])


def _resume(partition: str, owner: str, page: PageRequest, *, now_ms: int) -> Item | None:
    if not page.after:
        return None
    request_id, deadline = page.after
    # Past its own deadline the cursor lies before everything that is still pending.
    if int(deadline) <= now_ms:
        return None
    return {**state_key(str(request_id)), partition: owner, "pending_deadline": deadline}
