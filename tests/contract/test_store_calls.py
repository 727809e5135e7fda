"""Count the calls to the store of each endpoint: one round trip to read, one to write, however warm the day."""

from dataclasses import replace

import pytest

from tests.support.clients import Counting
from tests.support.service import InProcess, decided, post
from tests.support.store_calls import CALLS, READ, WEEK_OF_ALL, Prepare


@pytest.mark.parametrize(("prepare", "expected"), CALLS.values(), ids=CALLS)
def test_an_endpoint_makes_no_more_calls_than_this(alone: InProcess, prepare: Prepare, expected: list[str]) -> None:
    call = prepare(alone)
    counting = Counting(alone.dynamodb)

    call(replace(alone, dynamodb=counting))

    assert counting.operations == expected


def test_a_simulation_for_everybody_reads_a_week_in_shards(in_process: InProcess) -> None:
    decided(in_process, "allow")
    counting = Counting(in_process.dynamodb)

    reply = post(replace(in_process, dynamodb=counting), "/policy/simulate", {"scope": "global", "rules": []})

    assert reply.status == 200
    assert counting.operations[: len(WEEK_OF_ALL)] == WEEK_OF_ALL
    assert set(counting.operations[len(WEEK_OF_ALL) :]) == {READ}
