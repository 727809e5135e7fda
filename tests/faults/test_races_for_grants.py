"""Races for the one grant of a request: many claimers, and claims against whatever takes the right to claim away.

HANDSHAKE_RACERS and HANDSHAKE_ROUNDS make them longer, as in test_races.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest

from handshake.agents.standing import AgentState
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.requests.verify import verify_request
from tests.faults.racing import RACERS, ROUNDS, Attempt, race, told
from tests.support.audit import audit
from tests.support.grants import claims_of
from tests.support.service import (
    InProcess,
    Reply,
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    for_agent,
    get,
    human,
    now_ms,
    own,
    report,
    revoke,
    submit,
    unique,
)

CONSUMED = (409, "security_grant_consumed")
EXPIRED = (409, "security_grant_expired")

pytestmark = pytest.mark.timeout(120 + RACERS * ROUNDS)


def _digest(service: InProcess, request: Mapping[str, Any]) -> str:
    digest: str = submit(service, {**request, "timestamp": now_ms()}).body["actionDigest"]
    return digest


def _claimed(service: InProcess, request: Mapping[str, Any]) -> int:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    kinds = [event["payload"]["event"] for event in events]
    return kinds.count("claimed") // 2


@pytest.fixture(autouse=True)
def everything_agrees(service: InProcess) -> Iterator[None]:
    """After every race each table is read and held against the others."""
    yield
    assert audit(service.dynamodb, service.tables) == []


def test_of_many_claimers_one_has_the_grant(service: InProcess) -> None:
    for number in range(ROUNDS):
        request = decided(service, "allow") if number % 2 else escalated(service)
        act(service, request)
        digest = _digest(service, request)

        replies = race(service, [partial(claim, request=request, digest=digest)] * RACERS)

        assert told(replies) == {(200, None): 1, CONSUMED: RACERS - 1}
        assert _claimed(service, request) == 1
        assert verify_request(service.context, request["requestId"]) == []


def test_many_claims_under_one_key_are_one_claim_and_all_are_told_it(service: InProcess) -> None:
    keys = get(service, "/.well-known/jwks.json").body["keys"]
    for _ in range(ROUNDS):
        request = decided(service, "allow")
        digest, key = _digest(service, request), unique("key")

        replies = race(service, [partial(claim, request=request, digest=digest, key=key)] * RACERS)

        assert told(replies) == {(200, None): RACERS}
        assert len({json.dumps(claims_of(reply.body["grant"], keys), sort_keys=True) for reply in replies}) == 1
        assert _claimed(service, request) == 1


def test_of_a_claim_and_a_revocation_one_wins(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = decided(service, "allow")
        digest = _digest(service, request)
        half = RACERS // 2

        claims = [partial(claim, request=request, digest=digest)] * half
        replies = race(service, [*claims, *([partial(revoke, request=request)] * half)])

        won = told(replies[:half])[200, None]
        assert won <= 1
        assert told(replies[half:]) == ({CONSUMED: half} if won else {(200, None): half})
        assert _claimed(service, request) == won
        assert verify_request(service.context, request["requestId"]) == []


def test_one_of_many_outcomes_is_kept(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = decided(service, "allow")
        grant_id = claim(service, request).body["grantId"]

        def outcome(status: str, *, grant_id: str = grant_id, request: Mapping[str, Any] = request) -> Attempt:
            return lambda instance: report(instance, grant_id, envelope=own(request), status=status)

        replies = race(service, [outcome(("succeeded", "failed")[number % 2]) for number in range(RACERS)])

        kept = {reply.body["outcome"] for reply in replies if reply.status == 200}
        assert len(kept) == 1
        assert told(replies) == {(200, None): RACERS // 2, (409, "security_outcome_already_reported"): RACERS // 2}
        assert verify_request(service.context, request["requestId"]) == []


def _stop(service: InProcess, request: Mapping[str, Any]) -> None:
    envelope = human("operator", tenantId=request["tenantId"], scopes=["agents:manage"])
    body = json.dumps({"state": AgentState.STOPPED.value, "reason": "it went wild"})
    headers = {"x-identity-envelope": json.dumps(envelope)}
    reply = service.send("PUT", f"/agents/{request['agentId']}", headers=headers, body=body)
    assert reply.status == 200, reply


def _change_policy(service: InProcess, request: Mapping[str, Any]) -> None:
    assert apply_policy(service, for_agent(request["agentId"], max_transaction=1)).status == 200


def _take_back(service: InProcess, request: Mapping[str, Any]) -> None:
    # A claim may come first: then it is refused, and whoever claims later is refused too.
    assert revoke(service, request).outcome in {(200, None), CONSUMED}


def _pause(service: InProcess, _: Mapping[str, Any]) -> None:
    tx = RuntimeTransaction(service.context)
    tx.set_paused(paused=True, now_ms=now_ms())
    assert tx.commit()


def _resume(service: InProcess) -> None:
    tx = RuntimeTransaction(service.context)
    tx.set_paused(paused=False, now_ms=now_ms())
    assert tx.commit()


TAKEN_AWAY: dict[str, tuple[Callable[[InProcess, Mapping[str, Any]], None], tuple[int, str]]] = {
    "a stop": (_stop, (403, "security_agent_stopped")),
    "a policy change": (_change_policy, (409, "security_policy_changed")),
    "a revocation": (_take_back, EXPIRED),
    "a pause": (_pause, (503, "adapter_privileged_mutations_paused")),
}


@pytest.mark.parametrize(("take_away", "refusal"), TAKEN_AWAY.values(), ids=TAKEN_AWAY)
def test_no_claim_that_began_after_the_right_was_taken_away_wins(
    service: InProcess, take_away: Callable[[InProcess, Mapping[str, Any]], None], refusal: tuple[int, str]
) -> None:
    """Claims go on while it happens; each says whether it began after the answer, and all those are refused."""
    for _ in range(ROUNDS):
        requests = [decided(service, "allow")]
        agent, tenant = requests[0]["agentId"], requests[0]["tenantId"]
        requests += [decided(service, "allow", agentId=agent, tenantId=tenant) for _ in range(RACERS - 1)]
        if take_away is _take_back:
            requests = [requests[0]] * RACERS
        digests = [_digest(service, request) for request in requests]
        answered, start = Event(), Barrier(RACERS + 1)

        def attempt(
            place: int,
            *,
            start: Barrier = start,
            answered: Event = answered,
            requests: list[dict[str, Any]] = requests,
            digests: list[str] = digests,
        ) -> tuple[bool, Reply]:
            instance = service.another()
            start.wait()
            if place % 2:
                answered.wait(30)
            began_after = answered.is_set()
            return began_after, claim(instance, requests[place], digest=digests[place])

        with ThreadPoolExecutor(RACERS + 1) as pool:
            claims = [pool.submit(attempt, place) for place in range(RACERS)]
            start.wait()
            take_away(service.another(), requests[0])
            answered.set()
            ends = [one.result() for one in claims]
        if take_away is _pause:
            _resume(service)

        late = [reply.outcome for began_after, reply in ends if began_after]
        assert len(late) >= RACERS // 2
        assert (200, None) not in late
        if take_away is not _take_back:
            assert set(late) == {refusal}


def test_no_claim_wins_once_the_time_to_execute_has_passed(service: InProcess) -> None:
    for _ in range(ROUNDS):
        request = decided(service, "allow")
        digest = _digest(service, request)
        late = InProcess(service.dynamodb, service.tables, now_ms=lambda: now_ms() + 300_001)

        replies = race(late, [partial(claim, request=request, digest=digest)] * RACERS)

        assert told(replies) == {EXPIRED: RACERS}
        assert _claimed(service, request) == 0
