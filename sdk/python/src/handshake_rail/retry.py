"""Decides when a refused call is sent again."""

import random
from dataclasses import dataclass
from typing import Final

import httpx

from handshake_rail.errors import HandshakeError

LOST_CONNECTION: Final = (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""Refused, or closed by the other side: an idle connection is, just as the next call is sent on it."""


@dataclass(frozen=True)
class Retry:
    """Bounded backoff, for refusals that the registry advises it for (``adapter_*``), and for lost connections.

    A call whose connection was refused, or closed before it was answered, is sent again where carrying it out twice
    comes to what once does. What was sent and is not answered in time never is.
    Up to ``attempts`` in all; waits double from ``base_s``, with jitter, and never exceed ``max_wait_s``. A service
    that asks for more than that is not waited for. Every attempt carries the same idempotency key and trust token.
    """

    attempts: int = 4
    base_s: float = 0.2
    max_wait_s: float = 10.0

    def wait_s(self, error: HandshakeError, *, repeatable: bool = False) -> float | None:
        """Give the time to wait before the next attempt, in seconds; None when there is to be none."""
        asked_s = error.retry_after_s or 0.0
        again = error.retryable or (repeatable and isinstance(error.__cause__, LOST_CONNECTION))
        if not again or error.attempts >= self.attempts or asked_s > self.max_wait_s:
            return None
        backoff_s: float = min(self.base_s * 2 ** (error.attempts - 1), self.max_wait_s)
        return max(asked_s, backoff_s * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret


NEVER = Retry(attempts=1)
"""Send every call once."""
