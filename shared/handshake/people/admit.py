"""Admit who has signed in, by their record: read with what the call reads anyway, and believed from nowhere else.

What a call reads depends on who calls, so their record must be known before it is read. A process remembers those that
it has seen, and goes by that only to know what to ask for: the record is read again in the same call, and where it is
not the one that was remembered, nothing that was read counts.
"""

from collections import OrderedDict
from typing import Final

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item
from handshake.people.standing import Identity, PersonRecord, admitted
from handshake.people.table import person_from, record_key

_REMEMBERED: Final = 256


class RecordChangedError(Exception):
    """The record is another than the one that was remembered; the call has to begin anew, by this one."""


class Roster:
    """The records that a process remembers, a bounded number of them."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._records: OrderedDict[Identity, PersonRecord] = OrderedDict()

    def get(self, identity: Identity) -> PersonRecord | None:
        """Give the record that is remembered of somebody, if one is."""
        return self._records.get(identity)

    def keep(self, record: PersonRecord) -> None:
        """Remember a record in place of what was remembered of its person; the longest remembered makes room."""
        self._records.pop(record.identity, None)
        self._records[record.identity] = record
        while len(self._records) > self._size:
            self._records.popitem(last=False)

    def forget(self, identity: Identity) -> None:
        """Remember nothing of somebody."""
        self._records.pop(identity, None)


def admit(context: Context, identity: Identity, roster: Roster) -> PersonRecord:
    """Give the record of ``identity``: read now, or remembered, and then read with the first read of the call.

    That read raises RecordChangedError where it finds another record. Raises HandshakeError security_person_unknown or
    security_person_disabled, at once or by that read; StoreUnavailableError.
    """
    table, key = context.tables.policy, record_key(identity)
    remembered = roster.get(identity)
    if remembered is None:
        [item] = context.dynamo.batch_get([(table, key)])
        record = admitted(person_from(item))
        roster.keep(record)
        return record

    def ensure_same(item: Item | None) -> None:
        roster.forget(identity)
        record = admitted(person_from(item))
        roster.keep(record)
        if record != remembered:
            raise RecordChangedError

    context.dynamo.read_beside(table, key, ensure_same)
    return remembered
