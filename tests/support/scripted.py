"""A DynamoDB client that does what a test says, and a clock that moves as it says."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Put, Update

TABLE = "a-table"
ITEM = {"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "1"}}
PUT = Put(TABLE, {"pk": "a", "sk": "b"})
TOUCH = Update(TABLE, {"pk": "a", "sk": "c"}, "SET n = :n", {":n": 1})
TRIES = 8
Answer = dict[str, Any] | Exception


def fault(code: str, **more: Any) -> ClientError:
    """Build what the client raises when DynamoDB answers with ``code``."""
    response: Any = {"Error": {"Code": code, "Message": "secret detail"}, **more}
    return ClientError(response, "AnOperation")


def cancelled(*codes: str, item: Any = None) -> ClientError:
    """Give a cancelled transaction, with the reason of each write; ``item`` is what a failed condition found."""
    reasons = [{"Code": code} | ({"Item": item} if item and code == "ConditionalCheckFailed" else {}) for code in codes]
    return fault("TransactionCanceledException", CancellationReasons=reasons)


class Scripted:
    """A client that gives one answer after another, the last for ever; calls take ``takes_s`` of its clock."""

    def __init__(self, *answers: Answer, takes_s: float | list[float] = 0.0) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.started_at: list[float] = []
        self.pauses: list[float] = []
        self.now_s = 0.0
        self.takes_s = takes_s

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            self.started_at.append(self.now_s)
            self.now_s += self.takes_s if isinstance(self.takes_s, float) else self.takes_s.pop(0)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def dynamo(self) -> Dynamo:
        """Give the adapter over this client, by this clock."""

        def pause(seconds: float) -> None:
            self.pauses.append(seconds)
            self.now_s += seconds

        return Dynamo(self, clock=lambda: self.now_s, pause=pause)
