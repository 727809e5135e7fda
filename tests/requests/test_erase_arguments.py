"""Arguments are erased when their time is up, in evidence, and nothing that was decided changes by it."""

from dataclasses import replace
from typing import Any

import pytest

from handshake.requests.action_items import ERASABLE_SHARDS
from handshake.requests.erase_arguments import Erasure, erase_arguments
from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.support.clients import Counting, Failing, answer_of
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, act, claim, decided, escalated, get, own, post, submit
from tests.support.workflow_requests import an_action

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def clock() -> list[int]:
    return [NOW_MS]


@pytest.fixture
def service(dynamodb_local: Engine, clock: list[int]) -> InProcess:
    client, tables = dynamodb_local
    return InProcess(client, tables, now_ms=lambda: clock[0])


def _submitted(service: InProcess, clock: list[int], decision: str = "allow", **changes: Any) -> dict[str, Any]:
    return decided(service, decision, timestamp=clock[0], **{"action": an_action(), **changes})


def _room(service: InProcess, request: dict[str, Any]) -> Any:
    return get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body


@pytest.mark.parametrize("age_ms", [-1, 0, 1, 30 * DAY_MS])
@pytest.mark.parametrize("kept_days", [1, 3, 3650])
def test_an_action_is_erased_once_it_is_as_old_as_operators_keep_them(
    service: InProcess, clock: list[int], kept_days: int, age_ms: int
) -> None:
    request = _submitted(service, clock)
    clock[0] += kept_days * DAY_MS + age_ms

    done = erase_arguments(service.context, kept_days=kept_days)

    assert done == Erasure(erased=int(age_ms >= 0), kept=0)
    assert ("canonicalAction" in _room(service, request)) == (age_ms < 0)
    assert verify_request(service.context, request["requestId"]) == []


def test_what_was_erased_is_still_known_by_its_names_and_bound_by_its_digest(
    service: InProcess, clock: list[int]
) -> None:
    request = _submitted(service, clock)
    before, answered = _room(service, request), submit(service, request).body
    clock[0] += DAY_MS
    erase_arguments(service.context, kept_days=1)

    after = _room(service, request)

    named = {name: value for name, value in an_action().items() if name != "arguments"}
    del before["canonicalAction"]
    assert after == before | {"action": named, "argumentsErasedAt": clock[0]}
    clock[0] = NOW_MS
    assert submit(service, request).body == answered
    other = request | {"action": an_action(arguments={"payee": "Mallory"})}
    assert submit(service, other).outcome == (409, "security_decision_context_mismatch")
    artifact = {name: answered[name] for name in ("requestId", "decision", "decisionContextHash")}
    for presented, status in ((request, 200), (other, 409)):
        body = {"request": presented, "artifact": artifact}
        assert post(service, "/workflow/authorize-execution", body).status == status


def test_evidence_says_when_and_by_whom_and_no_metric_counts_it(service: InProcess, clock: list[int]) -> None:
    request = _submitted(service, clock)
    clock[0] += DAY_MS
    erase_arguments(service.context, kept_days=1)

    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body

    lineage, audit = (event["payload"] for event in events[-2:])
    assert (lineage["event"], lineage["erasedAt"], lineage["state"]) == ("erased", clock[0], "allowed_terminal")
    assert lineage["actionDigest"] == _room(service, request)["actionDigest"]
    assert (audit["actor"], audit["action"]) == ("hitl_expiry", "erase")


def test_what_a_person_still_has_to_decide_on_is_kept_until_they_have(service: InProcess, clock: list[int]) -> None:
    request = escalated(service, timestamp=clock[0], action=an_action())
    clock[0] += 1000

    assert erase_arguments(service.context, kept_days=1) == Erasure(0, 0)
    for _ in range(2):
        assert erase_arguments(_later(service, DAY_MS), kept_days=1) == Erasure(erased=0, kept=1)
    assert _room(service, request)["action"] == an_action()

    assert act(service, request).status == 200
    assert erase_arguments(_later(service, DAY_MS), kept_days=1) == Erasure(erased=1, kept=0)
    assert erase_arguments(_later(service, DAY_MS), kept_days=1) == Erasure(erased=0, kept=0)


