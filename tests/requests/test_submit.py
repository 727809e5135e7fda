"""Submissions at once: of two alike one decides, and the other tells of it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.conftest import Engine
from tests.support.logs import lines_of, standard_output
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, Reply, apply_policy, rules, submission, submit
from tests.support.store import events_about
from tests.support.workflow_requests import a_body


@dataclass
class _Overtaken:
    """A client before whose first transaction a twin of the call submits the same."""

    service: InProcess
    body: dict[str, Any]
    twins_answer: Reply | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.service.dynamodb, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        if self.twins_answer is None:
            self.twins_answer = submit(self.service, self.body)
        return self.service.dynamodb.transact_write_items(**parameters)


def test_of_twins_each_is_told_the_one_decision_and_it_is_counted_once(dynamodb_local: Engine) -> None:
    body = a_body()
    service = InProcess(*dynamodb_local, now_ms=lambda: NOW_MS)
    overtaken = _Overtaken(service, body)

    with standard_output() as output:
        answer = submit(replace(service, dynamodb=overtaken), body)

    assert overtaken.twins_answer is not None
    assert answer.body == overtaken.twins_answer.body
    assert [line.get("Decisions") for line in lines_of(output)] == [1, None]
    assert len(events_about(service, body["requestId"])) == 1


@dataclass
class _Raced:
    """A client each of whose first transactions comes after another escalation of the same principal and agent."""

    service: InProcess
    rivals: list[dict[str, Any]]

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.service.dynamodb, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        if self.rivals:
            assert submit(self.service, self.rivals.pop()).reason == "hitl_sensitive_ambiguous_escalated"
        return self.service.dynamodb.transact_write_items(**parameters)


@pytest.mark.parametrize("limit", [5, 12])
def test_an_escalation_loses_to_as_many_others_as_the_policy_in_force_lets_escalate(
    dynamodb_local: Engine, limit: int
) -> None:
    service = InProcess(*dynamodb_local)
    apply_policy(service, {"scope": "global", "rules": rules(escalations_per_window=limit)})
    bodies = [
        submission("data_access", principalId="p", agentId="a", context={"sensitivity": "ambiguous"})
        for _ in range(limit + 1)
    ]
    raced = _Raced(service, bodies[1:])

    answer = submit(replace(service, dynamodb=raced), bodies[0])

    assert answer.outcome == (200, "security_escalation_flood_throttled")
