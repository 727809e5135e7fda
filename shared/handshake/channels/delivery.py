"""Decides what becomes of a message that was sent, or could not be: delivered, tried again, or given up.

A channel that fails is tried for the life of the escalation, and for a while where there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.channels.channel import Channel, ChannelKind
from handshake.notifications.event import Event

MIN_LIFE_MS: Final = 15 * 60 * 1000
"""Bounds from below for how long a message is tried, so that an outage of ten minutes loses nothing."""
_FIRST_PAUSE_S: Final = 5
# Of a week, the longest life there is, these make fewer tries than SQS counts.
_LONGEST_PAUSE_S: Final = 900
_LAST_MS: Final = 2000
# No further try changes them: the address is not there any more, or does not take what is sent. Whoever is not let in
# may be once the other side has mended that.
_FINAL: Final = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422, 501})


@dataclass(frozen=True)
class Delivered:
    """Decided: the other side took it."""


@dataclass(frozen=True)
class TryAgain:
    """Decided: try again in so many seconds, for ``cause``."""

    in_s: int
    cause: str


@dataclass(frozen=True)
class GiveUp:
    """Decided: nobody will be told by this message, for ``cause``."""

    cause: str


@dataclass(frozen=True)
class Forget:
    """Decided: nobody is to be told any more, as the channel was removed, or does not tell this."""


Outcome = Delivered | TryAgain | GiveUp | Forget


@dataclass(frozen=True)
class Parcel:
    """One message of a channel's queue: which channel it is for, and the event; None for an operator's test.

    A channel's id may be used again once it was removed, so ``added_at_ms`` says which of that id is meant. It is None
    in what an earlier release put on the queue.
    """

    channel_id: str
    added_at_ms: int | None
    event: Event | None
    test_id: str = ""
    test_at_ms: int = 0

    @property
    def at_ms(self) -> int:
        """Give when what it tells of was committed (epoch ms)."""
        return self.event.at_ms if self.event else self.test_at_ms

    @property
    def message_id(self) -> str:
        """Name the message as a signed webhook does, for each try alike."""
        return f"evt_{self.event.event_id if self.event else self.test_id}"

    def is_for(self, channel: Channel) -> bool:
        """Say whether the message may go out by ``channel`` as it is now: the same one, which tells such an event."""
        same = channel.channel_id == self.channel_id and self.added_at_ms in (None, channel.added_at_ms)
        return same and (self.event is None or channel.hears(self.event))

    def body(self) -> dict[str, Any]:
        """Give what is put on the queue."""
        to = {"channel": self.channel_id, "addedAt": self.added_at_ms}
        if self.event:
            return {**to, "event": self.event.detail()}
        return {**to, "test": self.test_id, "at": self.test_at_ms}

    @classmethod
    def of_body(cls, body: Mapping[str, Any]) -> "Parcel":
        """Read what was put on a queue. Raises KeyError or ValueError for what is none."""
        added_at_ms = None if body.get("addedAt") is None else int(body["addedAt"])
        if "test" in body:
            return cls(body["channel"], added_at_ms, None, str(body["test"]), int(body["at"]))
        return cls(body["channel"], added_at_ms, Event.of_detail(body["event"]))


def group_of(channel: Channel, event: Event | None) -> str:
    """Name the group in whose order a message is told: of a request for each channel.

    Of Slack it is the channel's own, which is told one message a second.
    """
    about = event.about if event else {}
    subject = about.get("requestId") or about.get("agentId") or "test"
    return channel.channel_id if channel.kind is ChannelKind.SLACK else f"{channel.channel_id}#{subject}"


def decide_answer(status: int, retry_after_s: float | None, *, tried: int, left_ms: int) -> Outcome:
    """Decide by an answer's HTTP status, the ``tried``-th (from 1), with ``left_ms`` of the message's life left."""
    if 200 <= status < 300:
        return Delivered()
    if status in _FINAL or 300 <= status < 400:
        return GiveUp(f"status {status}")
    at_least_s = 1 if retry_after_s is None else int(retry_after_s) + 1
    return decide_failure(f"status {status}", tried=tried, left_ms=left_ms, at_least_s=at_least_s)


def decide_failure(cause: str, *, tried: int, left_ms: int, at_least_s: int = 1) -> Outcome:
    """Decide after a try that may go better later, but not within ``at_least_s``."""
    if left_ms <= max(_LAST_MS, at_least_s * 1000):
        return GiveUp(cause)
    pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tried - 1, 10))
    # The last try is made as late as there is sense in it. Whoever asks for more time has it, and for less has not:
    # one that is called each second for ever takes the time of all others.
    return TryAgain(max(at_least_s, min(pause_s, (left_ms - _LAST_MS // 2) // 1000)), cause)


def life_left_ms(parcel: Parcel, *, now_ms: int) -> int:
    """Give for how long a message is tried yet: to the escalation's deadline, and for MIN_LIFE_MS at least."""
    deadline = int(parcel.event.about.get("expiresAt") or 0) if parcel.event else 0
    return max(deadline, parcel.at_ms + MIN_LIFE_MS) - now_ms
