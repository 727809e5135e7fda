"""Callers who are after one item, in a store that cancels all but one of them: how many of them wait in vain."""

import random

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import RETRY_BUDGET_S, Dynamo
from handshake.dynamo.marshalling import Put, Update
from tests.bench.rivals import Contended, Timeline
from tests.bench.tapped import Tapped
from tests.support.scripted import Scripted

HOLD_S = 0.005
CALLERS = 16
WRITES = 20


def test_rivals_are_all_served_while_one_item_can_serve_them() -> None:
    random.seed(1)  # the adapter's jitter
    timeline = Timeline()
    tap = Tapped(Contended(Scripted({}), timeline, HOLD_S))
    waited_s, in_vain = list[float](), list[float]()

    def work() -> None:
        for _ in range(WRITES):
            began_s = timeline.now()
            dynamo = Dynamo(tap, clock=timeline.now, pause=timeline.sleep)
            try:
                dynamo.write(
                    Put("workflow-1", {"pk": f"REQ#{len(waited_s)}", "sk": "STATE"}),
                    Update("workflow-1", {"pk": "SPEND#agent", "sk": "today"}, "ADD spent :one", {":one": 1}),
                )
            except StoreUnavailableError:
                in_vain.append(timeline.now())
            waited_s.append(timeline.now() - began_s)

    timeline.run([work] * CALLERS)

    assert len(waited_s) == CALLERS * WRITES
    assert in_vain == []
    assert max(waited_s) < RETRY_BUDGET_S + 0.1
    assert tap.conflicts < 3 * len(waited_s)


def test_time_passes_only_as_it_is_slept_and_in_the_order_in_which_it_is_due() -> None:
    timeline, told = Timeline(), []

    def work(name: str, seconds: float) -> None:
        for _ in range(2):
            timeline.sleep(seconds)
            told.append((name, timeline.now()))

    timeline.run([lambda: work("slow", 3), lambda: work("quick", 1)])

    assert told == [("quick", 1), ("quick", 2), ("slow", 3), ("slow", 6)]
