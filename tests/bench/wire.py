"""DynamoDB's side of the wire, recorded once and played back: what a handler takes without a database."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from botocore.awsrequest import AWSResponse

from tests.bench import capacity
from tests.bench.capacity import Units


@dataclass
class Exchange:
    """One request to the store and its answer, as they went over the wire, and what Amazon would charge for it."""

    operation: str
    sent: int
    status: int
    headers: Any
    content: bytes
    units: Units

    @property
    def items(self) -> int:
        """How many items a read looked at; 0 of a write."""
        answer: dict[str, Any] = json.loads(self.content)
        found: int = answer.get("ScannedCount", 0)
        return found + sum(map(len, answer.get("Responses", {}).values()))


@dataclass
class Wire:
    """Stands between a client and its database: lets requests through, or answers them as it did before.

    ``canned`` answers the operations it names by itself, from what they ask.
    """

    client: Any
    exchanges: list[Exchange] = field(default_factory=list)
    delay_s: float = 0.0
    canned: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    _playing: Any = None
    _recording: bool = False

    def __post_init__(self) -> None:
        self.client.meta.events.register("before-send.dynamodb", self._send)

    def record(self, call: Callable[[], object]) -> list[Exchange]:
        """Make ``call``, and keep what it said to the store and heard of it."""
        self.exchanges, self._playing, self._recording = [], None, True
        try:
            call()
        finally:
            self._recording = False
        return self.exchanges

    def play(self, exchanges: list[Exchange], *, delay_s: float = 0.0) -> None:
        """From now on answer by ``exchanges``, in turn and over again, ``delay_s`` after each request."""
        self._playing, self.delay_s = cycle(exchanges), delay_s

    def through(self) -> None:
        """From now on let requests through."""
        self._playing = None

    def _send(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if can := self.canned.get(event_name.rpartition(".")[2]):
            content = json.dumps(can(json.loads(request.body))).encode()
            return _answer(request.url, Exchange("", 0, 200, {}, content, Units()))
        if self._playing:
            return _answer(request.url, next(self._playing))
        if not self._recording:
            return None
        self._recording = False  # what is looked up on the way is no part of it
        operation, body = event_name.rpartition(".")[2], json.loads(request.body)
        reads = operation in ("BatchGetItem", "Query")
        keys = [] if reads else list(capacity.keys_written(operation, body))
        before = [self._item(*one) for one in keys]
        answer: AWSResponse = self.client._endpoint.http_session.send(request)
        if reads:
            units = capacity.read(operation, body, self._looked_at(body) or json.loads(answer.content))
        else:
            units = Units()
            for (table, key), old in zip(keys, before, strict=True):
                transactional = operation == "TransactWriteItems"
                units += capacity.written(table, old, self._item(table, key), transactional=transactional)
        exchange = Exchange(operation, len(request.body), answer.status_code, answer.headers, answer.content, units)
        self.exchanges.append(exchange)
        self._recording = True
        return answer

    def _looked_at(self, body: dict[str, Any]) -> Any:
        """The answer without the filter that ``body`` has, if any: what it leaves out is charged all the same."""
        if not (where := body.pop("FilterExpression", "")):
            return None
        values = {name: one for name, one in body.pop("ExpressionAttributeValues").items() if name not in where}
        return self.client.query(**body, ExpressionAttributeValues=values)

    def _item(self, table: str, key: Any) -> Any:
        return self.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


def _answer(url: str, exchange: Exchange) -> AWSResponse:
    return AWSResponse(url, exchange.status, exchange.headers, _Raw(exchange.content))


@dataclass
class _Raw:
    """An answer's content, as urllib3 hands it over."""

    content: bytes

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.content]
