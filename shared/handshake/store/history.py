"""What was submitted, by day: the index that a policy is simulated on."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from handshake.domain.submission import Submission
from handshake.store.dynamo import Dynamo, Item
from handshake.store.lanes import lane

RECORDED: Final = "recorded"
RECORDED_LANES: Final = 4


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


def recorded_since(dynamo: Dynamo, table: str, *, days: Sequence[str], lanes: Sequence[int], limit: int) -> list[Item]:
    """What was submitted on ``days`` (UTC, newest first) in ``lanes``, newest first, at most ``limit`` items.

    Items hold agent_id, action_type, facts and timestamp_ms: what a decision can be replayed from.
    """
    items: list[Item] = []
    for day in days:
        wanted = limit - len(items)
        if wanted == 0:
            break
        with ThreadPoolExecutor(len(lanes)) as pool:
            partitions = [recorded_partition(day, number) for number in lanes]
            of_day = [
                item
                for newest in pool.map(partial(_newest, dynamo, table, limit=wanted), partitions)
                for item in newest
            ]
        items += sorted(of_day, key=lambda item: int(item["created_at"]), reverse=True)[:wanted]
    return items


def _newest(dynamo: Dynamo, table: str, partition: str, *, limit: int) -> list[Item]:
    items: list[Item] = []
    start: Item | None = None
    while len(items) < limit:
        page = dynamo.query(
            table,
            "recorded_lane = :lane",
            {":lane": partition},
            start=start,
            IndexName=RECORDED,
            ScanIndexForward=False,
            Limit=limit - len(items),
        )
        items += page.items
        if page.next_key is None:
            break
        start = page.next_key
    return items
