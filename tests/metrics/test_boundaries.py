"""The edges of what is counted when: a rebuild's cut to the millisecond, and how long synthetic events are kept."""

import pytest

from handshake.metrics.event_table import SYNTHETIC_PREFIX, event_item
from handshake.metrics.rebuild import CLOCKS_MS, compare
from tests.conftest import Engine
from tests.metrics.world import Acting, Arrival, Delivery, Rebuild, World
from tests.support.metrics_events import NOW_MS, an_event

DAY_S = 24 * 60 * 60


@pytest.mark.parametrize("folded_first", [False, True], ids=["folded after it", "folded before it as far as it goes"])
def test_what_was_appended_around_the_cut_of_a_rebuild_is_counted_once_to_the_millisecond(
    moto_tables: Engine, *, folded_first: bool
) -> None:
    arrivals = [
        Arrival(an_event(event_id=f"e-{off}"), after_ms=max(0, off), clock_ahead_ms=CLOCKS_MS + off - max(0, off))
        for off in (-1, 0, 1)
    ]
    world = World(*moto_tables, arrivals)
    if folded_first:
        world.play(Delivery(shard=0))

    world.play(Rebuild())
    world.finish()

    comparison = compare(world.context(Acting()))
    assert (comparison.events, comparison.not_yet_folded, comparison.differences) == (3, 0, [])


@pytest.mark.parametrize(("now_ms", "ttl_s"), [(NOW_MS, NOW_MS // 1000 + DAY_S), (1999, 1 + DAY_S)])
def test_a_synthetic_event_is_kept_for_a_day_where_nothing_counts_it(now_ms: int, ttl_s: int) -> None:
    item = event_item(an_event(), correlation_id="call", now_ms=now_ms, synthetic=True)

    assert item["ttl"] == ttl_s
    assert item["pk"].startswith(SYNTHETIC_PREFIX)


def test_any_other_event_is_kept_for_ever() -> None:
    assert "ttl" not in event_item(an_event(), correlation_id="call", now_ms=NOW_MS)
