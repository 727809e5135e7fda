"""A transaction as it is built: what is added to it is what it writes, and each write says whether it lost."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from handshake.dynamo.client import ConditionFailedError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Write

T = TypeVar("T")


def unread(_: Item | None) -> None:
    """Read nothing of what a write lost to."""


class Step(Generic[T]):
    """One write of a transaction.

    ``lost`` says that the transaction failed by this write's condition, and ``found`` what was stored instead.
    """

    def __init__(self, read: Callable[[Item | None], T]) -> None:
        self.lost = False
        self._read = read
        self._stored: Item | None = None

    @property
    def found(self) -> T:
        """Give the item that this write lost to, read as its table reads it."""
        return self._read(self._stored)

    def lose(self, stored: Item | None) -> None:
        """Note that the condition did not hold of ``stored``."""
        self.lost, self._stored = True, stored


class Transaction:
    """Writes of one room, all or nothing. Rooms add what they may write as methods, each named for what it adds."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writes: list[Write] = []
        self._steps: list[Step[Any]] = []

    @property
    def writes(self) -> tuple[Write, ...]:
        """Give the writes added so far, in their order."""
        return tuple(self._writes)

    def commit(self) -> bool:
        """Write all of it, or none where a condition does not hold: then the steps say which. Once.

        Raises StoreUnavailableError. A single write whose answer was lost may find its own condition failed.
        """
        try:
            self._context.dynamo.write(*self._writes)
        except ConditionFailedError as failed:
            for place, stored in failed.found.items():
                self._steps[place].lose(stored)
            return False
        return True

    def _add(self, write: Write, read: Callable[[Item | None], T]) -> Step[T]:
        step = Step(read)
        self._writes.append(write)
        self._steps.append(step)
        return step
