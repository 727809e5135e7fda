"""People's records and the evidence of each change, in the policy table.

They stand there, beside the records of agents, because of who may write: no function has leave to write these keys, so
nothing that serves calls can let anybody in.
"""

from dataclasses import replace
from typing import Final

from handshake.dynamo.changed_records import RECORD, ChangeTransaction, change_sort_key, evidence_digest
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.transaction import Step
from handshake.people.change import Changed
from handshake.people.standing import Identity, PersonRecord, PersonState

PARTITION_PREFIX: Final = "PERSON#"


def record_key(identity: Identity) -> Key:
    """Give the key of a person's record."""
    return {"pk": f"{PARTITION_PREFIX}{identity.key}", "sk": RECORD}


def change_key(identity: Identity, version: int) -> Key:
    """Give the key of the evidence of one change of a person's record."""
    return {"pk": f"{PARTITION_PREFIX}{identity.key}", "sk": change_sort_key(version)}


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


class PersonTransaction(ChangeTransaction):
    """Writes of people's records."""

    def change_person(self, changed: Changed) -> Step[PersonRecord | None]:
        """Put a record and the evidence of its change, if nobody changed it since; else the record is found."""
        record = changed.record
        evidence = {**change_key(record.identity, record.version), **changed.evidence}
        return self._change(record_item(replace(record, head=evidence_digest(evidence))), evidence, person_from)
