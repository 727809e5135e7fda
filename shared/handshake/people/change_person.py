"""Change a person's record: let somebody in, disable them, enable them again, or remove them.

It goes on while privileged mutations are paused: a pause is when somebody most needs to be kept out.
"""

from typing import Final

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.people.change import Actor, Grant, Switch, decide_change
from handshake.people.standing import Identity, PersonRecord
from handshake.people.table import PersonTransaction, person_from, record_key

# A lost race shows what the winner wrote, so each further try loses only to a further operator.
_TRIES: Final = 5


def change_person(context: Context, change: Grant | Switch, identity: Identity, *, by: str) -> PersonRecord:
    """Carry out ``change`` for the operator ``by``, and give the record as it is then.

    It holds for every call that begins after it. Raises HandshakeError as decide_change, StoreUnavailableError.
    """
    [item] = context.dynamo.batch_get([(context.tables.policy, record_key(identity))])
    stored = person_from(item)
    actor = Actor(by, context.correlation_id)
    for _ in range(_TRIES):
        changed = decide_change(change, identity, stored, actor, now_ms=context.now_ms())
        tx = PersonTransaction(context)
        put = tx.change_person(changed)
        if tx.commit():
            return changed.record
        stored = put.found
    raise StoreUnavailableError
