"""Reads where a channel's messages go, and what signs them: secrets, which no log and no error repeats."""

import json
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from handshake.channels.channel import Channel

_KEPT_S: Final = 60.0


class SecretUnavailableError(Exception):
    """A channel's secret could not be read. Says how, and quotes nothing."""


class Destination(NamedTuple):
    """Says where to: the URL, and of a signed webhook the key, "" where there is none."""

    url: str
    key: str = ""


def secret_of(*, url: str, key: str, added_at_ms: int) -> str:
    """Give the text of the secret of the channel that was added then; ``key`` is "" where nothing is signed."""
    return json.dumps({"url": url, **({"key": key} if key else {}), "addedAt": added_at_ms})


def secret_name(stack: str, channel_id: str) -> str:
    """Name the secret of a channel."""
    return f"{stack}/channels/{channel_id}"


class Destinations:
    """Reads destinations through a botocore client of Secrets Manager, and remembers each for a minute.

    A channel's id may be used again once it was removed, and the secret's name with it. So what is remembered is of the
    channel that was added then, and a secret that says that it is of another is not used.
    """

    def __init__(self, client: Any, stack: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._stack = stack
        self._clock = clock
        self._read: dict[tuple[str, int], tuple[float, Destination]] = {}

    def of(self, channel: Channel) -> Destination:
        """Give a channel's destination. Raises SecretUnavailableError."""
        name = (channel.channel_id, channel.added_at_ms)
        kept = self._read.get(name)
        if kept and self._clock() - kept[0] < _KEPT_S:
            return kept[1]
        try:
            answer = self._client.get_secret_value(SecretId=secret_name(self._stack, channel.channel_id))
            found = json.loads(answer["SecretString"])
            destination = Destination(str(found["url"]), str(found.get("key", "")))
            # Secrets that an earlier release wrote do not say it.
            added_at_ms = int(found.get("addedAt", channel.added_at_ms))
        except ClientError as error:
            raise SecretUnavailableError(f"GetSecretValue: {error.response['Error']['Code']}") from None
        except (BotoCoreError, KeyError, ValueError, TypeError) as error:
            raise SecretUnavailableError(type(error).__name__) from None
        if added_at_ms != channel.added_at_ms:
            raise SecretUnavailableError("the secret is of another channel of this id")
        self._read[name] = (self._clock(), destination)
        return destination
