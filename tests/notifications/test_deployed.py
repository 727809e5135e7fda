"""The notifier as deployed: what is done to requests and agents reaches a rule's queue by the stack's own bus."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.local.settings import ACCOUNT, REGION
from ops.local.stack import LocalStack
from tests.support.agents import operator
from tests.support.agents import put as put_agent
from tests.support.service import Deployed, act, claim, decided, escalated, extend, now_ms, revoke, unique
from tests.support.telling import heard, in_order

_PATIENCE_S = 60


@pytest.fixture(scope="module")
def service(stack: LocalStack) -> Deployed:
    return Deployed.on(stack)


@pytest.fixture(scope="module")
def listening(stack: LocalStack) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Gives what a queue was told that has a rule on the bus: of the subjects named, until there are so many."""
    sqs, events, name = stack.client("sqs"), stack.client("events"), unique("rule")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    bus = stack.outputs["EventBus"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": ["handshake"]}))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    told: list[dict[str, Any]] = []

    def until(*subjects: str, count: int) -> list[dict[str, Any]]:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            found = [one for one in told if {one["detail"].get("requestId"), one["detail"]["agentId"]} & {*subjects}]
            if len(found) >= count or time.monotonic() > give_up:
                return found
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
                "Messages", ()
            ):
                told.append(json.loads(message["Body"]) | {"heard": now_ms()})
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    yield until
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def test_what_becomes_of_requests_and_agents_reaches_who_listens(
    service: Deployed, listening: Callable[..., list[dict[str, Any]]]
) -> None:
    approved, extended, allowed = escalated(service), escalated(service), decided(service, "allow")
    assert act(service, approved).status == 200
    assert extend(service, extended).status == 200
    assert claim(service, allowed).status == 200
    assert revoke(service, approved).status == 200
    assert put_agent(service, approved["agentId"], envelope=operator()).status == 200
    requests = [request["requestId"] for request in (approved, extended, allowed)]

    told = listening(*requests, approved["agentId"], count=7)

    kinds = {request: sorted(one["detail-type"] for one in _of(told, request)) for request in requests}
    assert kinds == {
        approved["requestId"]: ["grant.revoked", "request.decided", "request.escalated"],
        extended["requestId"]: ["request.escalated", "request.extended"],
        allowed["requestId"]: ["grant.claimed"],
    }
    [changed] = [one["detail"] for one in told if one["detail-type"] == "agent.changed"]
    assert (changed["agentId"], changed["state"]) == (approved["agentId"], "stopped")
    assert {one["source"] for one in told} == {"handshake"}
    # Of these alone: other tests leave evidence behind that nobody can read.
    evidence = Counter((kind, request) for request in requests for kind in in_order(service, request))
    assert heard([one["detail"] for one in told if one["detail-type"] != "agent.changed"]) == evidence


def _of(told: list[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    return [one for one in told if one["detail"].get("requestId") == request_id]


def test_a_person_may_hear_within_seconds_of_the_commit(
    service: Deployed, listening: Callable[..., list[dict[str, Any]]]
) -> None:
    """The bound is for a busy machine, and the middle of ten."""
    requests = [escalated(service)["requestId"] for _ in range(10)]

    told = listening(*requests, count=10)

    waits = sorted(one["heard"] - one["detail"]["at"] for one in told)
    assert len(waits) == 10
    assert waits[4] < 10_000
