"""A DynamoDB client that remembers how each call ended and which items were written: what time alone cannot tell."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tests.support import engines

CONFLICT: Final = "TransactionConflict"
_LOST: Final = "ConditionalCheckFailed"
_DONE: Final = "done"

ItemKey = tuple[str, ...]

# By what a table is for, the attributes of its key.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(part["AttributeName"] for part in described["KeySchema"])
    for name, described in engines.described_tables().items()
}


@dataclass
class Tapped:
    """Threads may share it: appending is atomic where counting is not."""

    client: Any
    ended: list[str] = field(default_factory=list)
    written: list[ItemKey] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self.client, name)

        def call(**parameters: Any) -> Any:
            try:
                answer = operation(**parameters)
            except (BotoCoreError, ClientError) as error:
                self.ended.append(ending(error))
                raise
            self.ended.append(_DONE)
            self.written.extend(item_keys(parameters.get("TransactItems", ())))
            return answer

        return call

    @property
    def calls(self) -> int:
        """Count the calls that were made."""
        return len(self.ended)

    @property
    def conflicts(self) -> int:
        """Count the transactions that were cancelled because another one held an item of theirs."""
        return self.ended.count(CONFLICT)

    @property
    def lost(self) -> int:
        """Count the writes whose condition failed."""
        return self.ended.count(_LOST)

    @property
    def retries(self) -> int:
        """Count the calls that ended in something that the adapter tries again."""
        return self.calls - self.ended.count(_DONE) - self.lost

    @property
    def shared_items(self) -> int:
        """Count the items that more than one transaction wrote."""
        return sum(times > 1 for times in Counter(self.written).values())


def ending(error: Exception) -> str:
    """Name a call's end in DynamoDB's words or botocore's: ConditionalCheckFailed, TransactionConflict and so on."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    response: Any = error.response
    codes = [reason["Code"] for reason in response.get("CancellationReasons", ()) if reason.get("Code") != "None"]
    if codes:
        return _LOST if _LOST in codes else codes[0]
    return str(response["Error"]["Code"]).removesuffix("Exception")


def item_keys(transact_items: Any) -> Iterator[ItemKey]:
    """The table and key of each item that a transaction writes."""
    for item in transact_items:
        [write] = item.values()
        names = _KEYS[write["TableName"].rpartition("-")[0]]
        held = write.get("Key") or write["Item"]
        yield (write["TableName"], *(held[name]["S"] for name in names))
