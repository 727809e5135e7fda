"""Reads what was submitted, by day: the index that a policy is simulated on."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from handshake.dynamo.client import Dynamo, Page
from handshake.dynamo.marshalling import Item
from handshake.requests.action_items import action_key
from handshake.requests.action_items import with_arguments as with_kept_arguments
from handshake.requests.submission import Submission
from handshake.requests.table import (
    RECORDED,
    RECORDED_SHARDS,
    record_from,
    recorded_partition,
    recorded_shard,
)

# What can be looked through while a caller waits: pages of so many requests, some 1 MB each.
_PAGES_OF_A_SHARD: Final = 8
_A_PAGE: Final = 5000
# What one call to the store reads.
_BATCH: Final = 100


def submissions_of(dynamo: Dynamo, table: str, states: Sequence[Item]) -> list[Submission]:
    """Give the submissions of requests, whose ``states`` are as the index has them: without their tenants."""
    keys = [(table, {"pk": item["pk"], "sk": item["sk"]}) for item in states]
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    with ThreadPoolExecutor(RECORDED_SHARDS) as pool:
        records = map(record_from, chain.from_iterable(pool.map(dynamo.batch_get, batches)))
        return [record.submission for record in records if record]


def with_arguments(dynamo: Dynamo, table: str, submissions: Sequence[Submission]) -> list[Submission]:
    """Give the same requests with the arguments of their actions; those whose arguments are erased are left out."""
    kept = [request for request in submissions if request.action]
    keys = [(table, action_key(request.request_id)) for request in kept]
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    with ThreadPoolExecutor(RECORDED_SHARDS) as pool:
        items = list(chain.from_iterable(pool.map(dynamo.batch_get, batches)))
    actions = {
        request.request_id: with_kept_arguments(request, item)
        for request, item in zip(kept, items, strict=True)
        if item and "canonical" in item
    }
    return [
        actions.get(request.request_id, request)
        for request in submissions
        if request.action is None or request.request_id in actions
    ]


def recorded_since(
    dynamo: Dynamo, table: str, *, days: Sequence[str], limit: int, agent_id: str | None = None
) -> tuple[list[Item], bool]:
    """Read what was submitted on ``days`` (UTC, newest first), by ``agent_id`` where one is named, newest first.

    At most ``limit`` items, and whether these are all there are. Of an agent, no more than _PAGES_OF_A_SHARD are looked
    through.
    """
    if agent_id is not None:
        return _by_agent(dynamo, table, agent_id, days=days, limit=limit)
    items: list[Item] = []
    with ThreadPoolExecutor(RECORDED_SHARDS) as pool:
        for day in days:
            # One more than is wanted tells whether there is more.
            newest = partial(_newest, dynamo, table, limit=limit + 1 - len(items))
            shards = pool.map(newest, (recorded_partition(day, number) for number in range(RECORDED_SHARDS)))
            items += sorted(chain.from_iterable(shards), key=lambda item: int(item["created_at"]), reverse=True)
            if len(items) > limit:
                return items[:limit], False
    return items, True


def _newest(dynamo: Dynamo, table: str, partition: str, *, limit: int) -> list[Item]:
    items: list[Item] = []
    for page in _pages(dynamo, table, partition, {}, Limit=limit):
        items += page.items
        if len(items) >= limit:
            break
    return items


def _by_agent(dynamo: Dynamo, table: str, agent_id: str, *, days: Sequence[str], limit: int) -> tuple[list[Item], bool]:
    # An agent shares its shard with others, who may have said much since.
    its_own = partial(_pages, dynamo, table, FilterExpression="agent_id = :agent", Limit=_A_PAGE)
    partitions = (recorded_partition(day, recorded_shard(agent_id)) for day in days)
    pages = (page for partition in partitions for page in its_own(partition, {":agent": agent_id}))
    items: list[Item] = []
    for page in islice(pages, _PAGES_OF_A_SHARD):
        items += page.items
        if len(items) > limit:
            return items[:limit], False
    return items, next(pages, None) is None


def _pages(dynamo: Dynamo, table: str, partition: str, values: Mapping[str, str], **options: Any) -> Iterator[Page]:
    page = Page([], None)
    while True:
        page = dynamo.query(
            table,
            "recorded_lane = :shard",
            {":shard": partition, **values},
            start=page.next_key,
            IndexName=RECORDED,
            ScanIndexForward=False,
            **options,
        )
        yield page
        if page.next_key is None:
            return
