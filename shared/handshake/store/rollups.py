"""Where roll-ups and the projector's checkpoints are kept, beside the events they are folded from."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from handshake.domain.rollup import ROLLUP_SCHEMA_VERSION, Bucket, RollUp
from handshake.store.dynamo import Dynamo, Item, Key, Update
from handshake.store.event_stream import Lane

_NOT_COUNTERS: Final = frozenset({"pk", "sk", "schema_version"})

# By lane, the sequence of the last event that was counted; "" before the first, and below every other.
Checkpoints = dict[Lane, str]


def read_rollups(dynamo: Dynamo, table: str, buckets: Sequence[Bucket]) -> list[RollUp]:
    """The roll-ups of ``buckets``, consecutive ones of one size, oldest first; empty where nothing happened.

    One query, whatever the traffic was.
    """
    first, last = buckets[0], buckets[-1]
    items = dynamo.query_all(
        table,
        "pk = :pk AND sk BETWEEN :first AND :last",
        {":pk": _partition(first), ":first": first.start, ":last": last.start},
    )
    stored = {item["sk"]: _rollup(item) for item in items}
    return [stored.get(bucket.start, Counter()) for bucket in buckets]


def add(table: str, bucket: Bucket, rollup: RollUp) -> Update:
    """The write that adds ``rollup`` to what ``bucket`` holds."""
    added = ", ".join(f"#{name} :{name}" for name in rollup)
    return Update(
        table,
        {"pk": _partition(bucket), "sk": bucket.start},
        f"SET schema_version = :schema_version ADD {added}",
        {":schema_version": ROLLUP_SCHEMA_VERSION, **{f":{name}": count for name, count in rollup.items()}},
        names={f"#{name}": name for name in rollup},
    )


def read_checkpoints(dynamo: Dynamo, table: str, lanes: Collection[Lane]) -> Checkpoints:
    """How far each of ``lanes`` was counted, in one read."""
    items = dynamo.batch_get([(table, _checkpoint_key(lane)) for lane in lanes])
    return {lane: item["last_seq"] if item else "" for lane, item in zip(lanes, items, strict=True)}


def move_checkpoint(table: str, lane: Lane, *, seen: str, to: str) -> Update:
    """The write that moves a checkpoint on, if it still is where it was ``seen``."""
    return Update(
        table,
        _checkpoint_key(lane),
        "SET last_seq = :to",
        {":to": to, **({":seen": seen} if seen else {})},
        condition="last_seq = :seen" if seen else "attribute_not_exists(last_seq)",
    )


def _partition(bucket: Bucket) -> str:
    return f"ROLLUP#{bucket.size}"


def _checkpoint_key(lane: Lane) -> Key:
    return {"pk": f"CHECKPOINT#{lane.partition}", "sk": lane.stream}


def _rollup(item: Item) -> RollUp:
    return Counter({name: int(count) for name, count in item.items() if name not in _NOT_COUNTERS})
