"""Waits for the decision of a request by asking for it again, which changes nothing once it is stored."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from handshake_rail._call import Call
from handshake_rail._generated.models import Decided, Submission
from handshake_rail._generated.operations import SUBMIT_REQUEST
from handshake_rail._plan import Plan, Send, Sleep
from handshake_rail.errors import NO_ANSWER, UNKNOWN, HandshakeError

TIMEOUT_S: Final = 300.0
"""Limits the wait for a decision unless somebody says otherwise: as long as people have unless a stack says so."""
PENDING: Final = "escalated_pending"

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 10.0


@dataclass(frozen=True)
class Waiting:
    """Says what to wait for, and how long. ``clock`` gives seconds that only grow."""

    request: Submission
    timeout_s: float
    clock: Callable[[], float]


def wait(waiting: Waiting) -> Plan[Decided]:
    """Plan to submit the request, and to submit it again until it is decided or the time is over.

    Each time it has a fresh timestamp, which is no part of what must be the same. Gives the last answer, still pending
    where the time is over. Raises HandshakeError for the first call that is refused or not answered; later, while the
    service cannot be reached, only once the time is over.
    """
    ends = waiting.clock() + waiting.timeout_s
    first = decided = yield from _ask(waiting)
    pause_s = _FIRST_PAUSE_S
    while decided["state"] == PENDING and (left_s := ends - waiting.clock()) > 0:
        asked_s = decided.get("pollAfterMs", 0) / 1000
        yield Sleep(min(asked_s or pause_s, left_s))
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        try:
            decided = yield from _ask(waiting)
        except HandshakeError as error:
            if not (error.retryable or unanswered(error)) or waiting.clock() >= ends:
                raise
            continue
        if decided["requestTimestamp"] != first["requestTimestamp"]:
            raise HandshakeError(
                "security_decision_context_mismatch",
                "what was waited for is gone, and another request has its id",
                status=None,
                correlation_id="",
                attempts=1,
            )
    return decided


def unanswered(error: HandshakeError) -> bool:
    """Say whether nobody answered, or not the API, or with half of its answer: what was asked may have been done."""
    in_between = error.reason_code == UNKNOWN and error.status is not None and not 300 <= error.status < 500
    return error.reason_code == NO_ANSWER or in_between


def _ask(waiting: Waiting) -> Plan[Decided]:
    fresh = cast("Submission", {**waiting.request, "timestamp": int(time.time() * 1000)})
    decided = yield Send(Call(SUBMIT_REQUEST, body=fresh))
    return cast("Decided", decided)
