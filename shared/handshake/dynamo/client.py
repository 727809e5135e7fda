"""The one door to DynamoDB: strongly consistent reads, conditional writes, bounded waiting, typed failures."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.marshalling import (
    Item,
    Key,
    Write,
    answered_items,
    marshal,
    marshalled,
    requested_keys,
    transact_items,
    unmarshal,
    unmarshal_all,
)
from handshake.dynamo.retry import TransientError, transient

T = TypeVar("T")

# Retries are made here and not by the SDK, because only here is it known what a whole call may take: no try
# starts after this many seconds, and with the client's time-outs none ends after three.
RETRY_BUDGET_S: Final = 1.4
CONNECT_TIMEOUT_S: Final = 0.5
READ_TIMEOUT_S: Final = 1.0


class ConditionFailedError(Exception):
    """Nothing was written, because conditions do not hold of what is stored.

    ``found`` has what was stored instead, by the place of each failed write in its transaction.
    """

    def __init__(self, found: Mapping[int, Item | None]) -> None:
        super().__init__(f"{len(found)} conditions failed")
        self.found = found


@dataclass(frozen=True)
class Page:
    """Some items of a query; ``next_key`` resumes after them and is None on the last page."""

    items: list[Item]
    next_key: Item | None


class Beside(NamedTuple):
    """An item to be read with the first that are, and what must say of it that the invocation may go on."""

    table: str
    key: Key
    ensure: Callable[[Item | None], None]


class Store:
    """DynamoDB as a process holds it: a low-level client that makes no retries of its own, and its clock.

    Nothing can be asked of it outside an invocation, so no caller's time is spent on an earlier one's account.
    """

    def __init__(
        self,
        client: Any,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._pause = pause

    @contextmanager
    def invocation(self, budget_s: float = RETRY_BUDGET_S) -> "Iterator[Dynamo]":
        """Open the account of one invocation: no calls yet, and ``budget_s`` seconds in which calls may start."""
        yield Dynamo(self._client, clock=self._clock, pause=self._pause, budget_s=budget_s)


class Dynamo:
    """The store during one invocation: strongly consistent reads, conditional writes, bounded waiting.

    ``calls`` are the requests that the invocation made so far, by operation.
    Every method raises StoreUnavailableError when the store faults, throttles or does not answer in time.
    """

    def __init__(
        self,
        client: Any,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        budget_s: float = RETRY_BUDGET_S,
        calls: list[str] | None = None,
        beside: list[Beside] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._pause = pause
        self.calls: list[str] = [] if calls is None else calls
        self._beside: list[Beside] = [] if beside is None else beside
        self._budget_s = budget_s
        self._no_try_after = clock() + budget_s

    def within(self, seconds: float) -> "Dynamo":
        """Give the same account with ``seconds`` from now for the work ahead: no call to the store starts later."""
        return Dynamo(
            self._client,
            clock=self._clock,
            pause=self._pause,
            budget_s=seconds,
            calls=self.calls,
            beside=self._beside,
        )

    def read_beside(self, table: str, key: Key, ensure: Callable[[Item | None], None]) -> None:
        """Have the next read of items take this one with it, and hand it to ``ensure`` before it answers.

        ``ensure`` raises where the invocation must not go on. Nothing is asked of the store before it has said so: what
        is no read of items reads this one first.
        """
        self._beside.append(Beside(table, key, ensure))

    def settle(self) -> None:
        """Read now what was to be read beside something else, if it was not yet. Raises as its ``ensure`` does."""
        if self._beside:
            self.batch_get([])

    def batch_get(self, keys: Sequence[tuple[str, Key]]) -> list[Item | None]:
        """Read up to 100 items of any tables in one strongly consistent call; None where there is none."""
        beside = self._beside.copy()
        wanted = requested_keys([*keys, *((one.table, one.key) for one in beside)])
        found: dict[str, list[Item]] = {}

        def read() -> None:
            nonlocal wanted
            answer = self._call("batch_get_item", RequestItems=wanted)
            for table, items in answered_items(answer["Responses"]).items():
                found.setdefault(table, []).extend(items)
            wanted = answer.get("UnprocessedKeys") or {}
            if wanted:
                raise TransientError

        self._persist(read)
        self._beside.clear()
        for one in beside:
            one.ensure(_matching(found.get(one.table, ()), one.key))
        return [_matching(found.get(table, ()), key) for table, key in keys]

    def query(
        self,
        table: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        start: Item | None = None,
        **options: Any,
    ) -> Page:
        """Give one page (at most 1 MB) of a query, after the key ``start``.

        ``options`` are the client's own: IndexName, Limit and so on.
        """
        self.settle()
        if start:
            options["ExclusiveStartKey"] = marshal(start)
        answer = self._persist(
            lambda: self._call(
                "query",
                TableName=table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=marshal(values),
                **options,
            )
        )
        last = answer.get("LastEvaluatedKey")
        return Page(unmarshal_all(answer["Items"]), unmarshal(last) if last else None)

    def query_all(self, table: str, condition: str, values: Mapping[str, Any], **options: Any) -> list[Item]:
        """Give every item of a query, following its pages."""
        page = self.query(table, condition, values, **options)
        items = page.items
        while page.next_key:
            page = self.query(table, condition, values, start=page.next_key, **options)
            items += page.items
        return items

    def scan(self, table: str, where: str, values: Mapping[str, Any], **options: Any) -> Iterator[Item]:
        """Give every item of a table that ``where`` holds of, whatever that costs: for audits, never for a caller.

        Each page has as long as this account was given.
        """
        start: Item | None = None
        while True:
            page = self.within(self._budget_s).scan_page(table, where, values, start=start, **options)
            yield from page.items
            if page.next_key is None:
                return
            start = page.next_key

    def scan_page(
        self, table: str, where: str, values: Mapping[str, Any], *, start: Item | None = None, **options: Any
    ) -> Page:
        """Give one page (at most 1 MB read) of a scan, after the key ``start``. ``options`` are the client's own."""
        self.settle()
        if start:
            options["ExclusiveStartKey"] = marshal(start)
        answer = self._persist(
            lambda: self._call(
                "scan",
                TableName=table,
                FilterExpression=where,
                ExpressionAttributeValues=marshal(values),
                ConsistentRead=True,
                **options,
            )
        )
        last = answer.get("LastEvaluatedKey")
        return Page(unmarshal_all(answer["Items"]), unmarshal(last) if last else None)

    def write(self, *writes: Write) -> None:
        """Write all of ``writes`` or none: a single one as itself, several as one transaction.

        Raises ConditionFailedError when a condition does not hold. All tries of a transaction carry one token, so
        one whose answer was lost is not applied twice. A single write whose answer was lost may find its own
        condition failed.
        """
        self.settle()
        items = transact_items(writes)
        if len(items) == 1:
            [(kind, parameters)] = items[0].items()
            operation = f"{kind.lower()}_item"
        else:
            operation = "transact_write_items"
            parameters = {"TransactItems": items, "ClientRequestToken": str(uuid.uuid4())}
        self._persist(lambda: self._call(operation, **parameters))

    def delete_each(self, table: str, where: str, items: Sequence[Sequence[Any]]) -> list[bool | None]:
        """Remove up to 25 items in one call, each by itself, where ``where`` (PartiQL) holds of it.

        ``items`` are the values of its placeholders, those of the key among them. For each: whether it was removed, or
        None where there is none. One whose removal was carried out without an answer is none by the next try.
        """
        self.settle()
        # Of our own words alone; what callers sent is among the parameters.
        statement = f'DELETE FROM "{table}" WHERE {where} RETURNING ALL OLD *'  # noqa: S608 # nosec B608
        left = {
            index: {"Statement": statement, "Parameters": list(map(marshalled, values))}
            for index, values in enumerate(items)
        }
        removed: dict[int, bool | None] = {}

        def remove() -> None:
            answer = self._call("batch_execute_statement", Statements=list(left.values()))
            for index, response in zip(list(left), answer["Responses"], strict=True):
                code = response.get("Error", {}).get("Code")
                if code in (None, "ConditionalCheckFailed"):
                    removed[index] = False if code else ("Item" in response or None)
                    del left[index]
            if left:
                raise TransientError

        self._persist(remove)
        return [removed[index] for index in range(len(items))]

    def _persist(self, attempt: Callable[[], T]) -> T:
        failure: TransientError | None = None
        for tried in count(1):
            if self._clock() >= self._no_try_after:
                break
            try:
                return attempt()
            except TransientError as met:
                failure = met
            if tried >= failure.tries:
                break
            longest_s = failure.longest_pause_s(tried, left_s=self._no_try_after - self._clock())
            # Full jitter, so that rivals do not collide again in lockstep.
            self._pause(random.random() * longest_s)  # noqa: S311 - jitter, not secrecy
        raise StoreUnavailableError from failure

    def _call(self, operation: str, **parameters: Any) -> Any:
        # Threads share this adapter; appending is atomic where adding one is not.
        self.calls.append(operation)
        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            raise _translated(error) from error
        except BotoCoreError as error:
            raise TransientError from error


def _translated(error: ClientError) -> Exception:
    response: Any = error.response
    code = response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError({0: unmarshal(response["Item"]) if response.get("Item") else None})
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons", [])
        failed = {
            index: unmarshal(reason["Item"]) if reason.get("Item") else None
            for index, reason in enumerate(reasons)
            if reason.get("Code") == "ConditionalCheckFailed"
        }
        if failed:
            return ConditionFailedError(failed)
    return transient(error) or StoreUnavailableError()


def _matching(items: Sequence[Item], key: Key) -> Item | None:
    return next((item for item in items if all(item[name] == value for name, value in key.items())), None)
