"""The one exception: a call that was refused, or that nobody answered."""

from collections.abc import Mapping
from typing import Any, Final

from handshake_rail._generated.reasons import REASONS
from handshake_rail._reason import Reason, RetryAdvice

NO_ANSWER: Final = "no_answer"
"""The ``reason_code`` where nothing answered, so that whether the call was carried out is not known."""
UNKNOWN: Final = "unknown"
"""The ``reason_code`` of an answer that is not the API's own, say a proxy's."""

_UNREGISTERED: Final = Reason("unknown", 0, "unknown", "do_not_retry")
_COMMON: Final = ("status", "error", "reasonCode", "responseClass", "message")


class HandshakeError(Exception):
    """A call that did not succeed. A decision to deny is no error: it is what was asked for."""

    reason_code: str
    """From the registry (``handshake_rail.REASONS``), or NO_ANSWER, UNKNOWN, or a code newer than this client."""
    response_class: str
    """``retryable``, ``blocked`` or ``unknown``."""
    retry: RetryAdvice
    """The registry's advice: what is not in the registry is not retried."""
    status: int | None
    """The HTTP status; None where nothing answered, or nothing was sent."""
    message: str
    """For people."""
    correlation_id: str
    """Names the call in the service's logs; empty where it is no single call that did not succeed."""
    retry_after_s: float | None
    """The time the service asks to be left alone, in seconds."""
    attempts: int
    """The number of times the call was sent. After more than one, ``security_replay_detected`` may be its own doing."""
    fields: Mapping[str, Any]
    """Members of the answer beyond the common fields, as the API's contract has it for the operation."""

    def __init__(
        self,
        reason_code: str,
        message: str,
        *,
        status: int | None,
        correlation_id: str,
        attempts: int,
        retry_after_s: float | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason_code, message)
        known = REASONS.get(reason_code, _UNREGISTERED)
        self.reason_code = reason_code
        self.family = known.family
        self.response_class = str((body or {}).get("responseClass") or known.response_class)
        self.retry = known.retry
        self.status = status
        self.message = message
        self.correlation_id = correlation_id
        self.retry_after_s = retry_after_s
        self.attempts = attempts
        self.fields = {name: value for name, value in (body or {}).items() if name not in _COMMON}

    @property
    def retryable(self) -> bool:
        """Say whether sending the same call again, after a while, is what the registry advises."""
        return self.retry == "retry_with_backoff"

    def __str__(self) -> str:
        call = f" (correlation id {self.correlation_id})" if self.correlation_id else ""
        return f"{self.reason_code}: {self.message}{call}"
