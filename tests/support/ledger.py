"""Keep what callers know: every call with its answer, and every mutation with the answers of all its tries."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from handshake.api import http
from tests.support.service import InProcess, Reply, now_ms

Kind = Literal["submit", "act", "apply", "project", "look", "read", "authorize", "trespass"]
Outcome = tuple[int, str]

UNAVAILABLE: Final[Outcome] = (503, "adapter_store_unavailable")
GUARD_UNAVAILABLE: Final[Outcome] = (503, "security_replay_guard_unavailable")
_ERROR_BODY: Final = {"status", "error", "reasonCode", "responseClass", "message"}
_CRASHED: Final = 0


@dataclass(frozen=True)
class Call:
    """One call. ``seconds`` is how long its caller waited."""

    route: str
    reply: Reply
    seconds: float

    @property
    def fault(self) -> str | None:
        """Return the fault of the answer, whatever was asked, or None."""
        reply = self.reply
        if reply.status < 500 and reply.status != _CRASHED:
            return None
        if reply.outcome not in (UNAVAILABLE, GUARD_UNAVAILABLE):
            return f"{self.route} answered {reply.outcome}"
        if not reply.headers.get("retry-after", "").isdigit():
            return f"{self.route} answered {reply.outcome} without Retry-After"
        if not set(reply.body) >= _ERROR_BODY or reply.body["error"] != reply.reason:
            return f"{self.route} answered {reply.outcome} with a body of {sorted(reply.body)}"
        # A fault of our own, which only looks like the store's.
        if reply.body["message"] == http._UNFORESEEN:
            return f"{self.route} hid an unforeseen error behind {reply.outcome}"
        return None


@dataclass
class Intent:
    """Something a caller wants, and what it was told, try by try. ``key`` stays the same in every try.

    ``asked`` is what was sent; ``known`` are the refusals that may be true, and ``unavailable`` how a store in
    trouble is told. ``settled`` means that the last try was made when the trouble was over.
    """

    kind: Kind
    key: str
    asked: Mapping[str, Any]
    send: Callable[[InProcess], Reply]
    unavailable: Outcome = UNAVAILABLE
    known: tuple[Outcome, ...] = ()
    replies: list[Reply] = field(default_factory=list)
    began_ms: list[int] = field(default_factory=list)
    settled: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def attempt(self, service: InProcess) -> Reply:
        """Try, for the first time or again."""
        self.began_ms.append(now_ms())
        self.replies.append(self.send(service))
        return self.replies[-1]

    @property
    def mutates(self) -> bool:
        """Say if it changes something when it succeeds."""
        return self.kind in ("submit", "act", "apply", "project")

    @property
    def open(self) -> bool:
        """Say if the caller still does not know how it ended."""
        return self.replies[-1].status >= 500 or self.replies[-1].status == _CRASHED

    @property
    def acknowledged(self) -> list[Reply]:
        """Give the answers that said yes."""
        return [reply for reply in self.replies if reply.status == 200]

    @property
    def refused(self) -> list[Reply]:
        """Give the answers that said no."""
        return [reply for reply in self.replies if 400 <= reply.status < 500]

    def made_between(self, first_ms: int, last_ms: int, *, decided_ms: int) -> bool:
        """Say if the try that decided at ``decided_ms`` lies wholly between two times."""
        began_ms = max((began for began in self.began_ms if began <= decided_ms), default=0)
        return first_ms < began_ms and decided_ms < last_ms

    @property
    def wrong(self) -> list[str]:
        """Give the answers that no rule of the contract gives."""
        fine = (*self.known, self.unavailable)
        told = [reply.outcome for reply in self.replies if reply.status != 200 and reply.outcome not in fine]
        unsettled = [f"{self} is still refused after recovery"] if self.settled and self.open else []
        return [f"{self} was told {outcome}" for outcome in told] + unsettled


@dataclass
class Watched(InProcess):
    """The service, with a record of every call. What escapes a handler is an answer of status 0."""

    clock: Callable[[], float] = time.monotonic  # its patience with the store is what is looked at
    calls: list[Call] = field(default_factory=list)

    def send(self, method: str, path: str, *, headers: Mapping[str, str], body: str | None) -> Reply:
        """See Service."""
        began = time.monotonic()
        try:
            reply = super().send(method, path, headers=headers, body=body)
        except Exception as error:  # noqa: BLE001 - Lambda would answer 502 with no body of ours
            reply = Reply(_CRASHED, {}, {"reasonCode": f"handler raised {type(error).__name__}"})
        self.calls.append(Call(f"{method} {path}", reply, time.monotonic() - began))
        return reply
