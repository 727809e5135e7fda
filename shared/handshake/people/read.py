"""Read people's records, for operators: whoever may scan the table they stand in."""

from handshake.dynamo.changed_records import RECORD
from handshake.dynamo.context import Context
from handshake.people.standing import PersonRecord
from handshake.people.table import PARTITION_PREFIX, person_from


def list_people(context: Context) -> list[PersonRecord]:
    """Give every record, those of who is disabled or removed included, by tenants and principals.

    Scans the whole table: for operators, never for a caller. Raises StoreUnavailableError.
    """
    where = "begins_with(pk, :people) AND sk = :record"
    items = context.dynamo.scan(context.tables.policy, where, {":people": PARTITION_PREFIX, ":record": RECORD})
    found = [record for record in map(person_from, items) if record]
    return sorted(found, key=lambda person: (person.tenant_id or "", person.principal_id, person.identity.subject))
