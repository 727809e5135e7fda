"""Wrap DynamoDB clients so that they count what is asked of them, or do not answer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)


def answer_of(code: str, status: int, **more: Any) -> ClientError:
    """Build what botocore raises when the store refuses with ``code``."""
    response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "Operation")


FAULTS: Mapping[str, Exception] = {
    "cannot connect": ConnectTimeoutError(endpoint_url="https://store"),
    "nobody listens": EndpointConnectionError(endpoint_url="https://store"),
    "no answer": ReadTimeoutError(endpoint_url="https://store"),
    "hung up": ConnectionClosedError(endpoint_url="https://store"),
    "500": answer_of("InternalServerError", 500),
    "503": answer_of("ServiceUnavailable", 503),
    "throttled": answer_of("ThrottlingException", 400),
    "too fast": answer_of("ProvisionedThroughputExceededException", 400),
    "denied": answer_of("AccessDeniedException", 400),
    "no table": answer_of("ResourceNotFoundException", 400),
}


@dataclass
class Counting:
    """A client that remembers the operations asked of it, in order."""

    client: Any
    operations: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)

        def call(**parameters: Any) -> Any:
            self.operations.append(name)
            return operation(**parameters)

        return call


@dataclass
class Failing:
    """A client some of whose calls end in ``error``.

    Which: those of one of ``operations`` and, if given, on one of ``tables``, the first ``times`` of them. ``applied``
    calls were carried out, and only their answer is lost.
    """

    client: Any
    error: Exception
    operations: Collection[str] = ()
    tables: Collection[str] = ()
    applied: bool = False
    times: int = 1_000

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)
        return self._failing(operation) if name in self.operations or not self.operations else operation

    def _failing(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            if self.times == 0 or not (self._touched(parameters) or not self.tables):
                return operation(**parameters)
            self.times -= 1
            if self.applied:
                operation(**parameters)
            raise self.error

        return call

    def _touched(self, parameters: Mapping[str, Any]) -> bool:
        writes = (write for item in parameters.get("TransactItems", ()) for write in item.values())
        named = {parameters.get("TableName"), *parameters.get("RequestItems", ()), *(w["TableName"] for w in writes)}
        return not named.isdisjoint(self.tables)


@dataclass
class NeverDone:
    """A client that keeps leaving some keys of a batch unread."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - the name is boto3's
        """Read nothing of it."""
        return {"Responses": {}, "UnprocessedKeys": RequestItems}
