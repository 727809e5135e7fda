"""ops policy, against the deployed stack's API."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.local.running import running_here
from ops.local.stack import LocalStack
from tests.support.service import rules, unique

DIFFERS: Final = 3
DECLINED: Final = 4

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def running(stack: LocalStack) -> Iterator[None]:
    """The stack, found as commands on this machine find it."""
    with running_here(stack.endpoint_url):
        yield


@pytest.fixture
def rules_file(tmp_path: Path) -> Write:
    """Writes rules to a file, and says where."""

    def write(**values: Any) -> str:
        path = tmp_path / "rules.json"
        path.write_text(json.dumps(rules(**values)))
        return str(path)

    return write


def _policy(*words: str, says: str = "") -> Any:
    return CliRunner().invoke(app, ["policy", *words], input=says)


def _json(*words: str) -> Mapping[str, Any]:
    answer = _policy(*words, "--json")
    assert answer.exit_code == 0, answer.output
    found: Mapping[str, Any] = json.loads(answer.output)
    return found


def test_a_change_is_shown_simulated_applied_and_put_back(rules_file: Write) -> None:
    agent = unique("agent")
    applied = _json("apply", rules_file(max_transaction=60), "--agent", agent, "--yes")
    assert applied["applied"]["policyVersion"] == "v1"
    assert applied["diff"] == ["+ rule-max_transaction: max_transaction = 60"]
    assert applied["simulation"]["status"] == "ok"

    file = rules_file(max_transaction=40)
    differing = _policy("diff", file, "--agent", agent)
    assert differing.exit_code == DIFFERS
    assert differing.output.splitlines() == [
        "- rule-max_transaction: max_transaction = 60",
        "+ rule-max_transaction: max_transaction = 40",
    ]
    assert _json("simulate", file, "--agent", agent)["blastRadius"]["affectedAgents"] == 0

    answered = _policy("apply", file, "--agent", agent, says="y\n")
    assert (answered.exit_code, "v2 is in force" in answered.output) == (0, True)
    assert _policy("diff", file, "--agent", agent).exit_code == 0

    assert _policy("rollback", "v1", "--agent", agent, "--yes").exit_code == 0
    assert _json("show", "--agent", agent) == {
        "scope": "agent",
        "scopeId": agent,
        "rules": rules(max_transaction=60),
        "policyVersion": "v3",
    }
    listed = _policy("show", "--versions", "--agent", agent).output.splitlines()
    assert [line.split()[0] for line in listed] == ["v3", "v2", "v1"]


def test_a_declined_change_changes_nothing(rules_file: Write) -> None:
    agent = unique("agent")

    declined = _policy("apply", rules_file(max_transaction=1), "--agent", agent, says="n\n")

    assert declined.exit_code == DECLINED
    assert _json("show", "--agent", agent)["rules"] == []


def test_what_the_service_refuses_fails_with_its_reason(rules_file: Write) -> None:
    refused = _policy("apply", rules_file(no_such_key=1), "--agent", unique("agent"), "--yes")

    assert (refused.exit_code, "policy_invalid_policy" in refused.output) == (1, True)


def test_a_version_that_never_was_is_named() -> None:
    answer = _policy("rollback", "v9", "--agent", unique("agent"), "--yes")

    assert (answer.exit_code, "no version v9" in answer.output) == (1, True)


def test_json_asks_nothing(rules_file: Write) -> None:
    answer = _policy("apply", rules_file(max_transaction=1), "--agent", unique("agent"), "--json")

    assert (answer.exit_code, "--yes" in answer.output) == (1, True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"rules": 1}'])
def test_a_file_without_rules_is_a_wrong_command_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)

    assert _policy("diff", str(path)).exit_code == 2
