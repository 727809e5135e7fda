"""The runtime key-value table: what operators switch without a deployment, and where scheduled work stands."""

from typing import Final

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import Item, Key, Put

PAUSE_KEY: Final[Key] = {"kv_key": "flag#privileged_mutations_paused"}
RETENTION_KEY: Final[Key] = {"kv_key": "retention#replay_guards"}


def ensure_not_paused(item: Item | None) -> None:
    """Raise HandshakeError adapter_privileged_mutations_paused when the flag ``item`` is set."""
    if item is not None and item.get("paused"):
        raise HandshakeError(
            ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED,
            "Operators have paused privileged mutations; reads go on.",
        )


def pause(table: str, *, paused: bool, now_ms: int, cause: str | None = None) -> Put:
    """The write that pauses privileged mutations, or lets them go on; ``cause`` names the incident that made it."""
    return Put(table, {**PAUSE_KEY, "paused": paused, "changed_at": now_ms, "cause": cause})


def retained_up_to(table: str, hour: int) -> Put:
    """The write that remembers the hour (since the epoch) before which no expired guard is left."""
    return Put(table, {**RETENTION_KEY, "hour": hour})
