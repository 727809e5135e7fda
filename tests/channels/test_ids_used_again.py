"""Channels' ids that are used again: nothing goes to whom it was not for, whatever is on a queue or remembered."""

import json

from handshake.channels.channel import ChannelKind
from tests.support.channels import STACK, URLS, World, dead_of
from tests.support.receivers import receiving
from tests.support.service import escalated


def test_what_waits_for_a_channel_goes_to_no_other_that_was_given_its_id(world: World) -> None:
    """Another tenant's, another address of the same tenant's, and one of all tenants."""
    for tenant in ("umbrella", "acme", None):
        with receiving() as first, receiving() as second:
            world.register("approvers", ChannelKind.WEBHOOK, first.url, tenant="acme")
            escalated(world.service, tenantId="acme")
            world.tell()
            world.remove("approvers")
            world.clock[0] += 1000
            world.register("approvers", ChannelKind.WEBHOOK, second.url, tenant=tenant)
            world.pass_time(30)
            world.remove("approvers")

        assert (first.calls, second.calls) == ([], [])
    assert world.queues.due(URLS[ChannelKind.WEBHOOK]) == []
    assert dead_of(world, ChannelKind.WEBHOOK) == []


def test_what_an_earlier_release_put_on_the_queue_is_told_to_whom_it_may_be(world: World) -> None:
    """It does not say when its channel was added."""
    with receiving() as acme, receiving() as umbrella:
        world.register("acme", ChannelKind.WEBHOOK, acme.url, tenant="acme")
        world.register("approvers", ChannelKind.WEBHOOK, umbrella.url, tenant="acme")
        escalated(world.service, tenantId="acme")
        world.tell()
        world.remove("approvers")
        world.register("approvers", ChannelKind.WEBHOOK, umbrella.url, tenant="umbrella")
        for message in world.queues.queues[URLS[ChannelKind.WEBHOOK]]:
            message.body = json.dumps({name: of for name, of in json.loads(message.body).items() if name != "addedAt"})
        world.deliver()

    assert [call.json["data"]["tenantId"] for call in acme.calls] == ["acme"]
    assert umbrella.calls == []


def test_a_channel_registered_anew_is_told_at_its_own_address_at_once(world: World) -> None:
    """The address and the key of the one before it are remembered for a minute."""
    with receiving() as receiver:
        for path in ("acme", "umbrella"):
            world.register("approvers", ChannelKind.WEBHOOK, f"{receiver.url}/{path}", tenant=path)
            escalated(world.service, tenantId=path)
            world.tell()
            world.deliver()
            world.remove("approvers")
            world.clock[0] += 1000

    assert [call.path.rpartition("/")[2] for call in receiver.calls] == ["acme", "umbrella"]


def test_a_secret_of_another_channel_of_the_id_is_not_used(world: World) -> None:
    """Between the read of the channels and that of the secret an operator may give the id to somebody else."""
    with receiving() as receiver:
        world.register("approvers", ChannelKind.WEBHOOK, receiver.url)
        secret = world.secrets.kept[f"{STACK}/channels/approvers"]
        escalated(world.service)
        world.tell()
        secret["addedAt"] = world.clock[0] + 1000
        world.deliver()
        assert receiver.calls == []
        secret["addedAt"] = world.clock[0]
        world.pass_time(30)

    assert len(receiver.calls) == 1
