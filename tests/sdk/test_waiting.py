"""Tests how a client waits until somebody has decided: on the same request, to its deadline, and through outages."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

import httpx
import pytest

from handshake_rail import HandshakeError, models
from tests.sdk.conftest import Connect
from tests.sdk.doubles import Clock, Script, ok, refusal, to_service
from tests.support.service import InProcess, act, now_ms, unique
from tests.support.workflow_requests import a_body

PENDING = {"decision": "escalate", "state": "escalated_pending", "requestTimestamp": 1, "reasonCode": "hitl"}
APPROVED = PENDING | {"decision": "allow", "state": "escalated_approved_terminal"}


def _payment(amount: float) -> models.Submission:
    return cast(
        "models.Submission",
        a_body("payment", requestId=unique("pay"), agentId=unique("buyer"), context={"amount": amount}),
    )


def _at_call(number: int, happens: Callable[[], Any], answers: Callable[[httpx.Request], httpx.Response]) -> Any:
    """Give a handler before whose call of that number something happens."""
    calls = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls == number:
            happens()
        return answers(request)

    return handler


@pytest.mark.parametrize(
    ("action", "outcome"),
    [("approve", ("allow", "escalated_approved_terminal")), ("reject", ("deny", "escalated_rejected_terminal"))],
)
def test_it_ends_when_a_person_decides(
    connect: Connect, service: InProcess, clock: Clock, action: str, outcome: tuple[str, str]
) -> None:
    request = _payment(150)
    client = connect(_at_call(4, lambda: act(service, request, action), to_service(service)))

    decided = client.wait_for_decision(request, 60)

    assert (decided["decision"], decided["state"]) == outcome
    assert clock.waits == [1, 1, 1]  # as the service says of what has hardly waited: its own clock stands


@pytest.mark.parametrize("amount", [10, 5000], ids=["allowed", "denied"])
def test_what_nobody_is_asked_about_is_not_waited_for(
    connect: Connect, service: InProcess, clock: Clock, amount: float
) -> None:
    decided = connect(service).wait_for_decision(_payment(amount))

    assert decided["state"] in {"allowed_terminal", "denied_terminal"}
    assert clock.waits == []


def test_it_ends_at_its_time_and_can_be_taken_up_again(connect: Connect, service: InProcess, clock: Clock) -> None:
    request = _payment(150)
    client = connect(service)

    assert client.wait_for_decision(request, 5)["state"] == "escalated_pending"
    assert clock.waits == [1, 1, 1, 1, 1]
    assert client.wait_for_decision(request, 0)["state"] == "escalated_pending"
    assert clock.now == 5
    act(service, request)
    assert client.wait_for_decision(request, 0)["decision"] == "allow"


def test_it_never_turns_into_another_request(connect: Connect, service: InProcess) -> None:
    """Later than the clock's allowance, so that the first timestamp would be refused; and past the deadline."""
    request = _payment(150)
    first = connect(service).wait_for_decision(request, 0)
    later = replace(service, now_ms=lambda: now_ms() + 200_000)
    much_later = replace(service, now_ms=lambda: now_ms() + 400_000)

    waited = connect(later).wait_for_decision(request, 0)

    assert waited["hitlRequestId"] == first["hitlRequestId"]
    assert waited["requestTimestamp"] == first["requestTimestamp"]
    with pytest.raises(HandshakeError, match="trust_context_timestamp_skew_fail_closed"):
        connect(much_later).wait_for_decision(request, 0)  # this machine's clock is minutes slow


def test_each_time_it_says_what_time_it_is(connect: Connect) -> None:
    script = Script([ok(PENDING), ok(PENDING), ok(APPROVED)])
    old = _payment(150) | {"timestamp": 1}

    connect(script).wait_for_decision(old)

    bodies = [json.loads(request.content) for request in script.requests]
    assert all(abs(body["timestamp"] - now_ms()) < 60_000 for body in bodies)
    assert all(body | {"timestamp": 1} == old for body in bodies)


