"""Tests that an effect happens once, on a grant, or not at all, and that what came of it is reported."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest

from handshake_rail import (
    AsyncHandshake,
    FileReplays,
    Grant,
    GrantError,
    HandshakeError,
    NotAllowedError,
    NotDoneError,
    explain,
    models,
)
from tests.sdk.conftest import Connect
from tests.sdk.doubles import BASE_URL, Clock, ok, to_service
from tests.sdk.grant_maker import Signer
from tests.sdk.granting import Effect, agent_of, an_order, events, granting, outcome_of
from tests.support.service import InProcess, act
from tests.support.store import paused

LOST: Final = httpx.RemoteProtocolError("Server disconnected without sending a response.")
UNANSWERED: Final = httpx.ReadTimeout("slow")


@pytest.fixture(scope="module")
def service(service: InProcess) -> InProcess:
    """The handlers, with a key that signs grants."""
    return granting(service)


@pytest.fixture
def effect() -> Effect:
    """Something that is to be done once."""
    return Effect()


class Between:
    """Stands between client and service: notes each call, and does to it what ``at`` has for its route."""

    def __init__(
        self, service: InProcess, at: dict[str, list[Exception | httpx.Response | None]], *, late: bool
    ) -> None:
        self._handler = to_service(service)
        self._at = at
        self._late = late
        self.calls: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = request.url.path.removeprefix("/stage/").split("/")[-1]
        self.calls.append(route)
        planned = self._at.get(route) or [None]
        instead = planned.pop(0) if planned else None
        if instead is None:
            return self._handler(request)
        if self._late:  # it is carried out, and its answer is lost
            self._handler(request)
        if isinstance(instead, Exception):
            raise instead
        return httpx.Response(instead.status_code, content=instead.content)


def test_what_is_allowed_is_done_once_and_reported(connect: Connect, service: InProcess, effect: Effect) -> None:
    order = an_order(10)

    done = connect(service, envelope=agent_of(order)).execute(order, effect)

    assert done.result == "receipt 1"
    assert (done.grant.request_id, done.grant.agent_id) == (order["requestId"], order["agentId"])
    assert done.grant.grant_id == effect.grants[0].grant_id
    assert done.decided["decision"] == "allow"
    assert done.unreported is None
    assert outcome_of(service, order) == "succeeded"


def test_what_a_person_approves_is_done(connect: Connect, service: InProcess, effect: Effect, clock: Clock) -> None:
    order = an_order(150)
    handler = to_service(service)

    def approved_meanwhile(request: httpx.Request) -> httpx.Response:
        if len(clock.waits) == 2:
            act(service, cast("dict[str, Any]", order))
        return handler(request)

    done = connect(approved_meanwhile, envelope=agent_of(order)).execute(order, effect)

    assert (done.decided["state"], len(effect.grants)) == ("escalated_approved_terminal", 1)
    assert outcome_of(service, order) == "succeeded"


@pytest.mark.parametrize(
    ("amount", "person", "state"),
    [
        (5000, None, "denied_terminal"),
        (150, "reject", "escalated_rejected_terminal"),
        (150, None, "escalated_pending"),
    ],
)
def test_what_is_not_allowed_is_not_done(
    connect: Connect, service: InProcess, amount: int, person: str | None, state: str
) -> None:
    order, effect = an_order(amount), Effect()
    client = connect(service, envelope=agent_of(order))
    if person:
        client.submit_request(order)
        act(service, cast("dict[str, Any]", order), person)

    with pytest.raises(NotAllowedError) as refused:
        client.execute(order, effect, timeout_s=5)

    error = refused.value
    assert effect.grants == []
    assert (error.decided["state"], error.reason_code) == (state, error.decided["reasonCode"])
    assert (error.for_people, error.for_models) == explain(error.decided)
    assert error.for_people in str(error)
    assert "nothing was done" in error.for_people
    assert error.reason_code in error.for_models
    assert "Do not do this" in error.for_models


def test_the_second_run_does_nothing(connect: Connect, service: InProcess, effect: Effect) -> None:
    order = an_order(10)
    client = connect(service, envelope=agent_of(order))
    client.execute(order, effect)

    with pytest.raises(HandshakeError, match="security_grant_consumed"):
        client.execute(order, effect)

    assert len(effect.grants) == 1


def test_of_many_at_once_one_does_it(service: InProcess, effect: Effect) -> None:
    order = an_order(10)

    async def race() -> list[Any]:
        transport = httpx.MockTransport(to_service(service))
        async with AsyncHandshake(BASE_URL, transport=transport, envelope=agent_of(order)) as client:
            return await asyncio.gather(*(client.execute(order, effect) for _ in range(8)), return_exceptions=True)

    ended = asyncio.run(race())

    assert len(effect.grants) == 1
    refused = [error.reason_code for error in ended if isinstance(error, HandshakeError)]
    assert refused == ["security_grant_consumed"] * 7


FAULTS: Final = [LOST, UNANSWERED, httpx.Response(502, text="Bad Gateway")]


@pytest.mark.parametrize("late", [False, True], ids=["call lost", "answer lost"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("route", ["grants", "outcome"])
def test_a_lost_answer_is_had_again(
    connect: Connect, service: InProcess, route: str, fault: Exception | httpx.Response, *, late: bool
) -> None:
    order, effect = an_order(10), Effect()
    between = Between(service, {route: [fault, fault]}, late=late)

    done = connect(between, envelope=agent_of(order)).execute(order, effect)

    assert between.calls.count(route) == 3
    assert len(effect.grants) == 1
    assert done.unreported is None
    assert outcome_of(service, order) == "succeeded"


def test_a_claim_that_nobody_ever_answers_ends_without_an_effect(
    connect: Connect, service: InProcess, effect: Effect
) -> None:
    order = an_order(10)

    with pytest.raises(HandshakeError, match="no_answer"):
        connect(Between(service, {"grants": [UNANSWERED] * 99}, late=True), envelope=agent_of(order)).execute(
            order, effect
        )

    assert effect.grants == []
    assert outcome_of(service, order) is None


def test_an_outcome_that_cannot_be_reported_does_not_lose_the_result(
    connect: Connect, service: InProcess, effect: Effect
) -> None:
    order = an_order(10)
    client = connect(Between(service, {"outcome": [UNANSWERED] * 4}, late=False), envelope=agent_of(order))

    done = client.execute(order, effect)

    assert done.result == "receipt 1"
    assert done.unreported is not None
    assert done.unreported.reason_code == "no_answer"
    assert outcome_of(service, order) is None
    client.report_outcome(done.grant.grant_id, {"status": "succeeded"})
    assert outcome_of(service, order) == "succeeded"


class NoSuchAccountError(NotDoneError):
    """The payment provider does not know the payee, and has not paid."""


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(TimeoutError("no answer of the provider"), "unknown"), (NoSuchAccountError("DE02"), "failed")],
    ids=["unknown", "failed"],
)
def test_an_effect_that_raises_is_reported_as_what_is_known_of_it(
    connect: Connect, service: InProcess, fault: Exception, outcome: str
) -> None:
    order = an_order(10)
    client = connect(service, envelope=agent_of(order))

    with pytest.raises(type(fault)) as raised:
        client.execute(order, Effect(fault))

    assert raised.value is fault
    assert outcome_of(service, order) == outcome
    # By name: what an exception says may be the payload's.
    reported = events(service, order, "reported")
    assert type(fault).__name__ in str(reported)
    assert str(fault) not in str(reported)


def test_an_effect_that_raises_says_that_nobody_was_told(connect: Connect, service: InProcess) -> None:
    order = an_order(10)
    client = connect(Between(service, {"outcome": [UNANSWERED] * 9}, late=False), envelope=agent_of(order))

    with pytest.raises(TimeoutError) as raised:
        client.execute(order, Effect(TimeoutError()))

    [note] = raised.value.__notes__
    assert "could the outcome of" in note
    assert "no_answer" in note


def test_a_grant_that_is_none_is_not_executed_on(connect: Connect, service: InProcess, effect: Effect) -> None:
    order = an_order(10)
    handler = to_service(service)

    def other_keys(request: httpx.Request) -> httpx.Response:
        return ok({"keys": [Signer().jwk]}) if request.url.path.endswith("jwks.json") else handler(request)

    with pytest.raises(GrantError) as refused:
        connect(other_keys, envelope=agent_of(order)).execute(order, effect)

    assert refused.value.fault in {"unknown_key", "wrong_signature"}
    assert effect.grants == []
    assert outcome_of(service, order) == "failed"


@pytest.mark.parametrize("off_by_s", [-400, -120, 120, 400])
def test_a_clock_that_is_minutes_off_does_nothing(
    connect: Connect, service: InProcess, effect: Effect, off_by_s: int
) -> None:
    """More than five are refused by the service, fewer by whoever verifies its grant."""
    order, true = an_order(10), service.now_ms
    elsewhere = replace(service, now_ms=lambda: true() + off_by_s * 1000)

    with pytest.raises(HandshakeError if abs(off_by_s) > 300 else GrantError):
        connect(elsewhere, envelope=agent_of(order)).execute(order, effect)

    assert effect.grants == []


def test_no_other_action_is_executed_than_was_decided(connect: Connect, service: InProcess, effect: Effect) -> None:
    order = an_order(10)
    connect(service).submit_request(order)
    exchanged = cast("models.Submission", {**order, "payloadRef": "invoice:of-somebody-else"})

    with pytest.raises(HandshakeError, match="security_decision_context_mismatch"):
        connect(service, envelope=agent_of(order)).execute(exchanged, effect)

    assert effect.grants == []


def test_a_paused_service_grants_nothing(connect: Connect, service: InProcess, effect: Effect) -> None:
    order = an_order(10)

    with paused(service), pytest.raises(HandshakeError, match="adapter_privileged_mutations_paused"):
        connect(service, envelope=agent_of(order)).execute(order, effect)

    assert effect.grants == []


def test_a_memory_that_outlives_the_process_may_be_given(
    connect: Connect, service: InProcess, effect: Effect, tmp_path: Path
) -> None:
    order = an_order(10)
    replays = FileReplays(tmp_path / "used.sqlite")

    done = connect(service, envelope=agent_of(order)).execute(order, effect, replays=replays)

    assert not replays.first_use(done.grant.grant_id, 2**40, 0)


def test_an_awaited_effect_is_awaited(service: InProcess) -> None:
    order = an_order(10)

    async def pay(grant: Grant) -> str:
        await asyncio.sleep(0)
        return f"paid {grant.grant_id}"

    async def run() -> str:
        transport = httpx.MockTransport(to_service(service))
        async with AsyncHandshake(BASE_URL, transport=transport, envelope=agent_of(order)) as client:
            return (await client.execute(order, pay)).result

    assert asyncio.run(run()).startswith("paid ")
