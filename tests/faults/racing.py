"""What races have in common: many attempts at once, and what became of them.

HANDSHAKE_RACERS and HANDSHAKE_ROUNDS make races longer: the full measure is 64 racers in 50 rounds.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from threading import Barrier
from typing import Any, Final

from tests.support.service import InProcess, Reply, get, own

RACERS: Final = int(os.environ.get("HANDSHAKE_RACERS", "16"))
ROUNDS: Final = int(os.environ.get("HANDSHAKE_ROUNDS", "2"))
ROUNDS_OF_A_VARIANT: Final = min(ROUNDS, 4)

Attempt = Callable[[InProcess], Reply]


def race(service: InProcess, attempts: Sequence[Attempt]) -> list[Reply]:
    """Make every attempt at once, each by a function instance of its own; gives the answers in their order."""
    start = Barrier(len(attempts))

    def run(attempt: Attempt) -> Reply:
        instance = service.another()
        start.wait()
        return attempt(instance)

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def told(replies: Sequence[Reply]) -> Counter[tuple[int, str | None]]:
    """Count the outcomes."""
    return Counter(reply.outcome for reply in replies)


def only_winner(replies: Sequence[Reply]) -> Reply:
    """Give the one answer that is no refusal."""
    [winner] = [reply for reply in replies if reply.status == 200]
    return winner


def status_of(service: InProcess, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read where a request stands."""
    reply = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request))
    assert reply.status == 200
    body: dict[str, Any] = reply.body
    return body


def taking_turns(*attempts: Attempt) -> list[Attempt]:
    """Give as many attempts as race, each kind in turn."""
    return list(islice(cycle(attempts), RACERS))
