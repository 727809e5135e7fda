"""The log of a call that could not be answered says why, and of every call how long it took."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Engine
from tests.support.clients import FAULTS, answer_of
from tests.support.endpoints import failing
from tests.support.logs import lines_of, standard_output
from tests.support.service import InProcess, get, submission, submit

CAUSES: Mapping[str, tuple[Exception, str]] = {
    "denied": (FAULTS["denied"], "Operation: AccessDeniedException"),
    "throttled": (answer_of("ThrottlingException", 400), "Operation: ThrottlingException"),
    "no answer": (FAULTS["no answer"], "ReadTimeoutError"),
    "a fault of our own": (RuntimeError("an-inner-word"), "RuntimeError"),
}


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    return InProcess(*moto_tables, pause=lambda _: None)


@pytest.mark.parametrize(("error", "cause"), CAUSES.values(), ids=CAUSES)
def test_a_503_leaves_a_line_that_says_why(service: InProcess, error: Exception, cause: str) -> None:
    with standard_output() as output:
        reply = submit(failing(service, error, operations=["batch_get_item"]), submission())

    assert reply.status == 503
    [line] = [line for line in lines_of(output) if line["message"] == "unavailable"]
    call = {"level": "ERROR", "correlation_id": reply.headers["x-correlation-id"], "cause": cause}
    assert {name: line[name] for name in call} == call
    assert line["endpoint"] == "POST /workflow/requests"
    assert any(frame.startswith("client.py:") for frame in line["at"])
    assert "an-inner-word" not in output.getvalue()


def test_a_refusal_that_its_metrics_event_did_not_outlive_says_why(service: InProcess) -> None:
    with standard_output() as output:
        reply = submit(failing(service, FAULTS["denied"], operations=["put_item"]), submission(privilegedPath=False))

    assert reply.status == 403
    assert [line["cause"] for line in lines_of(output) if line["message"] == "unavailable"] == [
        "Operation: AccessDeniedException"
    ]


def test_an_answered_call_is_not_called_unavailable(service: InProcess) -> None:
    with standard_output() as output:
        get(service, "/workflow/requests/r")

    assert [line["message"] for line in lines_of(output)] == ["handled"]


def test_a_calls_latency_is_the_time_it_took(service: InProcess) -> None:
    class Slow:
        """A client whose reads take a while."""

        def __getattr__(self, operation: str) -> Any:
            return getattr(service.dynamodb, operation)

        def batch_get_item(self, **parameters: Any) -> Any:
            time.sleep(0.05)
            return service.dynamodb.batch_get_item(**parameters)

    started = time.perf_counter()
    with standard_output() as output:
        submit(replace(service, dynamodb=Slow()), submission())
    took_ms = (time.perf_counter() - started) * 1000

    [line] = lines_of(output)
    assert 50 <= line["Latency"] <= took_ms
