"""Races: many callers at once, exactly one winner (or exactly the limit), and every table agreeing afterwards.

HANDSHAKE_RACERS and HANDSHAKE_ROUNDS make them longer: the full measure is 64 racers in 50 rounds. Variants of a race
that is measured in full take a few rounds of it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from threading import Barrier
from typing import Any

import pytest

from handshake.requests.expire_overdue import expire_overdue
from tests.support.audit import audit
from tests.support.service import (
    InProcess,
    Reply,
    act,
    apply_policy,
    escalated,
    for_agent,
    get,
    human,
    now_ms,
    own,
    submission,
    submit,
    token,
    unique,
)

RACERS = int(os.environ.get("HANDSHAKE_RACERS", "16"))
ROUNDS = int(os.environ.get("HANDSHAKE_ROUNDS", "2"))
ROUNDS_OF_A_VARIANT = min(ROUNDS, 4)
ESCALATIONS_PER_WINDOW = 5
TTL_MS = 300_000
REPLAYED = (409, "security_replay_detected")
TERMINAL = (409, "hitl_terminal_state_immutable")
TIMED_OUT = (409, "hitl_timeout_fail_closed")
OVER_LIMIT = (422, "policy_daily_limit_exceeded")
OTHER_FACTS = (409, "security_decision_context_mismatch")

# A round's length is the machine's; only the whole measure needs longer than a test may take.
pytestmark = pytest.mark.timeout(120 + RACERS * ROUNDS)

Attempt = Callable[[InProcess], Reply]


def race(service: InProcess, attempts: Sequence[Attempt]) -> list[Reply]:
    """Every attempt at once, each by a function instance of its own; the answers in their order."""
    start = Barrier(len(attempts))

    def run(attempt: Attempt) -> Reply:
        instance = service.another()
        start.wait()
        return attempt(instance)

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def _told(replies: Sequence[Reply]) -> Counter[tuple[int, str | None]]:
    return Counter(reply.outcome for reply in replies)


def _only_winner(replies: Sequence[Reply]) -> Reply:
    [winner] = [reply for reply in replies if reply.status == 200]
    return winner


def _status(service: InProcess, request: Mapping[str, Any]) -> dict[str, Any]:
    reply = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request))
    assert reply.status == 200
    body: dict[str, Any] = reply.body
    return body


def _taking_turns(*attempts: Attempt) -> list[Attempt]:
    return list(islice(cycle(attempts), RACERS))


def _round_robin(*amounts: int) -> Iterator[int]:
    """A round with each of ``amounts`` in turn, and with every one at least once."""
    return islice(cycle(amounts), max(ROUNDS, len(amounts)))


@pytest.fixture(autouse=True)
def everything_agrees(service: InProcess) -> Iterator[None]:
    """After every race each table is read and held against the others."""
    yield
    assert audit(service.dynamodb, service.tables) == []


def test_a_jti_applies_one_policy(service: InProcess) -> None:
    for _ in range(ROUNDS):
        agent, trust = unique("agent"), token(service, lifetime_s=60)
        assert apply_policy(service, for_agent(agent, max_transaction=1000)).status == 200
        changes = [for_agent(agent, max_transaction=n) | {"expectedPolicyVersion": "v1"} for n in range(RACERS)]

        replies = race(service, [partial(apply_policy, body=change, token=trust) for change in changes])

        winner = _only_winner(replies)
        assert _told(replies) == {(200, None): 1, REPLAYED: RACERS - 1}
        assert winner.body["policyVersion"] == "v2"
        config = get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body
        assert (config["policyVersion"], config["rules"]) == ("v2", changes[replies.index(winner)]["rules"])


def test_tokens_of_their_own_apply_one_policy_after_another_and_lose_none(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        agent = unique("agent")
        changes = [for_agent(agent, max_transaction=n) for n in range(RACERS)]

        replies = race(service, [partial(apply_policy, body=change) for change in changes])

        applied = [reply.body["policyVersion"] for reply in replies if reply.status == 200]
        assert sorted(applied, key=lambda name: int(name[1:])) == [f"v{n}" for n in range(1, len(applied) + 1)]
        assert applied
        assert _told(replies).keys() <= {(200, None), (409, "policy_version_conflict")}


def _stands(reply: Reply) -> dict[str, Any]:
    """Return the artifact of the request as it stands, whether the action closed it or was refused."""
    artifact: dict[str, Any] = reply.body.get("stored", reply.body)["artifact"]
    return artifact


def test_an_idempotency_key_closes_a_request_once_and_tells_the_others_how(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request, key = escalated(service), unique("key")

        replies = race(service, [partial(act, request=request, key=key)] * RACERS)

        winner = _only_winner(replies)
        assert _told(replies) == {(200, "hitl_approved"): 1, REPLAYED: RACERS - 1}
        stored = [reply.body["stored"] for reply in replies if reply is not winner]
        told = {"state": "escalated_approved_terminal", "artifact": winner.body["artifact"]}
        assert stored == [told] * (RACERS - 1)


def test_an_idempotency_key_closes_one_of_many_requests(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        principal, key = unique("principal"), unique("key")
        requests = [escalated(service, principalId=principal) for _ in range(RACERS)]

        replies = race(service, [partial(act, request=request, key=key) for request in requests])

        winner = _only_winner(replies)
        assert _told(replies) == {(200, "hitl_approved"): 1, REPLAYED: RACERS - 1}
        assert {_stands(reply)["requestId"] for reply in replies} == {winner.body["requestId"]}
        states = Counter(_status(service, request)["state"] for request in requests)
        assert states == {"escalated_approved_terminal": 1, "escalated_pending": RACERS - 1}


def test_of_approvals_and_rejections_one_wins(service: InProcess) -> None:
    for amount in _round_robin(150, 600):
        request = escalated(service, context={"amount": amount, "category": "ops"})
        approve, reject = (partial(act, request=request, action=action) for action in ("approve", "reject"))

        replies = race(service, _taking_turns(approve, reject))

        winner = _only_winner(replies)
        assert _told(replies) == {(200, winner.reason): 1, TERMINAL: RACERS - 1}
        assert _status(service, request)["artifact"] == winner.body["artifact"]
        assert {_stands(reply)["decision"] for reply in replies} == {winner.body["decision"]}


def test_at_the_deadline_a_request_is_approved_or_expired(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = escalated(service)
        artifact = _status(service, request)["artifact"]
        deadline_ms = artifact["timestamp"] + TTL_MS
        early, late = replace(service, now_ms=lambda: deadline_ms - 1), replace(service, now_ms=lambda: deadline_ms)  # noqa: B023 - called in this round

        def approve_early(_: InProcess, request: Any = request, early: InProcess = early) -> Reply:
            return act(early.another(), request)

        def approve_late(_: InProcess, request: Any = request, late: InProcess = late) -> Reply:
            return act(late.another(), request)

        replies = race(service, _taking_turns(approve_early, approve_late))

        told = _told(replies)
        state = _status(service, request)["state"]
        if state == "escalated_approved_terminal":
            assert told == {(200, "hitl_approved"): 1, TERMINAL: RACERS - 1}
        else:
            assert state == "escalated_expired_terminal"
            assert told == {TIMED_OUT: 1, TERMINAL: RACERS - 1}


def test_a_sweep_at_the_deadline_expires_only_what_nobody_approved(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        requests = [escalated(service) for _ in range(RACERS // 2)]
        late = replace(service, now_ms=lambda: now_ms() + TTL_MS)

        def sweep(_: InProcess, late: InProcess = late) -> Reply:
            expiry = expire_overdue(late.another().context)
            return Reply(0, {}, {"expired": expiry.expired})

        replies = race(service, [*(partial(act, request=request) for request in requests), sweep, sweep])

        approved = sum(reply.status == 200 for reply in replies)
        expired = sum(reply.body["expired"] for reply in replies if reply.status == 0)
        states = Counter(_status(service, request)["state"] for request in requests)
        assert approved + expired == len(requests)
        assert (states["escalated_approved_terminal"], states["escalated_expired_terminal"]) == (approved, expired)
        assert _told(replies).keys() <= {(0, None), (200, "hitl_approved"), TERMINAL}


def test_identical_submits_are_one_request(service: InProcess) -> None:
    for amount in _round_robin(10, 150, 600, 1000):
        body = submission(context={"amount": amount, "category": "ops"})

        replies = race(service, [partial(submit, body=body)] * RACERS)

        assert {reply.status for reply in replies} == {200}
        assert [reply.body for reply in replies] == [replies[0].body] * RACERS
        assert _status(service, body)["artifact"]["timestamp"] == replies[0].body["timestamp"]


def test_of_submits_that_share_an_id_only_one_sets_the_facts(service: InProcess) -> None:
    for _ in range(ROUNDS_OF_A_VARIANT):
        bodies = [submission(payloadRef="one"), submission(payloadRef="other")]
        bodies[1] |= {"requestId": bodies[0]["requestId"]}

        replies = race(service, _taking_turns(*(partial(submit, body=body) for body in bodies)))

        first = replies[0].status == 200
        assert [reply.status for reply in replies[::2]] == [200 if first else 409] * len(replies[::2])
        assert [reply.status for reply in replies[1::2]] == [409 if first else 200] * len(replies[1::2])
        assert {reply.outcome for reply in replies if reply.status != 200} == {OTHER_FACTS}
        assert _status(service, bodies[not first])["payloadRef"] == ("one" if first else "other")


def test_submits_and_approvals_together_spend_exactly_the_days_limit(service: InProcess) -> None:
    fitting = RACERS // 2
    for _ in range(ROUNDS):
        agent = unique("agent")
        assert apply_policy(service, for_agent(agent, daily_spend_limit=10 * fitting + 5)).status == 200
        payment = {"amount": 10, "category": "ops"}
        waiting = [
            escalated(service, agentId=agent, context=payment | {"maxTransaction": 5}) for _ in range(RACERS // 4)
        ]
        fresh = [submission(agentId=agent, context=payment) for _ in range(RACERS - len(waiting))]
        attempts = [partial(act, request=request) for request in waiting]

        replies = race(service, [*attempts, *(partial(submit, body=body) for body in fresh)])

        assert sum(reply.body["decision"] == "allow" for reply in replies) == fitting
        lost = {reply.outcome for reply in replies if reply.body["decision"] != "allow"}
        assert lost <= {OVER_LIMIT, (200, OVER_LIMIT[1])}
        for request, reply in zip(waiting, replies, strict=False):
            expected = "escalated_approved_terminal" if reply.status == 200 else "escalated_pending"
            assert _status(service, request)["state"] == expected


def test_exactly_five_escalations_pass_the_window(service: InProcess) -> None:
    for _ in range(ROUNDS):
        who = {"principalId": unique("principal"), "agentId": unique("agent")}
        bodies = [submission(**who, context={"amount": 150, "category": "ops"}) for _ in range(RACERS)]

        replies = race(service, [partial(submit, body=body) for body in bodies])

        passed = min(ESCALATIONS_PER_WINDOW, RACERS)
        assert _told(replies) == Counter(
            {
                (200, "hitl_boundary_escalated"): passed,
                (200, "security_escalation_flood_throttled"): RACERS - passed,
            }
        )
        queue = get(service, "/workflow/decision-room", envelope=human(who["principalId"])).body["requests"]
        assert {room["requestId"] for room in queue} == {
            reply.body["requestId"] for reply in replies if reply.body["decision"] == "escalate"
        }
