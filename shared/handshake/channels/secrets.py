"""Reads where a channel's messages go, and what signs them: secrets, which no log and no error repeats."""

import json
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

_KEPT_S: Final = 60.0


class SecretUnavailableError(Exception):
    """A channel's secret could not be read. Says how, and quotes nothing."""


class Destination(NamedTuple):
    """Says where to: the URL, and of a signed webhook the key, "" where there is none."""

    url: str
    key: str = ""


def secret_name(stack: str, channel_id: str) -> str:
    """Name the secret of a channel."""
    return f"{stack}/channels/{channel_id}"


class Destinations:
    """Reads destinations through a botocore client of Secrets Manager, and remembers each for a minute."""

    def __init__(self, client: Any, stack: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._stack = stack
        self._clock = clock
        self._read: dict[str, tuple[float, Destination]] = {}

    def of(self, channel_id: str) -> Destination:
        """Give a channel's destination. Raises SecretUnavailableError."""
        kept = self._read.get(channel_id)
        if kept and self._clock() - kept[0] < _KEPT_S:
            return kept[1]
        try:
            answer = self._client.get_secret_value(SecretId=secret_name(self._stack, channel_id))
            found = json.loads(answer["SecretString"])
            destination = Destination(str(found["url"]), str(found.get("key", "")))
        except ClientError as error:
            raise SecretUnavailableError(f"GetSecretValue: {error.response['Error']['Code']}") from None
        except (BotoCoreError, KeyError, ValueError, TypeError) as error:
            raise SecretUnavailableError(type(error).__name__) from None
        self._read[channel_id] = (self._clock(), destination)
        return destination
