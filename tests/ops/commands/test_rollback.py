"""ops rollback on a stack that was released twice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.commands.rollback import FAILED, PENDING, REFUSED
from ops.local.deployment import find
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from ops.release import rollback
from ops.release.unsupported_resources import without_unsupported

_FIRST_S, _SECOND_S = 300, 240


@pytest.fixture(scope="module")
def deployed() -> Iterator[LocalStack]:
    """A stack of this module's own, whose deployment makes a new version where a parameter changes, as AWS does."""
    with LocalStack(prepare=without_unsupported, parameters={"EscalationTtlSeconds": _FIRST_S}) as running:
        yield running


@pytest.fixture(autouse=True)
def operator(deployed: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployed.operator.items():
        monkeypatch.setenv(name, value)


def _ops(*words: str) -> Any:
    return CliRunner().invoke(app, ["rollback", *words, "--stack", STACK_NAME])


def _deadline(stack: LocalStack) -> int:
    """The deadline that the version with the traffic gives people."""
    found = stack.client("lambda").get_function_configuration(FunctionName=f"{STACK_NAME}-workflow", Qualifier="live")
    return int(found["Environment"]["Variables"]["ESCALATION_TTL_SECONDS"])


def _live(stack: LocalStack) -> dict[str, str]:
    client = stack.client("lambda")
    return {
        name: client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in stack.functions.values()
    }


@pytest.mark.timeout(300)
def test_a_release_is_left_by_one_command_that_first_says_what_it_would_do(
    deployed: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _live(deployed)
    nothing = _ops()
    assert (nothing.exit_code, "--to FUNCTION=VERSION" in nothing.output) == (REFUSED, True)

    deployed.deploy(EscalationTtlSeconds=_SECOND_S)
    second = _live(deployed)
    changed = {name for name, version in second.items() if version != first[name]}
    assert f"{STACK_NAME}-workflow" in changed
    assert _deadline(deployed) == _SECOND_S

    said = _ops()
    assert said.exit_code == PENDING
    assert max(map(len, said.output.splitlines())) <= 80
    assert f"{len(changed)} to move" in said.output
    assert _live(deployed) == second

    # One of them cannot be moved: the others are, and it is named.
    stuck = f"{STACK_NAME}-workflow"
    with monkeypatch.context() as patched:
        real = rollback.move
        patched.setattr(
            "ops.release.rollback.move",
            lambda stack, one: "held by somebody" if one.function == stuck else real(stack, one),
        )
        half = _ops("--apply", "--json")
    assert half.exit_code == FAILED
    outcomes = {row["function"]: (row["outcome"], row["error"]) for row in json.loads(half.output)["functions"]}
    assert outcomes["workflow"] == ("failed", "held by somebody")
    assert _live(deployed) == first | {stuck: second[stuck]}

    done = _ops("--apply")
    assert (done.exit_code, "1 of 1 moved" in done.output) == (0, True)
    assert _live(deployed) == first
    assert _deadline(deployed) == _FIRST_S

    again = _ops("--apply")
    assert (again.exit_code, "0 of 0 moved" in again.output) == (0, True)


def test_a_version_that_is_named_is_gone_to(deployed: LocalStack) -> None:
    client, name = deployed.client("lambda"), f"{STACK_NAME}-policy"
    client.update_function_configuration(FunctionName=name, Description="changed")
    version = client.publish_version(FunctionName=name)["Version"]
    before = _live(deployed)

    assert _ops("--to", f"policy={version}", "--apply").exit_code == 0
    assert _live(deployed) == before | {name: version}
    assert _ops("--to", f"{name}={before[name]}", "--apply").exit_code == 0
    assert _live(deployed) == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to", "policy=9999"), REFUSED),
        (("--to", "nothing=1"), 2),
        (("--to", "policy"), 2),
        (("--to", "policy=good"), 2),
    ],
)
@pytest.mark.usefixtures("deployed")
def test_what_is_not_there_is_not_gone_to(words: tuple[str, ...], code: int) -> None:
    assert _ops(*words, "--apply").exit_code == code


def test_an_alias_that_somebody_else_moved_meanwhile_is_left_to_them(deployed: LocalStack) -> None:
    name = f"{STACK_NAME}-metrics"
    alias = deployed.client("lambda").get_alias(FunctionName=name, Name="live")
    stale = rollback.Alias(alias["FunctionVersion"], "another-revision", {})

    problem = rollback.move(find(STACK_NAME), rollback.Move(name, stale, alias["FunctionVersion"]))

    assert "RevisionId" in problem
