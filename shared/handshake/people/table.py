"""People's records and the evidence of each change, in the policy table.

They stand there, beside the records of agents, because of who may write: no function has leave to write these keys, so
nothing that serves calls can let anybody in. A person is one partition: the record under RECORD, and under CHANGED# the
evidence of each change, which has the digest of the one before.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from handshake.core.jsonio import digest
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, Transaction, unread
from handshake.people.change import Changed
from handshake.people.standing import Identity, PersonRecord, PersonState

PARTITION_PREFIX: Final = "PERSON#"
RECORD: Final = "RECORD"
_CHANGED: Final = "CHANGED#"
_VERSION_DIGITS: Final = 8


def record_key(identity: Identity) -> Key:
    """Give the key of a person's record."""
    return {"pk": f"{PARTITION_PREFIX}{identity.key}", "sk": RECORD}


def change_key(identity: Identity, version: int) -> Key:
    """Give the key of the evidence of one change of a person's record."""
    return {"pk": f"{PARTITION_PREFIX}{identity.key}", "sk": f"{_CHANGED}{version:0{_VERSION_DIGITS}d}"}


def person_from(item: Item | None) -> PersonRecord | None:
    """Give the record that a RECORD item holds."""
    if item is None:
        return None
    return PersonRecord(
        identity=Identity(item["issuer"], item["subject"]),
        principal_id=item["principal_id"],
        tenant_id=item.get("tenant_id"),
        scopes=tuple(item["scopes"]),
        state=PersonState(item["state"]),
        reason=item["reason"],
        changed_at_ms=int(item["changed_at"]),
        changed_by=item["changed_by"],
        version=int(item["version"]),
        head=item["head"],
    )


def evidence_digest(evidence: Mapping[str, Any]) -> str:
    """Give the digest of all that an item of evidence says, its place included."""
    plain = {name: int(value) if isinstance(value, Decimal) else value for name, value in evidence.items()}
    return digest({name: value for name, value in plain.items() if value is not None})


def record_item(record: PersonRecord) -> Item:
    """Give the RECORD item of ``record``."""
    return {
        **record_key(record.identity),
        "issuer": record.identity.issuer,
        "subject": record.identity.subject,
        "principal_id": record.principal_id,
        "tenant_id": record.tenant_id,
        "scopes": list(record.scopes),
        "state": record.state.value,
        "reason": record.reason,
        "changed_at": record.changed_at_ms,
        "changed_by": record.changed_by,
        "version": record.version,
        "head": record.head,
    }


class PersonTransaction(Transaction):
    """Writes of people's records."""

    def change_person(self, changed: Changed) -> Step[PersonRecord | None]:
        """Put a record and the evidence of its change, if nobody changed it since; else the record is found."""
        table, record = self._context.tables.policy, changed.record
        evidence = {**change_key(record.identity, record.version), **changed.evidence}
        first = record.version == 1
        put = Put(
            table,
            record_item(replace(record, head=evidence_digest(evidence))),
            condition="attribute_not_exists(pk)" if first else "version = :before",
            values={} if first else {":before": record.version - 1},
        )
        step = self._add(put, person_from)
        self._add(Put(table, evidence, condition="attribute_not_exists(pk)"), unread)
        return step
