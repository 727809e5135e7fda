"""Decides when a refused call is sent again."""

import random
from dataclasses import dataclass

from handshake_rail.errors import HandshakeError


@dataclass(frozen=True)
class Retry:
    """Bounded backoff, for refusals that the registry advises it for (``adapter_*``) and no others.

    Up to ``attempts`` in all; waits double from ``base_s``, with jitter, and never exceed ``max_wait_s``. A service
    that asks for more than that is not waited for. Every attempt carries the same idempotency key and trust token.
    """

    attempts: int = 4
    base_s: float = 0.2
    max_wait_s: float = 10.0

    def wait_s(self, error: HandshakeError) -> float | None:
        """Give the time to wait before the next attempt, in seconds; None when there is to be none."""
        asked_s = error.retry_after_s or 0.0
        if not error.retryable or error.attempts >= self.attempts or asked_s > self.max_wait_s:
            return None
        backoff_s: float = min(self.base_s * 2 ** (error.attempts - 1), self.max_wait_s)
        return max(asked_s, backoff_s * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret


NEVER = Retry(attempts=1)
"""Send every call once."""
