"""Keeps roll-ups and the projector's checkpoints, beside the events they are folded from."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from handshake.dynamo.client import RETRY_BUDGET_S, Dynamo
from handshake.dynamo.marshalling import Delete, Item, Key, Put, Update
from handshake.dynamo.sharding import Shard
from handshake.dynamo.transaction import Transaction, unread
from handshake.metrics.agent_decisions import AgentDecisions
from handshake.metrics.event_table import SHARDS
from handshake.metrics.rollup import BUCKET_MS, ROLLUP_SCHEMA_VERSION, Bucket, BucketSize, RollUp

_NOT_COUNTERS: Final = frozenset({"pk", "sk", "schema_version"})
_ROLLUP_PREFIX: Final = "ROLLUP#"


class Checkpoint(NamedTuple):
    """Tells how much of a shard was counted: up to ``last_seq``, and all appended before ``counted_before_ms``.

    ``last_seq`` is "" before the first event, and below every other; ``counted_before_ms`` (epoch ms) is 0 until a
    rebuild sets it. ``held_by`` names the rebuild that counts at present, while nobody else may.
    """

    last_seq: str = ""
    counted_before_ms: int = 0
    held_by: str = ""


Checkpoints = dict[Shard, Checkpoint]


class RollupTransaction(Transaction):
    """Writes of roll-ups and checkpoints: what is counted, and how far."""

    def add_rollup(self, bucket: Bucket, rollup: RollUp) -> None:
        """Add ``rollup`` to what ``bucket`` holds."""
        # Numbered, for an expression may have 4 KB and names are long.
        counters = list(enumerate(rollup.items()))
        added = ", ".join(f"#{index} :{index}" for index, _ in counters)
        self._update(
            _rollup_key(bucket),
            f"SET schema_version = :schema_version ADD {added}",
            {":schema_version": ROLLUP_SCHEMA_VERSION, **{f":{index}": count for index, (_, count) in counters}},
            names={f"#{index}": name for index, (name, _) in counters},
        )

    def add_agent_decisions(self, agent: str, decisions: AgentDecisions, *, outlived: Sequence[str] = ()) -> None:
        """Add ``decisions`` to what is kept of ``agent``, a pseudonym, and drop the counters that are ``outlived``."""
        counters = list(enumerate(decisions.counts.items()))
        times = list(enumerate(decisions.last_ms.items(), start=len(counters)))
        dropped = list(enumerate(outlived, start=len(counters) + len(times)))
        expression = "SET " + ", ".join(f"#{index} = :{index}" for index, _ in times)
        expression += " ADD " + ", ".join(f"#{index} :{index}" for index, _ in counters)
        expression += " REMOVE " + ", ".join(f"#{index}" for index, _ in dropped) if dropped else ""
        self._update(
            agent_decisions_key(agent),
            expression,
            {f":{index}": value for index, (_, value) in [*counters, *times]},
            names={f"#{index}": name for index, (name, _) in [*counters, *times]}
            | {f"#{index}": name for index, name in dropped},
        )

    def replace_agent_decisions(self, agent: str, decisions: AgentDecisions) -> None:
        """Keep exactly ``decisions`` of ``agent``, a pseudonym."""
        item = {**agent_decisions_key(agent), **decisions.counts, **decisions.last_ms}
        self._add(Put(self._context.tables.metrics, item), unread)

    def replace_rollup(self, bucket: Bucket, rollup: RollUp) -> None:
        """Make ``bucket`` hold exactly ``rollup``."""
        table, key = self._context.tables.metrics, _rollup_key(bucket)
        if rollup:
            self._add(Put(table, {**key, "schema_version": ROLLUP_SCHEMA_VERSION, **rollup}), unread)
        else:
            self._add(Delete(table, key, condition="", values={}), unread)

    def move_checkpoint(self, shard: Shard, *, seen: Checkpoint, to: str) -> None:
        """Move a checkpoint on, if it still is where it was ``seen`` and no rebuild holds it."""
        conditions = ["attribute_not_exists(held_by)"]
        values: dict[str, str | int] = {":to": to}
        for name, value in (("last_seq", seen.last_seq), ("counted_before", seen.counted_before_ms)):
            conditions.append(f"{name} = :{name}" if value else f"attribute_not_exists({name})")
            values |= {f":{name}": value} if value else {}
        self._update(_checkpoint_key(shard), "SET last_seq = :to", values, condition=" AND ".join(conditions))

    def hold(self, stream: str, *, by: str) -> None:
        """Keep everybody but ``by`` from counting, on every shard of ``stream``. Takes over from others."""
        for shard in _shards(stream):
            self._update(_checkpoint_key(shard), "SET held_by = :by", {":by": by})

    def keep_hold(self, stream: str, *, by: str) -> None:
        """Change nothing, and fail with all it is written with unless ``by`` still holds ``stream``."""
        key = _checkpoint_key(_shards(stream)[0])
        self._update(key, "SET held_by = :by", {":by": by}, condition="held_by = :by")

    def release(self, stream: str, *, by: str, counted_before_ms: int) -> None:
        """End the hold of ``by``; what was appended before ``counted_before_ms`` is counted by now."""
        for shard in _shards(stream):
            self._update(
                _checkpoint_key(shard),
                "SET counted_before = :counted_before REMOVE held_by",
                {":by": by, ":counted_before": counted_before_ms},
                condition="held_by = :by",
            )

    def _update(
        self,
        key: Key,
        expression: str,
        values: Mapping[str, Any],
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> None:
        table = self._context.tables.metrics
        self._add(Update(table, key, expression, values, names=names or {}, condition=condition), unread)


def read_rollups(dynamo: Dynamo, table: str, buckets: Sequence[Bucket]) -> list[RollUp]:
    """Give the roll-ups of ``buckets``, consecutive ones of one size, oldest first; empty where nothing happened.

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


