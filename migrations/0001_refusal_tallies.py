"""Requests keep the sum of 80-bit shares of their refused actions, where an earlier release kept 96-bit ones.

A request remembers the sum of its refused actions' digests, each cut to a share, so that a dropped or edited one shows.
Shares became shorter, so that however many actions are refused the sum stays within the 38 digits that DynamoDB keeps.
To ``python -m ops evidence verify`` a sum of longer shares looks like tampering.

A sum is replaced only if the refused actions that are kept add up to it exactly: all of them with long shares or, on a
request that was open across the releases, the earlier ones. Any other sum is evidence of tampering, and stays as it is.
"""

from collections.abc import Iterator
from typing import Final

from handshake.dynamo.marshalling import Item, Update
from handshake.requests.evidence import EvidenceEvent
from handshake.requests.table import read_partition, split_partition
from ops.migrations import Plan, Reader, Scope, Worker

_SHORT_DIGITS: Final = 20  # 80 bits
_LONG_DIGITS: Final = 24  # 96 bits
# A refusal that comes between reading a request and reading its evidence makes the two disagree.
_READS: Final = 3


def plan(reader: Reader) -> Plan:
    """See ``ops.migrations``."""
    what = "replace the sum of long shares of refused actions by the sum of short ones"
    return Plan(what, reader.count(_scope(reader), lambda item: _change(reader, item)))


def apply(worker: Worker) -> None:
    """See ``ops.migrations``."""
    worker.back_fill(_scope(worker), lambda item: _change(worker, item))


def _scope(reader: Reader) -> Scope:
    return Scope(
        reader.context.tables.workflow,
        where="sk = :state AND refusals > :none",
        values={":state": "STATE", ":none": 0},
        attributes=("pk", "sk", "request_id"),
    )


def _change(reader: Reader, item: Item) -> Update | None:
    table = reader.context.tables.workflow
    for _ in range(_READS):
        items = read_partition(reader.context.dynamo, table, item["request_id"])
        state = next((one for one in items if one["sk"] == "STATE"), {})
        refused = [event for event in split_partition(items)[1] if not event.sequence]
        kept, short = state.get("refusal_tally", 0), sum(_shares(refused, _SHORT_DIGITS))
        if kept == short:
            return None
        if kept in _sums(refused):
            return Update(
                table,
                {"pk": state["pk"], "sk": state["sk"]},
                "SET refusal_tally = :short",
                {":short": short, ":kept": kept, ":refusals": len(refused)},
                condition="refusals = :refusals AND refusal_tally = :kept",
            )
    return None


def _sums(refused: list[EvidenceEvent]) -> set[int]:
    """Give the sums that have long shares of the first refused actions, and short ones of the others."""
    long, short = list(_shares(refused, _LONG_DIGITS)), list(_shares(refused, _SHORT_DIGITS))
    return {sum(long[:turn]) + sum(short[turn:]) for turn in range(len(refused) + 1)}


def _shares(refused: list[EvidenceEvent], digits: int) -> Iterator[int]:
    return (int(event.digest[:digits], 16) for event in refused)
