"""Sum up what callers were told, and in how long."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.ledger import Call


@dataclass(frozen=True)
class Measured:
    """The calls of some clients that worked side by side for ``seconds``."""

    calls: Sequence[Call]
    seconds: float

    @property
    def acknowledged(self) -> int:
        """Count the calls that were answered with 200."""
        return sum(call.reply.status == 200 for call in self.calls)

    @property
    def unavailable(self) -> int:
        """Count the answers that were 503."""
        return sum(call.reply.status == 503 for call in self.calls)

    @property
    def lost(self) -> list[str]:
        """The calls that nobody answered as the contract says: with 200, or with a reason code."""
        return [
            call.fault or f"{call.route} answered {call.reply.outcome}"
            for call in self.calls
            if call.fault or (call.reply.status != 200 and call.reply.reason is None)
        ]

    def per_second(self, count: float) -> float:
        """Return ``count`` in all as a rate a second."""
        return count / self.seconds if self.seconds else 0.0

    def took_ms(self, share: float) -> float:
        """Return what ``share`` of the callers waited at most, by nearest rank."""
        ranked = sorted(call.seconds for call in self.calls)
        return ranked[max(0, math.ceil(share * len(ranked)) - 1)] * 1000 if ranked else 0.0