def test_a_request_that_has_become_another_is_not_taken_for_it(connect: Connect) -> None:
    script = Script([ok(PENDING), ok(APPROVED | {"requestTimestamp": 2})])

    with pytest.raises(HandshakeError, match="security_decision_context_mismatch"):
        connect(script).wait_for_decision(_payment(150))


def test_a_service_that_does_not_say_is_asked_more_and_more_seldom(connect: Connect, clock: Clock) -> None:
    script = Script([*[ok(PENDING)] * 6, ok(APPROVED)])

    connect(script).wait_for_decision(_payment(150))

    assert clock.waits == [1, 2, 4, 8, 10, 10]


def test_who_waits_asks_as_often_as_a_service_with_the_same_clock_says(
    connect: Connect, service: InProcess, clock: Clock
) -> None:
    """Five minutes take 24 calls more, the last of them at the deadline, where the answer is another."""
    begun = now_ms()
    timed = replace(service, now_ms=lambda: begun + round(clock.now * 1000))

    decided = connect(timed).wait_for_decision(_payment(150), 600)

    assert decided["state"] == "escalated_expired_terminal"
    assert 24 <= len(clock.waits) <= 25
    assert 300 <= clock.now <= 301


def test_the_service_says_how_often_it_is_asked(connect: Connect, clock: Clock) -> None:
    script = Script([ok(PENDING | {"pollAfterMs": 2500}), ok(PENDING | {"pollAfterMs": 700}), ok(APPROVED)])

    connect(script).wait_for_decision(_payment(150))

    assert clock.waits == [2.5, 0.7]


OUTAGES: Final[dict[str, httpx.Response | Exception]] = {
    "refused": httpx.ConnectError("refused"),
    "slow": httpx.ReadTimeout("slow"),
    "half an answer": httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    "an answer cut short": httpx.Response(200, text='{"decision": "esca'),
    "a gateway's": httpx.Response(502, text="Bad Gateway"),
    "throttled": refusal("adapter_store_unavailable", 503, headers={"retry-after": "3"}),
    "for too long": refusal("adapter_store_unavailable", 503, headers={"retry-after": "60"}),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_waited_out(connect: Connect, outage: str) -> None:
    script = Script([ok(PENDING), *[OUTAGES[outage]] * 6, ok(APPROVED)])

    assert connect(script).wait_for_decision(_payment(150))["decision"] == "allow"


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_that_outlasts_the_time_is_told(connect: Connect, clock: Clock, outage: str) -> None:
    script = Script([ok(PENDING), OUTAGES[outage]])

    with pytest.raises(HandshakeError):
        connect(script).wait_for_decision(_payment(150), 60)

    assert clock.now < 90


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_service_that_was_never_reached_is_not_waited_for(connect: Connect, clock: Clock, outage: str) -> None:
    with pytest.raises(HandshakeError):
        connect(Script([OUTAGES[outage]])).wait_for_decision(_payment(150))

    assert clock.now < 30


def test_a_refusal_ends_it(connect: Connect) -> None:
    script = Script([ok(PENDING), refusal("security_decision_context_mismatch", 409)])

    with pytest.raises(HandshakeError, match="security_decision_context_mismatch"):
        connect(script).wait_for_decision(_payment(150))

    assert len(script.requests) == 2


def test_a_stack_that_wants_to_know_who_submits_is_told_each_time(connect: Connect) -> None:
    script = Script([ok(PENDING), ok(APPROVED)])
    agent: models.IdentityEnvelope = {"principalId": "agent-1", "subjectType": "agent"}

    connect(script, submitter=agent).wait_for_decision(_payment(150))

    assert all(
        sent == '{"principalId": "agent-1", "subjectType": "agent"}' for sent in script.sent("x-identity-envelope")
    )
    script.requests.clear()
    connect(script, envelope=agent).wait_for_decision(_payment(150))
    assert script.sent("x-identity-envelope") == [None]
