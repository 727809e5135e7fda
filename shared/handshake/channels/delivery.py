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
# As late as a queue may bring a last try, and less than it hides what a killed function had.
_LATE_MS: Final = 60_000
# Long beside a call of ten seconds; short beside the five minutes that a person has to decide.
_LONGEST_REST_S: Final = 60
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
    if not is_failure(status):
        return GiveUp(f"status {status}")
    at_least_s = 1 if retry_after_s is None else int(retry_after_s) + 1
    return decide_failure(f"status {status}", tried=tried, left_ms=left_ms, at_least_s=at_least_s)


def is_failure(status: int) -> bool:
    """Say whether an answer's status may be another at a later try."""
    return not (200 <= status < 400 or status in _FINAL)


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


def is_too_late(*, tried: int, left_ms: int) -> bool:
    """Say whether a message came again when its life was over, so that nothing is sent any more.

    A function that is killed while it sends decides nothing, and its message would come for as long as a queue counts.
    What comes for the first time is sent however late: the notifier may have been behind, and nobody has heard of it.
    """
    return tried > 1 and left_ms <= -_LATE_MS


@dataclass(frozen=True)
class Rest:
    """Says until when (epoch ms) a channel is not called, after how many failures in a row, and why the last failed."""

    until_ms: int
    failures: int
    cause: str

    def left_s(self, *, now_ms: int) -> int:
        """Give how many seconds of it are left, a begun one as a whole one."""
        return -((now_ms - self.until_ms) // 1000)


class Rests:
    """Remembers which channels failed just now, in this process: each rests, for longer the more often in a row.

    So a channel takes one call of each rest and process, and not a call of each message that waits for it: all channels
    of a kind share the functions that send.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int | None], Rest] = {}

    def of(self, parcel: Parcel, *, now_ms: int) -> Rest | None:
        """Give the rest of the channel that a message is for, if it rests now."""
        rest = self._kept.get(_to(parcel))
        return rest if rest and now_ms < rest.until_ms else None

    def begin(self, parcel: Parcel, cause: str, *, now_ms: int) -> None:
        """Have the channel rest, as it failed once more."""
        before = self._kept.get(_to(parcel))
        failures = before.failures + 1 if before else 1
        length_s = min(_LONGEST_REST_S, _FIRST_PAUSE_S * 2 ** min(failures - 1, 10))
        self._kept[_to(parcel)] = Rest(now_ms + length_s * 1000, failures, cause)

    def end(self, parcel: Parcel) -> None:
        """Have the channel rest no more, as it took a message."""
        self._kept.pop(_to(parcel), None)


def _to(parcel: Parcel) -> tuple[str, int | None]:
    return parcel.channel_id, parcel.added_at_ms
