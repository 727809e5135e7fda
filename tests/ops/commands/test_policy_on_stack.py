"""docs/policies.md on the deployed stack: tools registered, a policy in the shadow, its report, and its promotion."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.local.running import running_here
from ops.local.stack import LocalStack
from tests.ops.commands.test_policy_cedar import BLOCKS
from tests.support.service import Deployed, Reply, apply_policy, submission, submit

ON_STACK: Final = [text for language, name, text in BLOCKS if (language, name) == ("console", "stack")]


@pytest.fixture(autouse=True)
def running(stack: LocalStack) -> Iterator[None]:
    """The stack, found as commands on this machine find it."""
    with running_here(stack.endpoint_url):
        yield


@pytest.fixture(autouse=True)
def everybodys_policy_put_back(stack: LocalStack) -> Iterator[None]:
    """Other tests are decided by the global policy and the tools too."""
    service = Deployed.on(stack)
    yield
    emptied = {
        "scope": "global",
        "rules": None,
        "cedar": "",
        "budgets": None,
        "unmatched": None,
        "unmatchedTools": None,
    }
    assert apply_policy(service, emptied | {"mode": "shadow"}).status == 200
    assert apply_policy(service, emptied).status == 200


def refund(service: Deployed, amount: float) -> Reply:
    arguments = {"amount": amount, "order": "A1", "reason": "broken"}
    action = {"operation": "refund", "tool": "refund", "arguments": arguments}
    return submit(service, submission(context={}, action=action))


def run(command: str) -> Any:
    outcome = CliRunner().invoke(app, ["policy", *command.split()], env={"COLUMNS": "200"})
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_a_policy_of_the_page_is_shadowed_reported_and_promoted(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's own commands: the shadow decides nothing, its report names the policy, and promoted it decides."""
    monkeypatch.chdir(tmp_path)
    service = Deployed.on(stack)
    for language, name, text in BLOCKS:
        if language != "console":
            Path(name).write_text(text)
    register, apply, promote = [
        command for text in ON_STACK for command in re.findall(r"^\$ ops policy (.*)$", text, re.MULTILINE)
    ]
    assert "payment: refund, unchecked: note" in run(register)
    assert "is in the shadow" in run(apply)

    assert refund(service, 60).body["decision"] == "allow"
    until = time.monotonic() + 60
    while "allow -> escalate by refunds-are-looked-at: 1" not in (report := run("shadow")):
        assert time.monotonic() < until, report
        time.sleep(1)
    print(report)
    assert "is in force" in run(promote)
    asked = refund(service, 60).body
    assert (asked["decision"], asked["reasonCode"]) == ("escalate", "hitl_policy_escalated")
    assert refund(service, 20).body["decision"] == "allow"
