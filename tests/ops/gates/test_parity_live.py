"""check:security-parity --live, on a deployed API that somebody changed outside the template."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ops.gates.gate import Options
from ops.gates.parity import check
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from ops.verdict import CannotJudgeError
from tests.ops.gates.findings import problems
from tests.support.service import ROUTES


@pytest.fixture(autouse=True)
def operator(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's credentials in the environment."""
    for name, value in stack.operator.items():
        monkeypatch.setenv(name, value)


@contextmanager
def _authorized_by(stack: LocalStack, method: str, path: str, kind: str) -> Iterator[None]:
    """Admit callers of one method by ``kind``, as a hand in the console would, and put it back."""
    gateway, api = stack.client("apigateway"), stack.outputs["ApiId"]
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api)
    [resource] = [one["id"] for page in pages for one in page["items"] if one["path"] == path]
    where = {"restApiId": api, "resourceId": resource, "httpMethod": method}

    def put(value: str) -> None:
        change: Any = {"op": "replace", "path": "/authorizationType", "value": value}
        gateway.update_method(**where, patchOperations=[change])
        gateway.create_deployment(restApiId=api, stageName=stack.outputs["ApiStage"])

    before = gateway.get_method(**where)["authorizationType"]
    put(kind)
    try:
        yield
    finally:
        put(before)


def test_a_stack_as_the_template_has_it_holds(stack: LocalStack) -> None:
    verdict = check(Options(stack=STACK_NAME))

    assert problems(verdict) == ""
    assert verdict.checked[-1] == f"{len(ROUTES)} routes of {stack.api_url}, called over HTTP without each protection"


@pytest.mark.parametrize(
    ("method", "path", "answered"),
    [
        ("GET", "/metrics/summary", "200 None"),
        ("GET", "/workflow/requests/{requestId}", "401 security_missing_identity_envelope"),
        ("POST", "/policy/apply", "401 security_missing_identity_envelope"),
    ],
)
def test_a_route_that_was_opened_to_anybody_is_found(stack: LocalStack, method: str, path: str, answered: str) -> None:
    with _authorized_by(stack, method, path, "NONE"):
        verdict = check(Options(stack=STACK_NAME))

    said = (
        f"{method} {path} deployed, without a signature, answers {answered}, not security_missing_authorization_header"
    )
    assert problems(verdict) == said
    assert check(Options(stack=STACK_NAME)).passed


def test_a_stack_that_is_not_there_is_not_judged() -> None:
    with pytest.raises(CannotJudgeError, match="the stack no-such-stack does not answer"):
        check(Options(stack="no-such-stack"))