def _later(service: InProcess, more_ms: int) -> Any:
    return replace(service, now_ms=lambda: service.now_ms() + more_ms).context


def test_whoever_appends_to_the_evidence_first_wins_and_the_next_run_erases(
    service: InProcess, clock: list[int]
) -> None:
    request = _submitted(service, clock)
    lost = answer_of(
        "TransactionCanceledException", 400, CancellationReasons=[{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
    )
    losing = replace(service, dynamodb=Failing(service.dynamodb, lost, operations=("transact_write_items",)))

    assert erase_arguments(_later(losing, DAY_MS), kept_days=1) == Erasure(erased=0, kept=1)
    assert _room(service, request)["action"] == an_action()
    assert erase_arguments(_later(service, DAY_MS), kept_days=1) == Erasure(erased=1, kept=0)


def test_a_text_that_somebody_took_away_is_no_erasure(service: InProcess, clock: list[int]) -> None:
    """What is not there cannot be erased in evidence: that would make a theft look like a run of ours."""
    request = _submitted(service, clock)
    key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "ACTION"}}
    table = service.tables.workflow
    service.dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE canonical")

    assert erase_arguments(_later(service, DAY_MS), kept_days=1) == Erasure(erased=0, kept=1)
    assert len(verify_request(service.context, request["requestId"])) == 1


def test_who_keeps_actions_for_ever_pays_for_no_look(service: InProcess, clock: list[int]) -> None:
    _submitted(service, clock)
    counting = Counting(service.dynamodb)
    counted = replace(service, dynamodb=counting)

    assert erase_arguments(_later(counted, 10**12), kept_days=0) == Erasure(0, 0)
    assert counting.operations == []
    assert erase_arguments(_later(counted, 0), kept_days=1) == Erasure(0, 0)
    assert counting.operations == ["query"] * ERASABLE_SHARDS


def test_a_run_whose_time_is_up_says_so_and_the_next_goes_on(service: InProcess, clock: list[int]) -> None:
    for _ in range(6):
        _submitted(service, clock)

    first = erase_arguments(_later(service, DAY_MS), kept_days=1, run_ms=0)
    rest = erase_arguments(_later(service, DAY_MS), kept_days=1)

    assert (first.unfinished, rest.unfinished) == (1, 0)
    assert first.erased >= 1
    assert first.erased + rest.erased == 6


def test_what_may_still_be_claimed_keeps_what_policy_is_asked_of(service: InProcess, clock: list[int]) -> None:
    patient = replace(service, settings={"escalation_ttl_ms": 3 * DAY_MS, "execute_within_ms": DAY_MS})
    waited = _submitted(patient, clock, "escalate")
    clock[0] += 2 * DAY_MS
    act(patient, waited)

    assert erase_arguments(patient.context, kept_days=1) == Erasure(erased=0, kept=1)
    answered = submit(patient, waited | {"timestamp": clock[0]}).body
    assert claim(patient, waited, digest=answered["actionDigest"]).status == 200
    assert erase_arguments(patient.context, kept_days=1) == Erasure(erased=1, kept=0)
    assert verify_request(service.context, waited["requestId"]) == []


def test_what_nobody_claimed_in_time_is_erased(service: InProcess, clock: list[int]) -> None:
    patient = replace(service, settings={"execute_within_ms": DAY_MS})
    _submitted(patient, clock)
    clock[0] += DAY_MS - 1
    early = erase_arguments(patient.context, kept_days=1)
    clock[0] += 1

    assert early == Erasure(erased=0, kept=0)
    assert erase_arguments(patient.context, kept_days=1) == Erasure(erased=1, kept=0)
