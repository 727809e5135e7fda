"""Records whose every change leaves evidence: how both are kept, and how they are held against each other.

What is kept of one thing is one partition: its record under RECORD, and under CHANGED# the evidence of each change,
which has the digest of the one before. The record has that of the last.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from handshake.core.jsonio import digest
from handshake.dynamo.marshalling import UNREADABLE, Item, Put
from handshake.dynamo.transaction import Step, T, Transaction, unread

RECORD: Final = "RECORD"
_CHANGED: Final = "CHANGED#"
_VERSION_DIGITS: Final = 8


class Changed(Protocol):
    """A record as some change left it; ``version`` counts the changes."""

    @property
    def version(self) -> int:
        """Say which change it is of."""


R = TypeVar("R", bound=Changed)


def change_sort_key(version: int) -> str:
    """Give the sort key of the evidence of a record's change number ``version``."""
    return f"{_CHANGED}{version:0{_VERSION_DIGITS}d}"


def evidence_digest(evidence: Mapping[str, Any]) -> str:
    """Give the digest of all that an item of evidence says, its place included."""
    said = {name: int(value) if isinstance(value, Decimal) else value for name, value in evidence.items()}
    return digest(_present(said))


class ChangeTransaction(Transaction):
    """Writes of such records in the policy table."""

    def _change(self, record: Item, evidence: Item, read: Callable[[Item | None], T]) -> Step[T]:
        """Put a record and the evidence of its change, if nobody changed it since; else the record is found."""
        table, version = self._context.tables.policy, record["version"]
        step = self._add(
            Put(
                table,
                record,
                condition="attribute_not_exists(pk)" if version == 1 else "version = :before",
                values={} if version == 1 else {":before": version - 1},
            ),
            read,
        )
        self._add(Put(table, evidence, condition="attribute_not_exists(pk)"), unread)
        return step


def verify_changes(
    items: Sequence[Item],
    read: Callable[[Item], R | None],
    evidence_item: Callable[[R, Item, R | None], Item],
    record_item: Callable[[R], Item],
) -> list[str]:
    """Verify ``items``, in any order: everything in the partition of a record.

    The record is made anew from the evidence of its changes, and what is stored must be that. ``read`` gives the record
    that an item holds, and evidence has its attributes but for the head; ``evidence_item`` how a change is written,
    after the record before it; ``record_item`` how a record is. Returns what is wrong.
    """
    try:
        return _problems({item["sk"]: item for item in items}, read, evidence_item, record_item)
    except UNREADABLE:
        return ["what is kept of it cannot be read"]


def _problems(
    kept: Mapping[str, Item],
    read: Callable[[Item], R | None],
    evidence_item: Callable[[R, Item, R | None], Item],
    record_item: Callable[[R], Item],
) -> list[str]:
    changes = [kept[sort_key] for sort_key in sorted(kept) if sort_key.startswith(_CHANGED)]
    if len(kept) != len(changes) + 1 or not changes:
        return [f"{len(changes)} changes and {len(kept) - len(changes)} other items are kept of it"]
    before: R | None = None
    for version, change in enumerate(changes, start=1):
        record = read({**change, "head": evidence_digest(change)})
        if (
            record is None
            or record.version != version
            or _present(change) != _present(evidence_item(record, change, before))
        ):
            return [f"change {version} is not as it was written, or does not follow the change before as it is now"]
        before = record
    if before is None or _present(kept[RECORD]) != _present(record_item(before)):
        return [f"the record is not what change {len(changes)} made of it"]
    return []


def _present(item: Mapping[str, Any]) -> Item:
    return {name: value for name, value in item.items() if value is not None}
