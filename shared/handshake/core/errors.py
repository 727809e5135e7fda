"""The one error base. The domain raises it with a reason; the edge turns it into a response once."""

from collections.abc import Mapping
from typing import Any, Final

from handshake.core.reasons import Reason, ReasonCode, describe

RETRY_AFTER_SECONDS: Final = 2


class HandshakeError(Exception):
    """A refusal with a reason the caller can act on.

    ``reason`` is the registry row that gives status, class and retry advice. ``message`` is shown to the
    caller, so it never holds a secret, a token, an envelope or a payload. ``fields`` are the body fields an
    endpoint adds to the error shape (contract.md section 3). ``request_id`` names the request the
    refusal is about, when one is known, for the metrics event. ``recorded`` says that the refusal's own
    transaction already appended that event.
    """

    recorded = False

    def __init__(
        self,
        reason: ReasonCode | Reason,
        message: str,
        *,
        fields: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason if isinstance(reason, Reason) else describe(reason)
        self.message = message
        self.fields: Mapping[str, Any] = fields or {}
        self.request_id = request_id


class StoreUnavailableError(HandshakeError):
    """The store did not answer in time, or answered with a fault; nothing is known to have changed."""

    def __init__(self, message: str = "The store is unavailable; retry with backoff.") -> None:
        super().__init__(ReasonCode.ADAPTER_STORE_UNAVAILABLE, message)


class ReplayGuardUnavailableError(HandshakeError):
    """The replay guard could not be consulted: a privileged mutation was not acknowledged (contract.md section 2)."""

    def __init__(self) -> None:
        super().__init__(
            ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE,
            "The replay guard did not answer. Retry with the same key: it takes effect once, and the answer says how.",
        )
