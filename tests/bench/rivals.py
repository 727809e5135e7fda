"""A DynamoDB that cancels transactions as Amazon's does, and a time in which waiting costs nothing.

DynamoDB Local queues transactions on one item where Amazon's cancels all but one of them. So what the adapter does
about that is looked at here: each transaction holds its items from its prepare to its commit, and who meets one held is
told TransactionConflict. What is not cancelled is carried out by a real engine.
"""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.bench.tapped import CONFLICT, ItemKey, item_keys

# How long calls take on the way to an item and back, half of it each way.
_READ_S: Final = 0.005
_TRANSACTION_S: Final = 0.01


class Timeline:
    """Time that passes only by ``sleep``, for threads of which one runs at a time: the one that is due first."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._order = count()
        self._due: list[tuple[float, int, threading.Semaphore]] = []

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Let the others go on until it is that much later."""
        turn = self._turn(seconds)
        self._go_on()
        turn.acquire()

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of ``works`` side by side, and return when they are done. Raises what one of them does."""

        def alone(work: Callable[[], None], turn: threading.Semaphore) -> None:
            turn.acquire()
            try:
                work()
            finally:
                self._go_on()

        turns = [self._turn(0) for _ in works]
        with ThreadPoolExecutor(len(works)) as threads:
            working = [threads.submit(alone, work, turn) for work, turn in zip(works, turns, strict=True)]
            self._go_on()
        for done in working:
            done.result()

    def _turn(self, seconds: float) -> threading.Semaphore:
        turn = threading.Semaphore(0)
        heappush(self._due, (self._now_s + seconds, next(self._order), turn))
        return turn

    def _go_on(self) -> None:
        if self._due:
            self._now_s, _, turn = heappop(self._due)
            turn.release()


@dataclass
class Contended:
    """A client whose calls take time of ``timeline``, and whose transactions hold their items ``hold_s`` of it."""

    client: Any
    timeline: Timeline
    hold_s: float
    _held: set[ItemKey] = field(default_factory=set)
    _dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - a load, no secret

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self.client, name)

        def call(**parameters: Any) -> Any:
            self._travel(_READ_S)
            answer = operation(**parameters)
            self._travel(_READ_S)
            return answer

        return call

    def transact_write_items(self, **parameters: Any) -> Any:
        """As the client's own, or a cancellation that names the first write whose item is held."""
        keys = list(item_keys(parameters["TransactItems"]))
        self._travel(_TRANSACTION_S)
        held = [key in self._held for key in keys]
        if any(held):
            self._travel(_TRANSACTION_S)
            raise _conflict(held)
        self._held.update(keys)
        try:
            self.timeline.sleep(self.hold_s)
            return self.client.transact_write_items(**parameters)
        finally:
            self._held.difference_update(keys)
            self._travel(_TRANSACTION_S)

    def _travel(self, there_and_back_s: float) -> None:
        # Never quite the same, so that callers do not fall into step.
        self.timeline.sleep(there_and_back_s * self._dice.uniform(0.25, 0.75))


def _conflict(held: Sequence[bool]) -> ClientError:
    reasons = [{"Code": CONFLICT if one else "None"} for one in held]
    error = {"Code": "TransactionCanceledException", "Message": "an item is held"}
    response: Any = {"Error": error, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")
