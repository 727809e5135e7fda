"""The one error base: the domain raises it with a refusal, and the api turns that into a response once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from handshake.core.reasons import Reason, ReasonCode, describe

RETRY_AFTER_SECONDS: Final = 2


@dataclass(frozen=True)
class Refusal:
    """Says why a call is refused, with a reason the caller can act on.

    ``reason`` is the registry row that gives status, class and retry advice. ``message`` is shown to the caller, so it
    never holds a secret, a token, an envelope or a payload. ``fields`` are the body fields an endpoint adds to the
    error shape (contract.md section 3). ``request_id`` names the request that is refused, where one is known, and
    ``denies`` says that the refusal is a decision against it: both are for the metrics event.
    """

    reason: Reason
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    denies: bool = False


def refusal_of(
    reason: ReasonCode | Reason,
    message: str,
    *,
    fields: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    denies: bool = False,
) -> Refusal:
    """Give the refusal for a code, its registry row looked up."""
    row = reason if isinstance(reason, Reason) else describe(reason)
    return Refusal(row, message, fields or {}, request_id, denies)


@dataclass(frozen=True)
class Refuse:
    """Decided: refuse, whatever the caller's single-use key was used for."""

    refusal: Refusal


@dataclass(frozen=True)
class Conflict:
    """Decided: refuse for what is stored, which an earlier use of the caller's own key may have brought about."""

    refusal: Refusal


@dataclass(frozen=True)
class Replay:
    """Decided: refuse because the caller's key was used; ``refusal`` tells how that use ended."""

    refusal: Refusal


class HandshakeError(Exception):
    """A refusal, raised. Takes what ``refusal_of`` takes."""

    def __init__(
        self,
        reason: ReasonCode | Reason,
        message: str,
        *,
        fields: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        denies: bool = False,
    ) -> None:
        super().__init__(message)
        self.refusal = refusal_of(reason, message, fields=fields, request_id=request_id, denies=denies)

    @classmethod
    def of(cls, refusal: Refusal) -> "HandshakeError":
        """Give the error that raises ``refusal``."""
        return HandshakeError(
            refusal.reason,
            refusal.message,
            fields=refusal.fields,
            request_id=refusal.request_id,
            denies=refusal.denies,
        )


class StoreUnavailableError(HandshakeError):
    """The store did not answer in time, or answered with a fault; nothing is known to have changed."""

    def __init__(self, message: str = "The store is unavailable; retry with backoff.") -> None:
        super().__init__(ReasonCode.ADAPTER_STORE_UNAVAILABLE, message)


class ReplayGuardUnavailableError(HandshakeError):
    """The replay guard could not be consulted: a privileged mutation was not acknowledged (contract.md section 2)."""

    def __init__(self) -> None:
        super().__init__(
            ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE,
            "The replay guard cannot be consulted. Do not retry; read what is stored once it has recovered.",
        )


class SignerUnavailableError(HandshakeError):
    """No grant could be signed, so nothing was claimed (contract.md section 11)."""

    def __init__(self) -> None:
        super().__init__(
            ReasonCode.ADAPTER_SIGNER_UNAVAILABLE,
            "The signer of grants is unavailable, and nothing was claimed; retry with backoff.",
        )