def read_all_rollups(dynamo: Dynamo, table: str) -> dict[Bucket, RollUp]:
    """Give every roll-up there is, as of now: for audits, never for a caller."""
    found: dict[Bucket, RollUp] = {}
    for size in BUCKET_MS:
        start = None
        while True:
            values = {":pk": f"{_ROLLUP_PREFIX}{size}"}
            page = dynamo.within(RETRY_BUDGET_S).query(table, "pk = :pk", values, start=start, ConsistentRead=True)
            found |= {_bucket(size, item): _rollup(item) for item in page.items}
            start = page.next_key
            if start is None:
                break
    return found


def read_standing(
    dynamo: Dynamo, table: str, shards: Collection[Shard], agents: Collection[str]
) -> tuple[Checkpoints, dict[str, Item | None]]:
    """Read, in one call, how far each of ``shards`` was counted, and what is kept of each of ``agents``."""
    keys = [*map(_checkpoint_key, shards), *map(agent_decisions_key, agents)]
    items = iter(dynamo.batch_get([(table, key) for key in keys]))
    checkpoints = {shard: _checkpoint(item) for shard, item in zip(shards, items, strict=False)}
    return checkpoints, dict(zip(agents, items, strict=True))


def agent_decisions_key(agent: str) -> Key:
    """Give the key of what was decided of an agent, named by its pseudonym."""
    return {"pk": f"AGENT#{agent}", "sk": "DECISIONS"}


def _shards(stream: str) -> list[Shard]:
    return [Shard(stream, str(number)) for number in range(SHARDS)]


def _partition(bucket: Bucket) -> str:
    return f"{_ROLLUP_PREFIX}{bucket.size}"


def _rollup_key(bucket: Bucket) -> Key:
    return {"pk": _partition(bucket), "sk": bucket.start}


def _checkpoint_key(shard: Shard) -> Key:
    return {"pk": f"CHECKPOINT#{shard.partition}", "sk": shard.stream}


def _checkpoint(item: Item | None) -> Checkpoint:
    found = item or {}
    return Checkpoint(found.get("last_seq", ""), int(found.get("counted_before", 0)), found.get("held_by", ""))


def _bucket(size: BucketSize, item: Item) -> Bucket:
    return Bucket(size, int(datetime.fromisoformat(item["sk"]).timestamp()) * 1000)


def _rollup(item: Item) -> RollUp:
    return Counter({name: int(count) for name, count in item.items() if name not in _NOT_COUNTERS})
