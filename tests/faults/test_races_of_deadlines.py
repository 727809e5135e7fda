"""Races of what moves a request on: extensions, withdrawals and revocations against whoever decides, and each other.

Whoever was answered first is what stands, and each of the others is told so.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from handshake.requests.expire_overdue import expire_overdue
from tests.faults.racing import RACERS, ROUNDS, ROUNDS_OF_A_VARIANT, race, status_of, taking_turns, told
from tests.support.agents import operator, put
from tests.support.service import (
    InProcess,
    Reply,
    act,
    escalated,
    extend,
    get,
    human,
    own,
    post,
    revoke,
    submit,
    unique,
)
from tests.support.store import paused

TTL_MS = 300_000
DONE = (200, None)
APPROVED = (200, "hitl_approved")
REJECTED = (200, "hitl_rejected")
TERMINAL = (409, "hitl_terminal_state_immutable")
NOT_EXTENDABLE = (409, "hitl_deadline_not_extendable")
REPLAYED = (409, "security_replay_detected")
STOPPED = (403, "security_agent_stopped")
PAUSED = (503, "adapter_privileged_mutations_paused")
TIMED_OUT = (409, "hitl_timeout_fail_closed")
# What is told to come again, since others appended each time that it looked: it changed nothing.
CROWDED_OUT = (503, "adapter_store_unavailable")

pytestmark = [pytest.mark.timeout(120 + RACERS * ROUNDS), pytest.mark.usefixtures("everything_agrees")]


def _room(service: InProcess, request: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    return body


def test_of_many_extensions_three_are_made_one_after_another(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        first = _room(service, request)["expiresAt"]

        replies = race(service, [partial(extend, request=request, seconds=60)] * RACERS)

        made = sorted(reply.body["expiresAt"] for reply in replies if reply.status == 200)
        assert made == [first + 60_000 * (number + 1) for number in range(3)]
        assert told(replies).keys() <= {DONE, NOT_EXTENDABLE, CROWDED_OUT}
        assert _room(service, request)["expiresAt"] == made[-1]


def test_a_key_extends_once(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        request, key = escalated(service), unique("key")

        replies = race(service, [partial(extend, request=request, key=key)] * RACERS)

        assert told(replies) == {DONE: 1, REPLAYED: RACERS - 1}


def test_an_extension_comes_before_the_approval_or_not_at_all(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        first = _room(service, request)["expiresAt"]

        attempts = taking_turns(partial(act, request=request), partial(extend, request=request, seconds=60))
        replies = race(service, attempts)

        outcomes = told(replies)
        assert outcomes[APPROVED] == 1
        assert outcomes.keys() <= {APPROVED, TERMINAL, DONE, NOT_EXTENDABLE, CROWDED_OUT}
        assert _room(service, request)["expiresAt"] == first + 60_000 * outcomes[DONE]
        assert status_of(service, request)["state"] == "escalated_approved_terminal"


def test_at_the_deadline_a_request_is_extended_or_expired(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        deadline_ms = _room(service, request)["expiresAt"]
        early, late = (replace(service, now_ms=partial(int, deadline_ms - offset)) for offset in (1, 0))

        def extend_early(_: InProcess, request: Any = request, early: InProcess = early) -> Reply:
            return extend(early.another(), request, 60)

        def approve_late(_: InProcess, request: Any = request, late: InProcess = late) -> Reply:
            return act(late.another(), request)

        def sweep(_: InProcess, late: InProcess = late) -> Reply:
            return Reply(0, {}, {"expired": expire_overdue(late.another().context).expired})

        replies = race(service, [*taking_turns(extend_early, approve_late), sweep, sweep])

        outcomes = told(replies)
        state = status_of(late, request)["state"]
        if outcomes[DONE]:  # then no deadline had come
            assert state in ("escalated_approved_terminal", "escalated_pending")
            assert outcomes[TIMED_OUT] == 0
            assert outcomes[APPROVED] == (state == "escalated_approved_terminal")
        else:
            assert state == "escalated_expired_terminal"
            assert outcomes[TIMED_OUT] + sum(reply.body.get("expired", 0) for reply in replies) == 1


def test_while_its_agent_is_stopped_an_escalation_is_extended_and_approved_before_it_or_not_at_all(
    service: InProcess,
) -> None:
    """A stop holds no deadline up: who lifts it finds what waits, with the time that it was given."""
    for _ in range(ROUNDS):
        request = escalated(service)
        first = _room(service, request)["expiresAt"]
        stop = partial(put, agent_id=request["agentId"], envelope=operator(request["tenantId"]))

        attempts = taking_turns(partial(act, request=request), partial(extend, request=request, seconds=60))
        replies = race(service, [stop, *attempts])

        outcomes = told(replies[1:])
        assert replies[0].status == 200
        assert outcomes.keys() <= {APPROVED, TERMINAL, DONE, NOT_EXTENDABLE, CROWDED_OUT, STOPPED}
        state = status_of(service, request)["state"]
        assert state == ("escalated_approved_terminal" if outcomes[APPROVED] else "escalated_pending")
        assert _room(service, request)["expiresAt"] == first + 60_000 * outcomes[DONE]
        assert act(service, request).outcome == (TERMINAL if outcomes[APPROVED] else STOPPED)


def test_a_pause_that_comes_between_takes_no_extension_back(service: InProcess) -> None:
    """Approvals that began before it may be made, and none that begins later; time is given throughout."""
    for _ in range(ROUNDS):
        request = escalated(service)
        first = _room(service, request)["expiresAt"]

        def pause(instance: InProcess, request: Any = request) -> Reply:
            with paused(instance):
                return act(instance, request)

        attempts = taking_turns(partial(act, request=request), partial(extend, request=request, seconds=60))
        replies = race(service, [pause, *attempts])

        outcomes = told(replies)
        assert replies[0].outcome == PAUSED
        assert outcomes.keys() <= {APPROVED, TERMINAL, DONE, NOT_EXTENDABLE, CROWDED_OUT, PAUSED}
        assert _room(service, request)["expiresAt"] == first + 60_000 * outcomes[DONE]
        state = status_of(service, request)["state"]
        assert state == ("escalated_approved_terminal" if outcomes[APPROVED] else "escalated_pending")


def test_of_a_withdrawal_and_an_approval_one_wins(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        agent = human(request["agentId"], subjectType="agent", tenantId=request["tenantId"])
        withdraw = partial(act, request=request, action="withdraw", envelope=agent)

        replies = race(service, taking_turns(partial(act, request=request), withdraw))

        outcomes = told(replies)
        assert outcomes[APPROVED] + outcomes[REJECTED] == 1
        assert outcomes[TERMINAL] == RACERS - 1
        state = "approved" if outcomes[APPROVED] else "rejected"
        assert status_of(service, request)["state"] == f"escalated_{state}_terminal"


def test_many_revocations_are_one_and_nothing_that_begins_after_it_is_authorized(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        act(service, request)
        body = {"request": request, "artifact": submit(service, request).body}
        authorize = partial(post, path="/workflow/authorize-execution", body=body)

        replies = race(service, taking_turns(partial(revoke, request=request), authorize))

        revoked = [reply for reply in replies if "revokedAt" in reply.body]
        assert Counter(reply.body["revokedAt"] for reply in revoked).total() == RACERS - RACERS // 2
        assert len({reply.body["revokedAt"] for reply in revoked}) == 1
        others = {reply.outcome for reply in replies if reply not in revoked}
        assert others <= {(200, "security_artifact_authorized"), (409, "security_grant_expired")}
        assert authorize(service).outcome == (409, "security_grant_expired")


def test_what_goes_on_while_paused_does_so_beside_what_is_refused(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        waiting, approved = escalated(service), escalated(service)
        act(service, approved)
        attempts = taking_turns(
            partial(act, request=waiting),
            partial(extend, request=waiting, seconds=60),
            partial(revoke, request=approved),
        )
        with paused(service):
            replies = race(service, attempts)

        assert told(replies[::3]) == {(503, "adapter_privileged_mutations_paused"): len(replies[::3])}
        assert told(replies[1::3])[DONE] == min(3, len(replies[1::3]))
        assert told(replies[2::3]) == {DONE: len(replies[2::3])}
