"""The database misbehaves under load: afterwards every table agrees, with itself and with what callers were told.

HANDSHAKE_FAULT_SECONDS makes each scenario longer; `python -m tests.faults` is the full measure.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.rig import Rig, Rule, running_rig
from tests.faults.run import run
from tests.faults.scenarios import ANSWER_LOST, SCENARIOS, SILENT_MS, SLOW_MS, Scenario
from tests.faults.verdict import HANGS_FOR_AT_MOST_S
from tests.support import engines
from tests.support.ledger import UNAVAILABLE, Watched
from tests.support.service import (
    InProcess,
    Reply,
    act,
    apply_policy,
    decided,
    escalated,
    for_agent,
    get,
    human,
    own,
    post,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import kept

SEED = int(os.environ.get("HANDSHAKE_SEED", "1"))
SECONDS = float(os.environ.get("HANDSHAKE_FAULT_SECONDS", "1"))

pytestmark = pytest.mark.timeout(120 + 2 * SECONDS)


@pytest.fixture(scope="module")
def rig(dynamodb_local_home: Path) -> Iterator[Rig]:  # noqa: ARG001 - it is on its machine
    with running_rig(seed=SEED) as running:
        yield running


@pytest.fixture
def services(rig: Rig) -> Iterator[list[Watched]]:
    """The same service for several callers at once, each with a client of its own."""
    tables = engines.create_tables(rig.direct)
    yield [Watched(client, tables) for client in rig.clients]
    rig.inject(())
    engines.delete_tables(rig.direct, tables)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_nothing_is_lost_doubled_torn_or_let_through(rig: Rig, scenario: Scenario) -> None:
    outcome = run(scenario, rig, seed=SEED, seconds=SECONDS)

    assert outcome.findings == []
    assert outcome.acknowledged
    assert outcome.injected or any(phase.database_down for phase in scenario.phases)


def _calls(service: InProcess) -> Sequence[Callable[[InProcess], Reply]]:
    """One call of each kind that needs the store, on things that are there."""
    request, agent = escalated(service), unique("agent")
    return [
        lambda service: submit(service, submission()),
        lambda service: act(service, request, key=unique("key")),
        lambda service: act(service, request),
        lambda service: apply_policy(service, for_agent(agent, max_transaction=50)),
        lambda service: get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)),
        lambda service: get(service, "/workflow/decision-room", envelope=human("somebody")),
        lambda service: post(service, "/policy/simulate", {"scope": "global", "rules": rules(max_transaction=50)}),
        lambda service: get(service, "/workflow/decision-room"),
    ]


@pytest.mark.parametrize("trouble", [{"timeout_ms": SILENT_MS}, {"latency": SLOW_MS}], ids=["silent", "slow"])
def test_nobody_hangs_with_the_store(rig: Rig, services: list[Watched], trouble: Rule) -> None:
    calls = _calls(InProcess(rig.direct, services[0].tables))
    rig.inject([{"service": "dynamodb", **trouble}])

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(lambda call, service: call(service), calls, services))

    waited = [(call.route, round(call.seconds, 2)) for service in services for call in service.calls]
    assert [(route, seconds) for route, seconds in waited if seconds > HANGS_FOR_AT_MOST_S] == []


def test_a_denial_stays_that_denial_when_the_answer_to_its_event_is_lost(rig: Rig, services: list[Watched]) -> None:
    rig.inject([{"service": "dynamodb", "operation": "PutItem", "times": 1, **ANSWER_LOST}])

    reply = get(services[0], "/workflow/decision-room")

    assert reply.outcome == (401, "security_missing_identity_envelope")
    assert len(kept(InProcess(rig.direct, services[0].tables), services[0].tables.metrics)) == 1


def test_nobody_is_told_that_nothing_was_changed_when_something_was(rig: Rig, services: list[Watched]) -> None:
    service, undisturbed = services[0], InProcess(rig.direct, services[0].tables)
    request, key = escalated(undisturbed), unique("key")
    rig.inject([{"service": "dynamodb", "operation": "TransactWriteItems", **ANSWER_LOST}])

    told = act(service, request, key=key)

    rig.inject(())
    again = act(service, request, key=key)
    assert told.status == 503
    assert (again.reason, again.body["stored"]["artifact"]["decision"]) == ("security_replay_detected", "allow")
    assert "nothing was changed" not in told.body["message"]


def test_a_read_says_that_the_store_is_unavailable_and_not_that_something_is_missing(
    rig: Rig, services: list[Watched]
) -> None:
    request = decided(InProcess(rig.direct, services[0].tables), "allow")
    rig.inject([{"service": "dynamodb", "error": {"code": "ResourceNotFoundException"}}])

    reply = get(services[0], f"/workflow/requests/{request['requestId']}", envelope=own(request))

    assert reply.outcome == UNAVAILABLE
    assert reply.headers["retry-after"]
