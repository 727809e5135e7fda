"""The metrics equal a plain computation over the events, whatever happens on the way there."""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.answers import check_every_answer
from tests.metrics.world import DELIVERIES, HAPPENINGS, Acting, Arrival, Happening, World, arrivals
from tests.support import engines

_MINUTE_MS = 60_000


@contextmanager
def _world(endpoint: str, coming: list[Arrival]) -> Iterator[World]:
    client = engines.client_of("dynamodb", endpoint)
    tables = engines.create_tables(client, "metrics")
    yield World(client, tables, coming)
    engines.delete_tables(client, tables)


def _check(world: World, coming: list[Arrival]) -> None:
    check_every_answer(world.client, world.tables, [one.event for one in coming], now_ms=world.now_ms)


@given(arrivals(), st.lists(DELIVERIES, max_size=10))
@settings(max_examples=6)
def test_every_answer_is_right_however_the_stream_delivers_and_wherever_projectors_interleave_and_die(
    dynamodb_local_endpoint: str, coming: list[Arrival], deliveries: list[Acting]
) -> None:
    with _world(dynamodb_local_endpoint, coming) as world:
        for delivery in deliveries:
            world.play(delivery)
        world.finish()

        _check(world, coming)


@given(arrivals(apart_ms=2 * _MINUTE_MS), st.lists(HAPPENINGS, max_size=8))
@settings(max_examples=8)
def test_every_answer_is_right_whatever_rebuilds_run_and_die_among_projectors_and_writers(
    dynamodb_local_endpoint: str, coming: list[Arrival], happenings: list[Happening]
) -> None:
    with _world(dynamodb_local_endpoint, coming) as world:
        for happening in happenings:
            world.play(happening)
        world.finish()

        _check(world, coming)
