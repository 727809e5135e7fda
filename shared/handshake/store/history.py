"""What was submitted, by day: the index that a policy is simulated on."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any, Final

from handshake.domain.submission import Submission
from handshake.store.dynamo import Dynamo, Item, Page
from handshake.store.lanes import lane

RECORDED: Final = "recorded"
RECORDED_LANES: Final = 4
# What can be looked through while a caller waits: pages of so many requests, some 1 MB each.
_PAGES_OF_A_LANE: Final = 8
_A_PAGE: Final = 5000


def recorded_lane(agent_id: str) -> int:
    """The agent's lane of the index: each day is spread over RECORDED_LANES."""
    return lane(agent_id, RECORDED_LANES)


def recorded_partition(day: str, number: int) -> str:
    """The partition of a UTC day's lane."""
    return f"{day}#{number}"


def recorded_submission(item: Item) -> Submission:
    """The deciding part of a recorded request; what identifies it stays behind in the table."""
    return Submission(
        request_id="",
        principal_id="",
        agent_id=item["agent_id"],
        tenant_id=None,
        action_type=item["action_type"],
        payload_ref="",
        timestamp_ms=int(item["timestamp_ms"]),
        facts=json.loads(item["facts"]),
    )


def recorded_since(
    dynamo: Dynamo, table: str, *, days: Sequence[str], limit: int, agent_id: str | None = None
) -> tuple[list[Item], bool]:
    """What was submitted on ``days`` (UTC, newest first), by ``agent_id`` where one is named, newest first.

    At most ``limit`` items, and whether these are all there are. Items hold agent_id, action_type, facts and
    timestamp_ms: what a decision can be replayed from. Of an agent, no more than _PAGES_OF_A_LANE are looked through.
    """
    if agent_id is not None:
        return _by_agent(dynamo, table, agent_id, days=days, limit=limit)
    items: list[Item] = []
    with ThreadPoolExecutor(RECORDED_LANES) as pool:
        for day in days:
            # One more than is wanted tells whether there is more.
            newest = partial(_newest, dynamo, table, limit=limit + 1 - len(items))
            lanes = pool.map(newest, (recorded_partition(day, number) for number in range(RECORDED_LANES)))
            items += sorted(chain.from_iterable(lanes), key=lambda item: int(item["created_at"]), reverse=True)
            if len(items) > limit:
                return items[:limit], False
    return items, True


def _newest(dynamo: Dynamo, table: str, partition: str, *, limit: int) -> list[Item]:
    items: list[Item] = []
    page = Page([], None)
    while len(items) < limit:
        page = _page(dynamo, table, partition, start=page.next_key, Limit=limit - len(items))
        items += page.items
        if page.next_key is None:
            break
    return items


def _by_agent(dynamo: Dynamo, table: str, agent_id: str, *, days: Sequence[str], limit: int) -> tuple[list[Item], bool]:
    items: list[Item] = []
    pages = 0
    for day in days:
        partition, page = recorded_partition(day, recorded_lane(agent_id)), Page([], None)
        while pages < _PAGES_OF_A_LANE and len(items) <= limit:
            # An agent shares its lane with others, who may have said much since.
            page = _page(dynamo, table, partition, start=page.next_key, agent_id=agent_id, Limit=_A_PAGE)
            pages += bool(page.next_key)
            items += page.items
            if page.next_key is None:
                break
        else:
            return items[:limit], False
    return items[:limit], len(items) <= limit


def _page(
    dynamo: Dynamo, table: str, partition: str, *, start: Item | None, agent_id: str | None = None, **options: Any
) -> Page:
    values = {":lane": partition}
    if agent_id is not None:
        values[":agent"], options["FilterExpression"] = agent_id, "agent_id = :agent"
    return dynamo.query(
        table, "recorded_lane = :lane", values, start=start, IndexName=RECORDED, ScanIndexForward=False, **options
    )
