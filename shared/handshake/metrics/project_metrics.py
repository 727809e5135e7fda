"""Project metrics: fold events into roll-ups, counting each once however often the stream delivers it.

Within a shard sequences only grow, so a checkpoint a shard says what has been counted. It moves in the
transaction that counts: whatever fails, and wherever, both have happened or neither. After a rebuild the checkpoint
also says which events it counted already, by when they were appended.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.sharding import Shard
from handshake.metrics.agent_decisions import by_agent, outlived
from handshake.metrics.event_stream import StreamedEvent
from handshake.metrics.rollup import Bucket, buckets_of, roll_up
from handshake.metrics.rollup_table import Checkpoints, RollupTransaction, read_standing

# A checkpoint is lost only to another projector that counts the same events, so few tries see the end of it.
_TRIES: Final = 5
# Nobody waits for a batch, and one that is not done in time is delivered again.
_BATCH_S: Final = 20.0
# DynamoDB takes 100 writes a transaction, and 300 operators in 4 KB an expression: an event brings at most two counters
# of its own, its AIRT bin and that of what was reported, beside some forty that all share.
MAX_WRITES: Final = 100
MAX_EVENTS: Final = 100
# One call reads 100 items. What is kept of further agents is not read, so none of it is dropped this time.
_AGENTS_READ: Final = 80


def project_metrics(
    context: Context, events: Sequence[StreamedEvent], *, per_transaction: int = MAX_EVENTS
) -> list[StreamedEvent]:
    """Count those of ``events`` that are not yet counted, at most ``per_transaction`` of them at once; say which.

    Raises StoreUnavailableError when the store does not answer, others keep counting the same shards, or a rebuild
    holds them. Part may be counted by then; delivering all of them again counts the rest.
    """
    counted: list[StreamedEvent] = []
    if not events:
        return counted
    context = context.within(_BATCH_S)
    for _ in range(_TRIES):
        for batch in _project(context, events, per_transaction):
            if batch is None:
                break
            counted += batch
        else:
            return counted
    raise StoreUnavailableError("Other projectors keep moving these checkpoints.")


def _project(
    context: Context, events: Sequence[StreamedEvent], per_transaction: int
) -> Iterator[list[StreamedEvent] | None]:
    """Count ``events`` a transaction at a time; None ends it, where another projector counted first."""
    agents = sorted({streamed.event.agent for streamed in events if streamed.event.agent})
    checkpoints, kept = read_standing(
        context.dynamo,
        context.tables.metrics,
        sorted({streamed.shard for streamed in events}),
        agents[:_AGENTS_READ],
    )
    if any(checkpoint.held_by for checkpoint in checkpoints.values()):
        raise StoreUnavailableError("The roll-ups are being rebuilt.")
    for batch in _transactions(_uncounted(events, checkpoints), per_transaction):
        ends = {streamed.shard: streamed.sequence for streamed in batch}
        rollups = roll_up(streamed.event for streamed in batch)
        tx = RollupTransaction(context)
        for shard, end in ends.items():
            tx.move_checkpoint(shard, seen=checkpoints[shard], to=end)
        for bucket, rollup in rollups.items():
            tx.add_rollup(bucket, rollup)
        for agent, decisions in by_agent((streamed.shard.partition, streamed.event) for streamed in batch).items():
            old = outlived(kept.get(agent), now_ms=context.now_ms())
            tx.add_agent_decisions(agent, decisions, outlived=old)
        if not tx.commit():
            yield None
            return
        checkpoints |= {shard: checkpoints[shard]._replace(last_seq=end) for shard, end in ends.items()}
        yield batch


def _uncounted(events: Iterable[StreamedEvent], checkpoints: Checkpoints) -> list[StreamedEvent]:
    """Give each event beyond its shard's checkpoint once, in the stream's order."""
    beyond = {
        (streamed.shard, streamed.sequence): streamed
        for streamed in events
        if streamed.sequence > checkpoints[streamed.shard].last_seq
        and streamed.appended_at_ms >= checkpoints[streamed.shard].counted_before_ms
    }
    return sorted(beyond.values(), key=lambda streamed: streamed.sequence)


def _transactions(events: Iterable[StreamedEvent], most: int) -> Iterator[list[StreamedEvent]]:
    """Runs of at most ``most`` events, in order, each of which one transaction can count."""
    batch: list[StreamedEvent] = []
    written: set[Shard | Bucket | str] = set()
    for streamed in events:
        writes: set[Shard | Bucket | str] = {streamed.shard, *buckets_of(streamed.event)}
        writes |= {streamed.event.agent} if streamed.event.agent else set()
        if len(batch) == most or len(written | writes) > MAX_WRITES:
            yield batch
            batch, written = [], set()
        batch.append(streamed)
        written |= writes
    if batch:
        yield batch
