"""Verifies a person's record: each change against the one before it, and the record against the last of them."""

from collections.abc import Sequence

from handshake.dynamo.changed_records import verify_changes
from handshake.dynamo.marshalling import Item
from handshake.people.change import Actor, evidence_of
from handshake.people.standing import PersonRecord
from handshake.people.table import change_key, person_from, record_item


def verify_person(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of a person: ``items``, in any order, are everything in its partition."""
    return verify_changes(items, person_from, _evidence_item, record_item)


def _evidence_item(record: PersonRecord, change: Item, before: PersonRecord | None) -> Item:
    actor = Actor(change["changed_by"], change["correlation_id"])
    return {**change_key(record.identity, record.version), **evidence_of(record, actor, before)}
