"""Record at the wire what a client asks of DynamoDB, what it is answered, and what Amazon would charge for it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

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
        """Count the items that a read looked at; 0 of a write."""
        answer: dict[str, Any] = json.loads(self.content)
        found: int = answer.get("ScannedCount", 0)
        return found + sum(map(len, answer.get("Responses", {}).values()))


@dataclass
class Wire:
    """Stand between a client and its database, ``delay_s`` before each request.

    ``canned`` answers the operations it names by itself, from what they ask.
    """

    client: Any
    exchanges: list[Exchange] = field(default_factory=list)
    delay_s: float = 0.0
    canned: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    _recording: bool = False

    def __post_init__(self) -> None:
        self.client.meta.events.register("before-send.dynamodb", self._send)

    def record(self, call: Callable[[], object]) -> list[Exchange]:
        """Make ``call``, and keep what it said to the store and heard of it."""
        self.exchanges, self._recording = [], True
        try:
            call()
        finally:
            self._recording = False
        return self.exchanges

    def _send(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if can := self.canned.get(event_name.rpartition(".")[2]):
            return AWSResponse(
                request.url, 200, HTTPHeaders(), _Raw(json.dumps(can(json.loads(request.body))).encode())
            )
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


@dataclass
class _Raw:
    """An answer's content, as urllib3 hands it over."""

    content: bytes

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.content]
