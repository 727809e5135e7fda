"""A model of SQS's FIFO queues, and of Lambda reading them one message at a time; time is the test's.

Of a group one message is out at a time, in order; what is not deleted comes again once it is visible.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.scripted import fault

_DEDUPLICATED_MS: Final = 5 * 60 * 1000
_VISIBILITY_MS: Final = 180_000


@dataclass
class Message:
    """A message of a queue; hidden until ``visible_ms``."""

    body: str
    group: str
    deduplication: str
    number: int
    sent_ms: int
    visible_ms: int = 0
    received: int = 0
    attributes: Any = None


@dataclass
class Fifo:
    """All queues of a stack, as botocore's client of SQS is called.

    ``refuses`` says how many messages fail first, ``refused`` whether one does.
    """

    now_ms: Callable[[], int]
    queues: dict[str, list[Message]] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    refuses: int = 0
    refused: Callable[[], bool] = lambda: False
    _number: int = 0

    def send_message(self, QueueUrl: str, **entry: Any) -> dict[str, str]:  # noqa: N803 - botocore's
        """Take one message, or refuse it."""
        if self.refuses or self.refused():
            self.refuses = max(0, self.refuses - 1)
            raise fault("InternalError")
        self._take(QueueUrl, entry)
        return {"MessageId": "m"}

    def change_message_visibility(self, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        """Hide a message for so long."""
        [message] = [one for one in self.queues[QueueUrl] if str(one.number) == ReceiptHandle]
        message.visible_ms = self.now_ms() + VisibilityTimeout * 1000

    def due(self, url: str) -> list[Message]:
        """Give what can be received now: the first of each group, where it is visible."""
        firsts: dict[str, Message] = {}
        for message in self.queues.get(url, ()):
            firsts.setdefault(message.group, message)
        return [message for message in firsts.values() if message.visible_ms <= self.now_ms()]

    def receive(self, url: str, message: Message) -> dict[str, Any]:
        """Give a message as Lambda gives it to a function, and hide it."""
        message.received += 1
        message.visible_ms = self.now_ms() + _VISIBILITY_MS
        return {
            "messageId": str(message.number),
            "receiptHandle": str(message.number),
            "body": message.body,
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{url}",
            "attributes": {
                "ApproximateReceiveCount": str(message.received),
                "MessageGroupId": message.group,
                "MessageDeduplicationId": message.deduplication,
            },
        }

    def delete(self, url: str, message: Message) -> None:
        """Delete a message that was handled."""
        self.queues[url].remove(message)

    def _take(self, url: str, entry: dict[str, Any]) -> None:
        self._number += 1
        name = (url, entry["MessageDeduplicationId"])
        now = self.now_ms()
        if now - self.seen.get(name, -_DEDUPLICATED_MS) < _DEDUPLICATED_MS:
            return
        self.seen[name] = now
        message = Message(
            entry["MessageBody"],
            entry["MessageGroupId"],
            entry["MessageDeduplicationId"],
            self._number,
            now,
            attributes=entry.get("MessageAttributes"),
        )
        self.queues.setdefault(url, []).append(message)
