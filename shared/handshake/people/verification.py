"""Verifies a person's record: each change against the one before it, and the record against the last of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from handshake.dynamo.marshalling import Item
from handshake.people.change import Actor, evidence_of
from handshake.people.standing import Identity, PersonRecord, PersonState
from handshake.people.table import change_key, evidence_digest, record_item, record_key

UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, IndexError, RecursionError)


def verify_person(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of a person: ``items``, in any order, are everything in its partition.

    The record is made anew from the evidence of its changes, and what is stored must be that.
    """
    try:
        return _problems({item["sk"]: item for item in items})
    except UNREADABLE:
        return ["what is kept of it cannot be read"]


def _problems(kept: Mapping[str, Item]) -> list[str]:
    changes = [kept[sort_key] for sort_key in sorted(kept) if sort_key.startswith("CHANGED#")]
    if len(kept) != len(changes) + 1 or not changes:
        return [f"{len(changes)} changes and {len(kept) - len(changes)} other items are kept of it"]
    before: PersonRecord | None = None
    for version, change in enumerate(changes, start=1):
        record = _record_of(change, version)
        actor = Actor(change["changed_by"], change["correlation_id"])
        if _plain(change) != _plain({**change_key(record.identity, version), **evidence_of(record, actor, before)}):
            return [f"change {version} is not as it was written, or does not follow the change before as it is now"]
        before = replace(record, head=evidence_digest(change))
    if before is None or _plain(kept[record_key(before.identity)["sk"]]) != _plain(record_item(before)):
        return [f"the record is not what change {len(changes)} made of it"]
    return []


def _record_of(change: Item, version: int) -> PersonRecord:
    return PersonRecord(
        identity=Identity(change["issuer"], change["subject"]),
        principal_id=change["principal_id"],
        tenant_id=change.get("tenant_id"),
        scopes=tuple(change["scopes"]),
        state=PersonState(change["state"]),
        reason=change["reason"],
        changed_at_ms=int(change["changed_at"]),
        changed_by=change["changed_by"],
        version=version,
        head="",
    )


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}
