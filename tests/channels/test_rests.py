"""Channels that fail rest, so that none takes the time of others; messages whose life is over are settled."""

from collections import Counter
from itertools import pairwise

import pytest

from handshake.channels.channel import ChannelKind
from handshake.channels.delivery import MIN_LIFE_MS
from tests.support.channels import URLS, World, dead_of
from tests.support.receivers import receiving
from tests.support.service import escalated


@pytest.mark.parametrize("mode", ["500", "close", "429"])
def test_a_channel_that_fails_is_called_once_a_rest_however_much_waits_for_it(world: World, mode: str) -> None:
    at_ms: list[int] = []

    def answer(_: int) -> str:
        at_ms.append(world.clock[0])
        return mode

    with receiving(answer, **{"retry-after": "0"}) as dead, receiving() as alive:
        world.register("dead", ChannelKind.WEBHOOK, dead.url)
        world.register("alive", ChannelKind.WEBHOOK, alive.url)
        for _ in range(12):
            escalated(world.service)
        world.tell()
        world.deliver()
        assert (len(at_ms), len(alive.calls)) == (1, 12)
        world.pass_time(280)

    pauses = [(after - before) // 1000 for before, after in pairwise(at_ms)]
    assert pauses[:3] == [5, 10, 20]
    assert all(pause >= 40 for pause in pauses[3:])
    assert dead_of(world, ChannelKind.WEBHOOK) == []


def test_a_success_ends_the_rest(world: World) -> None:
    """The channel fails for a minute; half a minute later each message was told once, and the next is at once."""
    down = [True]
    with receiving(lambda _: "500" if down else "200") as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        for _ in range(6):
            escalated(world.service)
        world.tell()
        world.deliver()
        world.pass_time(60)
        failed = len(receiver.calls)
        down.clear()
        world.pass_time(100)
        assert Counter(Counter(call.headers["webhook-id"] for call in receiver.calls[failed:]).values()) == {1: 6}
        down.append(True)
        escalated(world.service)
        world.tell()
        world.deliver()
        before = len(receiver.calls)
        world.pass_time(5)
        assert len(receiver.calls) == before + 1

    assert before == failed + 7


def test_a_channel_that_is_registered_anew_does_not_rest(world: World) -> None:
    with receiving("500") as dead, receiving() as alive:
        world.register("hook", ChannelKind.WEBHOOK, dead.url)
        escalated(world.service)
        world.tell()
        world.deliver()
        world.remove("hook")
        world.clock[0] += 1000
        world.register("hook", ChannelKind.WEBHOOK, alive.url)
        escalated(world.service)
        world.tell()
        world.deliver()

    assert (len(dead.calls), len(alive.calls)) == (1, 1)


def test_a_message_whose_life_ends_while_its_channel_rests_is_a_dead_letter_with_the_channels_cause(
    world: World,
) -> None:
    with receiving("500") as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        for _ in range(8):
            escalated(world.service)
        world.tell()
        world.deliver()
        world.pass_time(300 + MIN_LIFE_MS // 1000 + 60, step=20)

    assert dead_of(world, ChannelKind.WEBHOOK) == ["status 500"] * 8 * 4  # each asked, reminded twice, expired
    assert world.queues.queues[URLS[ChannelKind.WEBHOOK]] == []
    assert len(receiver.calls) < 8 * 4


def test_what_comes_again_after_its_life_is_given_up_and_not_sent(world: World) -> None:
    """A function that is killed each time says nothing, and its message comes again for as long as SQS counts."""
    with receiving() as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        escalated(world.service)
        world.tell()
        url = URLS[ChannelKind.WEBHOOK]
        [message] = world.queues.due(url)
        world.queues.receive(url, message)  # and nobody says what came of it
        world.clock[0] += 2 * MIN_LIFE_MS
        world.deliver()

    assert receiver.calls == []
    assert dead_of(world, ChannelKind.WEBHOOK) == ["its time is over"]


def test_what_comes_late_for_the_first_time_is_sent(world: World) -> None:
    """The notifier may be hours behind, and nobody has heard of it yet."""
    with receiving() as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        escalated(world.service)
        world.tell()
        world.clock[0] += 2 * MIN_LIFE_MS
        world.deliver()

    assert len(receiver.calls) == 1
