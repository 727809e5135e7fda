"""From commit to people: real receivers that answer badly, an auditor that compares the table with what they got."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest

from functions.channels import app as channels_app
from handshake.api import telemetry
from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import MIN_LIFE_MS
from handshake.channels.secrets import Destinations, SecretUnavailableError
from handshake.dynamo.marshalling import marshal
from handshake.requests.table import state_key
from tests.support.channels import KEY, STACK, URLS, World, dead_of, taken
from tests.support.logs import lines_of, standard_output
from tests.support.receivers import receiving
from tests.support.service import InProcess, act, escalated, extend, revoke
from tests.support.telling import expected, heard, in_order


def _reject(service: InProcess, request: dict[str, Any]) -> object:
    return act(service, request, "reject")


AUDITS: Final = int(os.environ.get("HANDSHAKE_AUDITS", "4"))
MOVES: Final[tuple[Callable[..., object], ...]] = (act, extend, revoke, _reject)


def _kinds(told: list[dict[str, Any]], request: dict[str, Any]) -> list[str]:
    """Name what was told of a request, in its order; of reminders no evidence speaks."""
    of_it = [one["event"] for one in told if one["requestId"] == request["requestId"]]
    return [kind for kind in of_it if kind != "request.reminded"]


def test_what_was_told_is_what_was_committed_once_and_in_order(world: World) -> None:
    with receiving() as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        approved, waiting = escalated(world.service), escalated(world.service)
        extend(world.service, waiting, 600)
        act(world.service, approved)
        revoke(world.service, approved)
        world.tell()
        world.deliver()

    told = taken(receiver)
    assert heard(told) == expected(world.service)
    assert Counter(receiver.once.values()) == {1: len(told)}
    for request in (approved, waiting):
        assert _kinds(told, request) == in_order(world.service, request["requestId"])


@pytest.mark.parametrize("mode", ["hang", "500", "503", "429", "close", "trickle", "401"])
def test_an_outage_of_ten_minutes_loses_nothing_and_keeps_each_requests_order(world: World, mode: str) -> None:
    down = [True]
    failed: list[int] = []

    def answer(number: int) -> str:
        if down[0]:
            failed.append(number)
            return mode
        return "200"

    with receiving(answer) as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        request = escalated(world.service)
        extend(world.service, request, 3600)
        act(world.service, request)
        world.tell()
        world.deliver()
        world.pass_time(600, step=60)
        down[0] = False
        world.pass_time(300, step=30)

    told = [one for one in taken(receiver, set(failed).__contains__) if one["requestId"] == request["requestId"]]
    assert [one["event"] for one in told] == ["request.escalated", "request.extended", "request.decided"]
    assert dead_of(world, ChannelKind.WEBHOOK) == []
    assert heard(taken(receiver, set(failed).__contains__)) == expected(world.service)


@pytest.mark.parametrize(("mode", "cause"), [("410", "status 410"), ("redirect", "status 307"), ("400", "status 400")])
def test_an_address_that_is_gone_is_given_up_at_once_and_alarmed(world: World, mode: str, cause: str) -> None:
    with receiving(mode) as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        escalated(world.service)
        world.tell()
        world.deliver()

    assert dead_of(world, ChannelKind.WEBHOOK) == [cause]
    assert len(receiver.calls) == 1


def test_a_channel_that_stays_dead_is_tried_for_the_life_of_the_escalation_and_delays_no_other(world: World) -> None:
    with receiving("500") as dead, receiving() as alive:
        world.register("dead", ChannelKind.WEBHOOK, dead.url)
        world.register("alive", ChannelKind.WEBHOOK, alive.url)
        world.register("chat", ChannelKind.SLACK, alive.url)
        request = escalated(world.service)
        world.tell()
        world.deliver()
        assert [one.json["data"]["requestId"] for one in alive.calls if "webhook-id" in one.headers] == [
            request["requestId"]
        ]
        assert len(alive.calls) == 2
        world.pass_time(MIN_LIFE_MS // 1000 - 60, step=60)
        assert dead_of(world, ChannelKind.WEBHOOK) == []
        world.pass_time(1200, step=60)

    assert set(dead_of(world, ChannelKind.WEBHOOK)) == {"status 500"}
    assert Counter(one["event"] for one in taken(alive, lambda n: "webhook-id" not in alive.calls[n].headers)) == {
        "request.escalated": 1,
        "request.reminded": 2,
        "request.expired": 1,
    }


def test_a_tenants_channel_hears_of_its_tenant_alone(world: World) -> None:
    with receiving() as one, receiving() as other, receiving() as all_of_them:
        world.register("one", ChannelKind.WEBHOOK, one.url, tenant="acme")
        world.register("other", ChannelKind.WEBHOOK, other.url, tenant="umbrella")
        world.register("all", ChannelKind.WEBHOOK, all_of_them.url)
        escalated(world.service, tenantId="acme")
        escalated(world.service, tenantId=None)
        world.tell()
        world.deliver()

    assert [call.json["data"]["tenantId"] for call in one.calls] == ["acme"]
    assert other.calls == []
    assert len(all_of_them.calls) == 2


def test_slack_gets_plain_text_and_a_topic_a_subject_and_text(world: World) -> None:
    with receiving() as chat:
        world.register("chat", ChannelKind.SLACK, chat.url)
        world.register("mail", ChannelKind.TOPIC, f"arn:aws:sns:us-east-1:1:{STACK}-told-mail")
        escalated(world.service)
        world.tell()
        world.deliver()

    [call] = chat.calls
    assert [block["text"]["type"] for block in call.json["blocks"]] == ["plain_text", "plain_text"]
    [mail] = world.published
    assert mail["TopicArn"].endswith("-told-mail")
    assert len(mail["Subject"]) <= 100
    assert "deadline: in " in mail["Message"]


@pytest.mark.parametrize("seed", range(AUDITS))
def test_an_auditor_finds_nothing_lost_nothing_made_up_and_nothing_out_of_order(world: World, seed: int) -> None:
    """Receivers fail by dice, functions die between sending and saying so, the queue refuses, the bus throttles."""
    dice = random.Random(seed)  # noqa: S311 - dice, not secrecy
    failed: set[int] = set()
    calm: list[bool] = []

    def answer(number: int) -> str:
        mode = "200" if calm else dice.choice(["200", "200", "200", "500", "429", "close"])
        if mode != "200":
            failed.add(number)
        return mode

    deaths: list[bool] = []

    def dies(share: float) -> bool:
        deaths.append(dice.random() < share)
        return deaths[-1]

    requests: list[dict[str, Any]] = []
    with receiving(answer) as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        for _ in range(12):
            requests.append(escalated(world.service))
            request = dice.choice(requests)
            move = dice.choice(MOVES)
            move(world.service, request)
            world.queues.refuses = dice.choice([0, 0, 2])
            world.bus.answers = [dice.choice(["", "ThrottlingException"]) for _ in range(5)]
            world.tell()
            world.deliver(dies=lambda: dies(0.2))
        world.pass_time(600, step=20, dies=lambda: dies(0.1))
        calm.append(True)
        world.pass_time(900, step=60)

    told, committed = taken(receiver, failed.__contains__), expected(world.service)
    counted = f"{committed.total()} events committed, {heard(told).total()} told once, {len(receiver.calls)} calls"
    beside = f"{len(failed)} of them failed, {sum(deaths)} deaths after a call, {len(world.bus.told)} told by the bus"
    print(f"seed {seed}: {counted}, {beside}")
    assert heard(told) == committed
    assert heard(world.bus.once) == committed
    assert dead_of(world, ChannelKind.WEBHOOK) == []
    for request in requests:
        assert _kinds(told, request) == in_order(world.service, request["requestId"])


def test_a_queue_that_refuses_some_messages_keeps_each_requests_order(world: World) -> None:
    dice = random.Random(3)  # noqa: S311 - dice, not secrecy
    with receiving() as receiver:
        for name in ("a", "b", "c"):
            world.register(name, ChannelKind.WEBHOOK, receiver.url)
        requests = [escalated(world.service) for _ in range(4)]
        for request in requests:
            extend(world.service, request)
            act(world.service, request)
            revoke(world.service, request)
        world.queues.refused = lambda: dice.random() < 0.05
        world.tell()
        # Of each channel alone: to a receiver of three of them an id comes three times.
        messages = world.queues.queues[URLS[ChannelKind.WEBHOOK]]

    for request in requests:
        kinds: dict[str, list[str]] = {}
        for message in messages:
            body = json.loads(message.body)
            if body["event"]["requestId"] == request["requestId"]:
                kinds.setdefault(body["channel"], []).append(body["event"]["event"])
        order = in_order(world.service, request["requestId"])
        assert kinds == dict.fromkeys(("a", "b", "c"), order)


def test_a_removed_channel_is_forgotten(world: World) -> None:
    with receiving() as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        escalated(world.service)
        world.tell()
        world.remove("hook")
        world.deliver()

    assert receiver.calls == []
    assert world.queues.due(URLS[ChannelKind.WEBHOOK]) == []
    assert dead_of(world, ChannelKind.WEBHOOK) == []


def test_what_is_no_message_is_a_dead_letter(world: World) -> None:
    for number, body in enumerate(["", "{}", "[]", '{"channel": "x", "event": {"event": "odd"}}']):
        entry = {"MessageBody": body, "MessageGroupId": str(number), "MessageDeduplicationId": str(number)}
        world.queues.send_message(URLS[ChannelKind.SLACK], **entry)
    world.deliver()

    assert dead_of(world, ChannelKind.SLACK) == ["no message of a channel"] * 4


def test_what_this_release_cannot_read_is_a_dead_letter_and_holds_up_nothing(world: World) -> None:
    """As a later one may have left it that was rolled back. Of Slack, all of a channel is one group."""
    with receiving() as receiver:
        world.register("chat", ChannelKind.SLACK, receiver.url)
        ids = [escalated(world.service)["requestId"] for _ in range(3)]
        world.tell()
        service, key = world.service, marshal(state_key(ids[0]))
        service.dynamodb.update_item(
            TableName=service.tables.workflow,
            Key=key,
            UpdateExpression="SET #state = :later",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":later": {"S": "a state of a later release"}},
        )
        world.deliver()

    assert dead_of(world, ChannelKind.SLACK) == ["ValueError: this release cannot read it"]
    assert len(receiver.calls) == 2
    assert world.queues.queues[URLS[ChannelKind.SLACK]] == []


def test_a_channel_whose_secret_cannot_be_read_is_tried_again(world: World) -> None:
    with receiving() as receiver:
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        kept = world.secrets.kept.copy()
        world.secrets.kept.clear()
        escalated(world.service)
        world.tell()
        world.deliver()
        assert receiver.calls == []
        world.secrets.kept |= kept
        world.pass_time(10)

    assert len(receiver.calls) == 1


def test_no_line_of_a_log_says_where_messages_go_or_what_they_say(world: World) -> None:
    with receiving("500") as receiver, standard_output() as output:
        telemetry.logger.info("begin")
        world.register("hook", ChannelKind.WEBHOOK, receiver.url)
        request = escalated(world.service)
        world.tell()
        world.deliver()
        written = output.getvalue()

    assert [line["Failing"] for line in lines_of(output) if line["message"] == "delivery"] == [1]
    for secret in ("secret-path", KEY, str(receiver.port), request["requestId"], request["principalId"]):
        assert secret not in written


def test_a_secret_that_is_none_is_named_and_not_quoted() -> None:
    contents: list[Any] = [{}, {"url": 3}, []]
    channel = Channel("x", ChannelKind.WEBHOOK, None, "hooks.example", 1, "me")
    for content in contents:
        client = SimpleNamespace(get_secret_value=lambda content=content, **_: {"SecretString": json.dumps(content)})
        destinations = Destinations(client, STACK)
        if content == {"url": 3}:
            assert destinations.of(channel).url == "3"
        else:
            with pytest.raises(SecretUnavailableError):
                destinations.of(channel)


def test_several_channels_make_no_message_of_two_ids(world: World) -> None:
    with receiving() as receiver:
        for name in ("a", "b"):
            world.register(name, ChannelKind.WEBHOOK, receiver.url)
        escalated(world.service)
        world.tell()
        world.deliver()

    # One id, to two receivers that happen to be one.
    assert list(receiver.once.values()) == [2]


def test_a_slow_pace_is_kept_for_slack(world: World) -> None:
    waits: list[float] = []
    world.monkeypatch.setattr(channels_app, "_PACE_S", {ChannelKind.SLACK: 1.0})
    world.monkeypatch.setattr(time, "sleep", waits.append)
    with receiving() as chat:
        world.register("chat", ChannelKind.SLACK, chat.url)
        for _ in range(3):
            escalated(world.service)
        world.tell()
        world.deliver()

    assert len(chat.calls) == 3
    assert len(waits) == 3
    assert all(0.5 < wait <= 1.0 for wait in waits)
    assert len({message.group for message in world.queues.queues[URLS[ChannelKind.SLACK]]}) <= 1
