"""Submissions at once: of two alike one decides, and the other tells of it."""

from dataclasses import dataclass, replace
from typing import Any

from tests.conftest import Engine
from tests.support.logs import lines_of, standard_output
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, Reply, submit
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
