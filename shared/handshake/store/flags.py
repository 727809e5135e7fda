"""Runtime flags: what operators switch without a deployment."""

from typing import Final

from handshake.domain.errors import HandshakeError
from handshake.domain.reasons import ReasonCode
from handshake.store.dynamo import Item, Key

PAUSE_KEY: Final[Key] = {"kv_key": "flag#privileged_mutations_paused"}


def ensure_not_paused(item: Item | None) -> None:
    """Raise HandshakeError adapter_privileged_mutations_paused when the flag ``item`` is set."""
    if item is not None and item.get("paused"):
        raise HandshakeError(
            ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED,
            "Operators have paused privileged mutations; reads go on.",
        )
