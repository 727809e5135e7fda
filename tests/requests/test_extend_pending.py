"""What a pause does to escalations that wait, and how the time that it took is given back."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.core.errors import StoreUnavailableError
from handshake.requests import queue
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.extend_pending import ExtendedPending, extend_pending
from handshake.requests.verify import verify_request
from ops.commands.app import app
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.operated import OPERATOR, operated
from tests.support.outcomes import APPROVED
from tests.support.service import InProcess, act, escalated, extend, get, own
from tests.support.store import kept
from tests.support.workflow_requests import TTL_MS

PAUSED = (503, "adapter_privileged_mutations_paused")


@dataclass
class Clock:
    """Stands where it is put."""

    at_ms: int = NOW_MS

    def __call__(self) -> int:
        """Give the time, epoch ms."""
        return self.at_ms


@dataclass
class Paused:
    """A service that an operator can pause, and the clock that it goes by."""

    service: InProcess
    clock: Clock = field(default_factory=Clock)

    def ops(self, *words: str) -> Any:
        """Run a command of the operator's."""
        ran = CliRunner().invoke(app, words)
        assert ran.exit_code == 0, ran.output
        return " ".join(ran.output.split())

    def escalated(self) -> dict[str, Any]:
        """Give a request that waits, submitted now."""
        return escalated(self.service, timestamp=self.clock.at_ms)

    def deadline(self, request: dict[str, Any]) -> int:
        """Say until when it waits."""
        room = get(self.service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
        return int(room["expiresAt"])


@pytest.fixture
def world(dynamodb_local: Engine, monkeypatch: pytest.MonkeyPatch) -> Paused:
    """Operators and callers of one service, at NOW_MS."""
    clock = Clock()
    service = InProcess(*dynamodb_local, now_ms=clock)
    return Paused(operated(service, monkeypatch), clock)


def test_a_pause_says_how_many_wait_and_until_when(world: Paused) -> None:
    assert "nothing waits for a person" in world.ops("pause")
    world.ops("resume")
    world.escalated()
    world.clock.at_ms += 5000
    world.escalated()

    said = world.ops("pause")

    assert "2 escalations wait, and their deadlines go on: the next is 2026-" in said
    assert "--extend-pending" in said


def test_resume_gives_what_waits_the_time_back_and_says_so_in_evidence(world: Paused) -> None:
    requests = [world.escalated() for _ in range(3)]
    world.clock.at_ms += 10_000
    world.ops("pause")
    world.clock.at_ms += 130_001

    assert act(world.service, requests[0]).outcome == PAUSED
    said = world.ops("resume", "--extend-pending")

    assert "3 escalations have 131 s more; 0 had been given them, 0 can be given none" in said
    for request in requests:
        assert world.deadline(request) == NOW_MS + TTL_MS + 131_000
        events = get(world.service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
        audit = events[-1]["payload"]
        assert (audit["event"], audit["actor"], audit["action"]) == ("extended", OPERATOR, "extend")
        assert verify_request(world.service.context, request["requestId"]) == []
    world.clock.at_ms = NOW_MS + TTL_MS + 130_999
    assert act(world.service, requests[0]).outcome == APPROVED


def test_what_expired_meanwhile_stays_expired_and_a_short_pause_gives_a_minute(world: Paused) -> None:
    old = world.escalated()
    world.clock.at_ms += TTL_MS - 1000
    young = world.escalated()
    world.ops("pause")
    world.clock.at_ms += 2000

    said = world.ops("resume", "--extend-pending")

    assert "1 escalations have 60 s more; 0 had been given them, 1 can be given none" in said
    assert world.deadline(young) == NOW_MS + TTL_MS - 1000 + TTL_MS + 60_000
    assert expire_overdue(world.service.context).expired == 1
    assert act(world.service, old).reason == "hitl_terminal_state_immutable"


def test_without_the_option_nothing_is_extended_and_without_a_pause_there_is_nothing_to_give(world: Paused) -> None:
    request = world.escalated()
    assert "there is no time to give back" in world.ops("resume", "--extend-pending")
    world.ops("pause")
    world.clock.at_ms += 60_000
    world.ops("resume")

    assert world.deadline(request) == NOW_MS + TTL_MS


def test_people_extend_while_it_lasts_and_three_extensions_are_all(world: Paused) -> None:
    request = world.escalated()
    world.ops("pause")

    assert [extend(world.service, request, 60).status for _ in range(3)] == [200] * 3

    assert "0 escalations have 60 s more; 0 had been given them, 1 can be given none" in world.ops(
        "resume", "--extend-pending"
    )
    assert world.deadline(request) == NOW_MS + TTL_MS + 180_000


def test_a_run_that_failed_half_way_is_run_again_and_gives_each_its_time_once(world: Paused) -> None:
    requests = [world.escalated() for _ in range(130)]
    broken = replace(world.service, dynamodb=_Breaking(world.service.dynamodb, after=50))
    since: dict[str, Any] = {"paused_at_ms": NOW_MS - 90_000, "operator": OPERATOR}

    with pytest.raises(StoreUnavailableError):
        extend_pending(broken.context, **since)
    given = [world.deadline(request) > NOW_MS + TTL_MS for request in requests].count(True)
    assert 0 < given < 130

    assert extend_pending(world.service.context, **since) == ExtendedPending(90, 130 - given, given, 0)
    assert {world.deadline(request) for request in requests} == {NOW_MS + TTL_MS + 90_000}
    lanes = list(queue.every(world.service.context.dynamo, world.service.tables.workflow, batch=100, page_s=30))
    assert sum(map(len, lanes)) == 130
    assert len(kept(world.service, world.service.tables.replay_guards)) == 130


def test_no_key_of_a_caller_stands_for_an_extension_of_a_pause(world: Paused) -> None:
    """One of a tenant called as the operator, and a principal called as the request, was the very key."""
    request, since = world.escalated(), NOW_MS - 90_000
    namesake = escalated(world.service, timestamp=NOW_MS, tenantId=OPERATOR, principalId=request["requestId"])
    envelope = own(namesake, tenantId=OPERATOR)
    assert act(world.service, namesake, "reject", key=f"paused at {since}", envelope=envelope).status == 200

    done = extend_pending(world.service.context, paused_at_ms=since, operator=OPERATOR)

    assert done == ExtendedPending(90, extended=1, already=0, not_extendable=0)


@dataclass
class _Breaking:
    """A DynamoDB client whose writes fail once ``after`` of them were done."""

    client: Any
    after: int

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        """Write, or fail as an engine that is down."""
        self.after -= 1
        if self.after < 0:
            raise self.client.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException"}}, "w"
            )
        return self.client.transact_write_items(**parameters)
