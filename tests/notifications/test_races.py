"""Reminders against whoever decides: what is told was true when it was committed, and is told once."""

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from handshake.notifications.remind import Reminders, remind
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, Reply, act, escalated, extend
from tests.support.telling import Listener, Streams, expected, heard
from tests.support.workflow_requests import TTL_MS

ROUNDS = 12


def _at_once(*calls: Any) -> list[Any]:
    barrier = Barrier(len(calls))

    def run(call: Any) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_many_sweeps_at_once_one_reminds_and_none_of_what_was_decided_before(
    dynamodb_local: Engine, dynamodb_local_endpoint: str
) -> None:
    client, tables = dynamodb_local
    clock = [NOW_MS]
    service = InProcess(client, tables, now_ms=lambda: clock[0])
    streams, listener = Streams(dynamodb_local_endpoint, tables), Listener()
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        clock[0] = NOW_MS
        request = escalated(service, timestamp=NOW_MS)
        listener.publish(service, streams.read())
        clock[0] += TTL_MS // 2

        def move(number: int = number, request: Mapping[str, Any] = request) -> Reply:
            time.sleep(number // 2 % 3 * 0.02)  # who is first is not left to who is quicker
            return act(service, request) if number % 2 else extend(service, request, 600)

        *swept, moved = _at_once(*[lambda: remind(service.context)] * 3, move)

        assert moved.status == 200
        told = Reminders(*map(sum, zip(*(vars(one).values() for one in swept), strict=True)))
        assert told.reminded <= 1
        outcomes["first" if told.reminded else "not at all"] += 1
        listener.publish(service, streams.read())
        kinds = listener.kinds(request["requestId"])
        moves = "request.decided" if number % 2 else "request.extended"
        # The store's stream keeps no order between two items, and somebody who listens goes by times.
        assert Counter(kinds) == Counter(["request.escalated", moves, *["request.reminded"] * told.reminded])

    assert outcomes["first"]
    assert heard(listener.once) == expected(service)
    assert len(listener.told) == len(listener.once)
