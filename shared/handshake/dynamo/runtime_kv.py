"""The runtime key-value table: what operators switch without a deployment, and where scheduled work stands."""

from typing import Final

from handshake.core.errors import HandshakeError, Refusal, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Transaction, unread

PAUSE_KEY: Final[Key] = {"kv_key": "flag#privileged_mutations_paused"}
RETENTION_KEY: Final[Key] = {"kv_key": "retention#replay_guards"}


class RuntimeTransaction(Transaction):
    """Writes of the runtime key-value table."""

    def set_paused(self, *, paused: bool, now_ms: int, cause: str | None = None, by: str | None = None) -> None:
        """Pause privileged mutations, or let them go on.

        ``cause`` names the incident that made it, ``by`` the operator's own AWS identity.
        """
        item = {**PAUSE_KEY, "paused": paused, "changed_at": now_ms, "cause": cause, "by": by}
        self._add(Put(self._context.tables.runtime_kv, item), unread)

    def remember_retention(self, hour: int) -> None:
        """Remember the hour (since the epoch) before which no expired guard is left."""
        self._add(Put(self._context.tables.runtime_kv, {**RETENTION_KEY, "hour": hour}), unread)


def ensure_not_paused(item: Item | None) -> None:
    """Raise HandshakeError adapter_privileged_mutations_paused when the flag ``item`` is set."""
    if paused := pause_of(item):
        raise HandshakeError.of(paused)


def pause_of(item: Item | None) -> Refusal | None:
    """Give the refusal adapter_privileged_mutations_paused when the flag ``item`` is set, else None."""
    if item is None or not item.get("paused"):
        return None
    code = ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED
    return refusal_of(code, "Operators have paused privileged mutations; reads go on.")
