"""Where roll-ups and the projector's checkpoints are kept, beside the events they are folded from."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from handshake.dynamo.client import RETRY_BUDGET_S, Delete, Dynamo, Item, Key, Put, Update
from handshake.dynamo.sharding import Lane
from handshake.metrics.event_table import LANES
from handshake.metrics.rollup import BUCKET_MS, ROLLUP_SCHEMA_VERSION, Bucket, BucketSize, RollUp

_NOT_COUNTERS: Final = frozenset({"pk", "sk", "schema_version"})
_ROLLUP_PREFIX: Final = "ROLLUP#"


class Checkpoint(NamedTuple):
    """What of a lane was counted: events up to ``last_seq``, and whatever was appended before ``counted_before_ms``.

    ``last_seq`` is "" before the first event, and below every other; ``counted_before_ms`` (epoch ms) is 0 until a
    rebuild sets it. ``held_by`` names the rebuild that counts at present, while nobody else may.
    """

    last_seq: str = ""
    counted_before_ms: int = 0
    held_by: str = ""


Checkpoints = dict[Lane, Checkpoint]


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


def read_all_rollups(dynamo: Dynamo, table: str) -> dict[Bucket, RollUp]:
    """Every roll-up there is, as of now: for audits, never for a caller."""
    found: dict[Bucket, RollUp] = {}
    for size in BUCKET_MS:
        start = None
        while True:
            dynamo.allow(RETRY_BUDGET_S)
            page = dynamo.query(table, "pk = :pk", {":pk": f"{_ROLLUP_PREFIX}{size}"}, start=start, ConsistentRead=True)
            found |= {_bucket(size, item): _rollup(item) for item in page.items}
            start = page.next_key
            if start is None:
                break
    return found


def replace(table: str, bucket: Bucket, rollup: RollUp) -> Put | Delete:
    """The write that makes ``bucket`` hold exactly ``rollup``."""
    key = {"pk": _partition(bucket), "sk": bucket.start}
    if not rollup:
        return Delete(table, key, condition="", values={})
    return Put(table, {**key, "schema_version": ROLLUP_SCHEMA_VERSION, **rollup})


def read_checkpoints(dynamo: Dynamo, table: str, lanes: Collection[Lane]) -> Checkpoints:
    """How far each of ``lanes`` was counted, in one read."""
    items = dynamo.batch_get([(table, _checkpoint_key(lane)) for lane in lanes])
    return {lane: _checkpoint(item) for lane, item in zip(lanes, items, strict=True)}


def move_checkpoint(table: str, lane: Lane, *, seen: Checkpoint, to: str) -> Update:
    """The write that moves a checkpoint on, if it still is where it was ``seen`` and no rebuild holds it."""
    conditions = ["attribute_not_exists(held_by)"]
    values: dict[str, str | int] = {":to": to}
    for name, value in (("last_seq", seen.last_seq), ("counted_before", seen.counted_before_ms)):
        conditions.append(f"{name} = :{name}" if value else f"attribute_not_exists({name})")
        values |= {f":{name}": value} if value else {}
    return Update(table, _checkpoint_key(lane), "SET last_seq = :to", values, condition=" AND ".join(conditions))


def hold(table: str, stream: str, *, by: str) -> list[Update]:
    """The writes that keep everybody but ``by`` from counting, on every lane of ``stream``. Takes over from others."""
    return [Update(table, _checkpoint_key(lane), "SET held_by = :by", {":by": by}) for lane in _lanes(stream)]


def keep_hold(table: str, stream: str, *, by: str) -> Update:
    """The write that changes nothing, and fails with all it is written with unless ``by`` still holds ``stream``."""
    lane = _lanes(stream)[0]
    return Update(table, _checkpoint_key(lane), "SET held_by = :by", {":by": by}, condition="held_by = :by")


def release(table: str, stream: str, *, by: str, counted_before_ms: int) -> list[Update]:
    """The writes that end the hold of ``by``; what was appended before ``counted_before_ms`` is counted by now."""
    return [
        Update(
            table,
            _checkpoint_key(lane),
            "SET counted_before = :counted_before REMOVE held_by",
            {":by": by, ":counted_before": counted_before_ms},
            condition="held_by = :by",
        )
        for lane in _lanes(stream)
    ]


def _lanes(stream: str) -> list[Lane]:
    return [Lane(stream, str(number)) for number in range(LANES)]


def _partition(bucket: Bucket) -> str:
    return f"{_ROLLUP_PREFIX}{bucket.size}"


def _checkpoint_key(lane: Lane) -> Key:
    return {"pk": f"CHECKPOINT#{lane.partition}", "sk": lane.stream}


def _checkpoint(item: Item | None) -> Checkpoint:
    found = item or {}
    return Checkpoint(found.get("last_seq", ""), int(found.get("counted_before", 0)), found.get("held_by", ""))


def _bucket(size: BucketSize, item: Item) -> Bucket:
    return Bucket(size, int(datetime.fromisoformat(item["sk"]).timestamp()) * 1000)


def _rollup(item: Item) -> RollUp:
    return Counter({name: int(count) for name, count in item.items() if name not in _NOT_COUNTERS})
