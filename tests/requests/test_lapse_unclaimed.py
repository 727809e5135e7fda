"""What nobody claims in time gives back what it had taken of the day's limit, once and in evidence."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from handshake.core.agents import Agent
from handshake.requests.decision import utc_day
from handshake.requests.lapse_unclaimed import Lapse, lapse_unclaimed
from handshake.requests.table import spend_key
from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, Reply, act, claim, decided, get, own, post, submit
from tests.support.store import state_of
from tests.support.workflow_requests import an_action

WITHIN_MS = 300_000


@pytest.fixture
def clock() -> list[int]:
    return [NOW_MS]


@pytest.fixture
def service(dynamodb_local: Engine, clock: list[int]) -> InProcess:
    """The service with ActionBinding=required."""
    client, tables = dynamodb_local
    return InProcess(client, tables, now_ms=lambda: clock[0], settings={"binds_actions": True})


def _paid(service: InProcess, clock: list[int], decision: str = "allow", **changes: Any) -> dict[str, Any]:
    request = decided(service, decision, timestamp=clock[0], **{"action": an_action(), **changes})
    if decision == "escalate":
        assert act(service, request).status == 200
    return request


def _spent(service: InProcess, request: dict[str, Any]) -> Decimal:
    agent = Agent(request["agentId"], request["tenantId"])
    [item] = service.context.dynamo.batch_get([(service.tables.workflow, spend_key(agent, utc_day(NOW_MS)))])
    return Decimal(item["spent"]) if item else Decimal(0)


def _claim(service: InProcess, request: dict[str, Any]) -> Reply:
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    return claim(service, request, digest=room["actionDigest"])


def _evidence(service: InProcess, request: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        event["payload"]
        for event in get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    ]


@pytest.mark.parametrize("tenant", ["tenant-a", None])
@pytest.mark.parametrize(("decision", "amount"), [("allow", 10), ("escalate", 150)])
def test_a_payment_that_nobody_claims_by_its_time_is_given_back_once(
    service: InProcess, clock: list[int], decision: str, amount: int, tenant: str | None
) -> None:
    request = _paid(service, clock, decision, tenantId=tenant)
    clock[0] += WITHIN_MS - 1
    assert lapse_unclaimed(service.context) == Lapse(0, 0)
    assert _spent(service, request) == amount

    clock[0] += 1
    assert lapse_unclaimed(service.context) == Lapse(lapsed=1, raced=0)
    assert lapse_unclaimed(service.context) == Lapse(0, 0)

    assert _spent(service, request) == 0
    lineage, audit = _evidence(service, request)[-2:]
    assert (lineage["event"], lineage["lapsedAt"]) == ("lapsed", clock[0])
    assert lineage["givenBack"] == {"day": utc_day(NOW_MS), "amount": str(amount)}
    assert (audit["actor"], audit["action"]) == ("hitl_expiry", "lapse")
    assert verify_request(service.context, request["requestId"]) == []


def test_what_lapsed_is_neither_claimed_nor_executed_and_may_be_asked_for_anew(
    service: InProcess, clock: list[int]
) -> None:
    request = _paid(service, clock, context={"amount": 90})
    answer = submit(service, request).body
    clock[0] += WITHIN_MS
    lapse_unclaimed(service.context)

    assert _claim(service, request).outcome == (409, "security_grant_expired")
    artifact = {name: answer[name] for name in ("requestId", "decision", "decisionContextHash")}
    lax = replace(service, settings={})
    executed = post(lax, "/workflow/authorize-execution", {"request": request, "artifact": artifact})
    assert executed.outcome == (409, "security_grant_expired")
    assert state_of(service, request) == "allowed_terminal"
    again = request | {"requestId": f"{request['requestId']}-2", "timestamp": clock[0]}
    assert submit(service, again).outcome == (200, "policy_allow")
    assert _spent(service, request) == 90


def test_what_takes_a_grant_takes_one_whatever_the_parameter_says_later(service: InProcess, clock: list[int]) -> None:
    """Executed without a claim, it would give back what it had spent, and the agent could spend that again."""
    request = _paid(service, clock)
    answer = submit(service, request).body
    lax = replace(service, settings={})
    presented = {"request": request, "artifact": {"decision": "allow"} | answer}

    executed = post(lax, "/workflow/authorize-execution", presented)

    assert executed.outcome == (409, "security_grant_required")
    assert _claim(lax, request).status == 200


def test_what_was_claimed_keeps_what_it_spent(service: InProcess, clock: list[int]) -> None:
    request = _paid(service, clock)
    assert _claim(service, request).status == 200
    clock[0] += 10 * WITHIN_MS

    assert lapse_unclaimed(service.context) == Lapse(0, 0)
    assert _spent(service, request) == 10
    assert verify_request(service.context, request["requestId"]) == []


def test_what_was_taken_back_lapses_in_its_time(service: InProcess, clock: list[int]) -> None:
    request = _paid(service, clock, "escalate")
    body = {"requestId": request["requestId"], "reason": "it was the wrong payee"}
    assert post(service, "/workflow/decision-room/revoke", body, envelope=own(request)).status == 200
    clock[0] += WITHIN_MS

    assert lapse_unclaimed(service.context) == Lapse(lapsed=1, raced=0)
    assert _spent(service, request) == 0
    assert verify_request(service.context, request["requestId"]) == []


@pytest.mark.parametrize("changes", [{"actionType": "external_call", "context": {}}, {"context": {"amount": 5000}}])
def test_what_spends_nothing_has_nothing_to_give_back(
    service: InProcess, clock: list[int], changes: dict[str, Any]
) -> None:
    request = _paid(service, clock, "deny" if changes["context"] else "allow", **changes)
    clock[0] += WITHIN_MS

    assert lapse_unclaimed(service.context) == Lapse(0, 0)
    assert verify_request(service.context, request["requestId"]) == []


def test_where_an_effect_takes_no_grant_nobody_can_say_that_it_did_not_happen(
    service: InProcess, clock: list[int]
) -> None:
    request = _paid(replace(service, settings={}), clock)
    clock[0] += WITHIN_MS

    assert lapse_unclaimed(service.context) == Lapse(0, 0)
    assert _spent(service, request) == 10


def test_a_count_that_is_gone_keeps_nothing_from_lapsing(service: InProcess, clock: list[int]) -> None:
    request = _paid(service, clock)
    key = spend_key(Agent(request["agentId"], request["tenantId"]), utc_day(NOW_MS))
    wired = {name: {"S": value} for name, value in key.items()}
    service.dynamodb.delete_item(TableName=service.tables.workflow, Key=wired)
    clock[0] += WITHIN_MS

    assert lapse_unclaimed(service.context) == Lapse(lapsed=1, raced=0)
    assert _spent(service, request) == 0


def test_of_claims_and_sweeps_at_the_last_moment_one_wins(service: InProcess, clock: list[int]) -> None:
    """A sweeper whose clock is ahead: whoever comes first, spend and evidence say the same."""
    sweeper = replace(service, now_ms=lambda: NOW_MS + WITHIN_MS)
    for _ in range(12):
        request = _paid(service, clock, context={"amount": 7})
        with ThreadPoolExecutor(4) as pool:
            claims = [pool.submit(_claim, service, request) for _ in range(2)]
            sweeps = [pool.submit(lapse_unclaimed, sweeper.context) for _ in range(2)]
        claimed = sum(done.result().status == 200 for done in claims)
        lapsed = sum(done.result().lapsed for done in sweeps)

        assert claimed + lapsed == 1
        assert _spent(service, request) == (7 if claimed else 0)
        assert verify_request(service.context, request["requestId"]) == []
