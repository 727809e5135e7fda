"""The stack's event bus, and the queue of what cannot be told: both through botocore's clients."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from handshake.notifications.event import Event

MAX_ENTRIES: Final = 10
"""Entries of one PutEvents."""
SOURCE: Final = "handshake"
# What no further try changes: the entry itself is refused.
_FINAL: Final = frozenset({"MalformedDetail", "InvalidArgument"})
_TRIES: Final = 3
_PAUSE_S: Final = 0.2


class BusUnavailableError(Exception):
    """The bus, or the queue, did not take what it was given. Says how, and quotes nothing of the answer."""


class Teller(Protocol):
    """Somewhere to put events."""

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put at most MAX_ENTRIES ``events`` there, each at least once; give those that it will never take.

        Raises BusUnavailableError where it does not take one of the others; any of them may be there by then.
        """


@dataclass(frozen=True)
class Several:
    """Several places, one after another: what one of them never takes, others may."""

    tellers: Sequence[Teller]

    def put(self, events: Sequence[Event]) -> list[Event]:
        """See Teller."""
        never = [event for teller in self.tellers for event in teller.put(events)]
        return [event for event in events if event in never]


class EventBus:
    """One event bus of EventBridge. It keeps no order: whoever needs one goes by the times that events say."""

    def __init__(self, client: Any, name: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def put(self, events: Sequence[Event]) -> list[Event]:
        """See Teller."""
        left, never = list(events), list[Event]()
        code = ""
        for tried in range(_TRIES):
            if tried:
                self._pause(random.random() * _PAUSE_S * tried)  # noqa: S311 - jitter, not secrecy
            codes = [entry.get("ErrorCode") for entry in self._ask(left)]
            answered = list(zip(left, codes, strict=True))
            never += [event for event, refused in answered if refused in _FINAL]
            left = [event for event, refused in answered if refused and refused not in _FINAL]
            if not left:
                return never
            code = next(refused for _, refused in answered if refused and refused not in _FINAL)
        raise BusUnavailableError(f"PutEvents: {code}")

    def _ask(self, events: Sequence[Event]) -> list[Mapping[str, Any]]:
        """Give the answer to each entry; of an accepted call, any of them may be refused."""
        entries = [
            {
                "EventBusName": self._name,
                "Source": SOURCE,
                "DetailType": event.kind.value,
                "Time": event.at_ms // 1000,
                "Detail": json.dumps(event.detail(), separators=(",", ":")),
            }
            for event in events
        ]
        with asking():
            answers: list[Mapping[str, Any]] = self._client.put_events(Entries=entries)["Entries"]
        return answers


class DeadLetters:
    """The queue for records that nobody can be told of: each is named there, and its stream goes on."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, record: Mapping[str, Any], cause: str) -> None:
        """Name a stream's record by its number, and say why it is here. Raises BusUnavailableError."""
        named = {
            "stream": record["eventSourceARN"],
            "sequenceNumber": record["dynamodb"]["SequenceNumber"],
            "cause": cause,
        }
        with asking():
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(named))


@contextmanager
def asking() -> Iterator[None]:
    """Turn what the SDK raises inside into BusUnavailableError."""
    try:
        yield
    except ClientError as error:
        raise BusUnavailableError(f"{error.operation_name}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise BusUnavailableError(type(error).__name__) from error
