"""ops throttle on the deployed stack: fewer calls are let through, and then as many as before."""

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final

import botocore.session
import pytest
from botocore.validate import ParamValidator
from typer.testing import CliRunner

from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from ops.reliability.throttle import EVERY_ROUTE, Limit, Settings, limiting, undoing
from tests.support.service import Deployed, get, submission, submit

SUBMIT: Final = "POST /workflow/requests"
READ: Final = "GET /workflow/requests/{requestId}"
TEMPLATE: Final = {EVERY_ROUTE: Limit(500, 1000)}
ON: Final = {"metricsEnabled": True, "dataTraceEnabled": False}


@pytest.fixture
def service(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    for name, value in stack.operator.items():
        monkeypatch.setenv(name, value)
    yield Deployed.on(stack)
    assert _ops("--undo", "--apply").exit_code == 0


def _ops(*words: str) -> Any:
    return CliRunner().invoke(app, ["throttle", *words, "--stack", STACK_NAME])


def _in_force() -> dict[str, Any]:
    return {one["route"]: one["inForce"] for one in json.loads(_ops("--json").output)["limits"]}


@pytest.mark.usefixtures("service")
def test_without_options_it_says_what_is_in_force() -> None:
    said = _ops()

    assert said.exit_code == 0
    assert "every other route, each" in said.output


def test_a_throttled_route_turns_callers_away_for_a_while_and_others_go_on(service: Deployed) -> None:
    before = _in_force()

    dry = _ops("--route", SUBMIT, "--rate", "1", "--burst", "1")
    assert (dry.exit_code, "--apply does it" in dry.output, _in_force()) == (0, True, before)

    done = _ops("--route", SUBMIT, "--rate", "1", "--burst", "1", "--apply")
    assert done.exit_code == 0
    assert max(map(len, (dry.output + done.output).splitlines())) <= 80
    assert _in_force() == before | {SUBMIT: {"rate": 1, "burst": 1}}

    time.sleep(1)
    replies = [submit(service, submission()) for _ in range(3)]
    refused = [reply for reply in replies if reply.status == 503]
    assert refused
    assert {reply.reason for reply in refused} == {"adapter_store_unavailable"}
    assert all("retry-after" in reply.headers for reply in refused)
    assert [get(service, "/metrics/summary?window=24h").status for _ in range(3)] == [200] * 3

    assert _ops("--undo", "--apply").exit_code == 0
    assert _in_force() == before
    assert [submit(service, submission()).status for _ in range(3)] == [200] * 3


@pytest.mark.usefixtures("service")
def test_the_whole_stage_is_throttled_and_let_go() -> None:
    before = _in_force()

    assert _ops("--all", "--rate", "70.5", "--burst", "90", "--apply").exit_code == 0
    assert _in_force() == before | {EVERY_ROUTE: {"rate": 70.5, "burst": 90}}

    undone = _ops("--undo", "--apply")
    assert (undone.exit_code, "done" in undone.output) == (0, True)
    assert _in_force() == before
    assert "nothing to undo" in _ops("--undo").output


@pytest.mark.usefixtures("service")
def test_all_covers_routes_with_limits_of_their_own_and_gives_none_more() -> None:
    before = _in_force()
    strict, generous = ("--rate", "1", "--burst", "100"), ("--rate", "400", "--burst", "400")

    assert _ops("--route", SUBMIT, *strict, "--apply").exit_code == 0
    assert _ops("--route", READ, *generous, "--apply").exit_code == 0
    assert _ops("--all", "--rate", "5", "--burst", "7", "--apply").exit_code == 0

    every = {EVERY_ROUTE: {"rate": 5, "burst": 7}, READ: {"rate": 5, "burst": 7}, SUBMIT: {"rate": 1, "burst": 7}}
    assert _in_force() == before | every


@pytest.mark.parametrize("how_it_ends", [None, KeyboardInterrupt])
@pytest.mark.usefixtures("service")
def test_an_hours_limit_ends_with_what_was_in_force_before(
    monkeypatch: pytest.MonkeyPatch, how_it_ends: type[BaseException] | None
) -> None:
    assert _ops("--route", SUBMIT, "--rate", "50", "--burst", "60", "--apply").exit_code == 0
    before, during = _in_force(), []

    def wait(seconds: float) -> None:
        assert seconds == 3600
        during.append(_in_force())
        if how_it_ends:
            raise how_it_ends

    monkeypatch.setattr("ops.commands.throttle.time", SimpleNamespace(sleep=wait))
    ended = _ops("--all", "--rate", "5", "--burst", "7", "--minutes", "60", "--apply")

    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, "put back what was in force")
    assert [one[EVERY_ROUTE] for one in during] == [one[SUBMIT] for one in during] == [{"rate": 5, "burst": 7}]
    assert _in_force() == before


@pytest.mark.parametrize(
    "words",
    [
        ("--undo", "--minutes", "60"),
        ("--route", SUBMIT),
        ("--route", SUBMIT, "--rate", "5"),
        ("--rate", "5", "--burst", "5"),
        ("--undo", "--all", "--rate", "5", "--burst", "5"),
        ("--undo", "--rate", "5", "--burst", "5"),
        ("--route", "POST /workflow/nothing", "--rate", "5", "--burst", "5"),
        ("--route", SUBMIT, "--rate", "-1", "--burst", "5"),
    ],
)
@pytest.mark.usefixtures("service")
def test_what_it_cannot_mean_is_refused(words: tuple[str, ...]) -> None:
    assert _ops(*words, "--apply").exit_code == 2


def test_a_routes_own_settings_keep_what_the_stage_counts_and_logs() -> None:
    patch = limiting("GET /workflow/requests/{requestId}", Limit(0.5, 2), Settings(TEMPLATE, ON))

    settings = "/~1workflow~1requests~1{requestId}/GET"
    assert patch == [
        {"op": "replace", "path": f"{settings}/throttling/rateLimit", "value": "0.5"},
        {"op": "replace", "path": f"{settings}/throttling/burstLimit", "value": "2"},
        {"op": "replace", "path": f"{settings}/metrics/enabled", "value": "true"},
        {"op": "replace", "path": f"{settings}/logging/dataTrace", "value": "false"},
    ]


def test_undoing_leaves_the_templates_limits_and_no_others() -> None:
    now = Settings({EVERY_ROUTE: Limit(50, 50), SUBMIT: Limit(1, 1)}, ON)

    assert undoing(now, TEMPLATE) == [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "500"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "1000"},
        {"op": "remove", "path": "/~1workflow~1requests/POST"},
    ]
    assert undoing(Settings(TEMPLATE, ON), TEMPLATE) == []


def test_aws_knows_the_parameters_of_the_change() -> None:
    model = botocore.session.get_session().get_service_model("apigateway").operation_model("UpdateStage")
    patch = limiting(SUBMIT, Limit(1, 1), Settings(TEMPLATE, ON)) + undoing(Settings({SUBMIT: Limit(1, 1)}, ON), {})

    assert model.input_shape is not None
    report = ParamValidator().validate(
        {"restApiId": "a", "stageName": "b", "patchOperations": patch}, model.input_shape
    )

    assert report.generate_report() == ""
