"""ops policy, against the deployed stack's API."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from handshake.policy.rule_keys import DEFAULT_RULES, RULE_KEYS
from ops.commands.app import app
from ops.commands.policy_desk import Proposal, differences
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
        f"the policy of agent {agent} alone, against v1:",
        "- rule-max_transaction: max_transaction = 60",
        "+ rule-max_transaction: max_transaction = 40",
    ]
    assert _json("simulate", file, "--agent", agent)["blastRadius"]["affectedAgents"] == 0

    answered = _policy("apply", file, "--agent", agent, says="y\n")
    assert (answered.exit_code, "v2 is in force" in answered.output) == (0, True)
    assert _policy("diff", file, "--agent", agent).exit_code == 0

    assert _policy("rollback", "v1", "--agent", agent, "--yes").exit_code == 0
    shown = dict(_json("show", "--agent", agent))
    in_force = shown.pop("effective")
    assert shown == {
        "scope": "agent",
        "scopeId": agent,
        "rules": rules(max_transaction=60),
        "policyVersion": "v3",
    }
    assert in_force[0] == rules(max_transaction=60)[0]
    assert {"max_transaction", "daily_spend_limit", "allowed_hours"} <= {
        one["key"] for one in in_force if one.get("standsIn")
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
    assert "rule rule-no_such_key has the unknown key no_such_key: there are max_transaction, " in refused.output


def test_a_version_that_never_was_is_named() -> None:
    answer = _policy("rollback", "v9", "--agent", unique("agent"), "--yes")

    assert (answer.exit_code, "no version v9" in answer.output) == (1, True)


def test_json_asks_nothing(rules_file: Write) -> None:
    answer = _policy("apply", rules_file(max_transaction=1), "--agent", unique("agent"), "--json")

    assert (answer.exit_code, "--yes" in answer.output) == (1, True)


def _file(folder: Path, **fields: Any) -> str:
    path = folder / "policy.json"
    path.write_text(json.dumps(fields))
    return str(path)


def test_the_scope_of_the_file_is_in_the_diff_the_question_and_the_result(tmp_path: Path) -> None:
    agent, everybodys = unique("agent"), _json("show")
    file = _file(tmp_path, scope="agent", scopeId=agent, rules=rules(max_transaction=1))

    answered = _policy("apply", file, says="y\n")

    said = " ".join(answered.output.split())
    assert answered.exit_code == 0, said
    assert said.count(f"the policy of agent {agent} alone") == 3
    assert f"put it in force: the policy of agent {agent} alone?" in said
    assert _json("show", "--agent", agent)["policyVersion"] == "v1"
    assert _json("show") == everybodys
    assert _json("simulate", file)["scopeId"] == agent
    assert json.loads(_policy("diff", file, "--json").output) == {
        "scope": "agent",
        "scopeId": agent,
        "differs": False,
        "diff": [],
    }


def test_the_tenant_of_the_file_is_in_the_diff_the_question_and_the_result(tmp_path: Path) -> None:
    agent, tenant = unique("agent"), unique("tenant")
    scope = {"scope": "agent", "scopeId": agent, "tenantId": tenant}
    file = _file(tmp_path, **scope, rules=rules(max_transaction=1, escalations_per_window=5))

    answered = _policy("apply", file, "--agent", agent, says="y\n")

    said = " ".join(answered.output.split())
    assert answered.exit_code == 0, said
    assert said.count(f"the policy of agent {agent} in tenant {tenant} alone") == 3
    assert f"put it in force: the policy of agent {agent} in tenant {tenant} alone?" in said
    assert "policyVersion" not in _json("show", "--agent", agent)
    assert _json("simulate", file).items() >= scope.items()
    assert json.loads(_policy("diff", file, "--json").output) == {**scope, "differs": False, "diff": []}


@pytest.mark.parametrize("command", ["diff", "simulate", "apply"])
@pytest.mark.parametrize(
    ("fields", "flags", "said"),
    [
        ({"scope": "agent", "scopeId": "a"}, ["--agent", "b"], "they must agree"),
        ({"scope": "global"}, ["--agent", "b"], "they must agree"),
        ({"scope": "agent"}, [], "without a scopeId"),
        ({"scope": "agent", "scopeId": ""}, [], "scopeId is no name"),
        ({"scope": "global", "scopeId": "a"}, [], "with a scopeId"),
        ({"scopeId": "a"}, [], "no scope"),
        ({"scope": 1}, [], "scope is no name"),
        ({"scope": "agent", "scopeId": "a", "tenantId": ""}, [], "tenantId is no name"),
        ({"scope": "agent", "scopeId": "a", "tenantId": "t"}, ["--agent", "b"], "they must agree"),
        ({"scope": "global", "tenantId": "t"}, [], "goes with agent scope only"),
        ({"tenantId": "t"}, ["--agent", "a"], "goes with agent scope only"),
        ({"scop": "agent"}, [], "it has scop, which"),
        ({}, ["--agent", ""], "it is empty"),
    ],
)
def test_a_scope_that_is_not_clear_is_never_taken_for_everybodys(
    tmp_path: Path, command: str, fields: dict[str, Any], flags: list[str], said: str
) -> None:
    before = _json("show")
    file = _file(tmp_path, rules=rules(max_transaction=1), **fields)

    answer = _policy(command, file, *flags)

    # typer frames what it says, line by line.
    assert (answer.exit_code, said in " ".join(answer.output.replace("│", " ").split())) == (2, True), answer.output
    assert _json("show") == before


def test_defaults_that_go_on_holding_are_no_difference() -> None:
    stored = Proposal({"scope": "global"}, rules(max_transaction=60))

    assert differences({"scope": "global", "rules": list(DEFAULT_RULES)}, stored) == [
        "- max_transaction = 100 (default, for no rule of this key is stored)",
        "+ rule-max_transaction: max_transaction = 60",
    ]
    shown = " ".join(_policy("show").output.split())
    assert all((f"{key.name} = " in shown) == (key.default is not None) for key in RULE_KEYS)


def test_a_simulation_says_in_words_what_it_says_in_json(rules_file: Write) -> None:
    agent = unique("agent")
    told = _json("simulate", rules_file(max_transaction=1), "--agent", agent)

    said = " ".join(_policy("simulate", rules_file(max_transaction=1), "--agent", agent).output.split())

    radius = told["blastRadius"]
    assert f"{radius['affectedAgents']} agents affected, {radius['highRiskAgents']} at high risk" in said
    assert f"advice on the change: {told['decision']}, tier {told['tier']}" in said
    assert all(reason.split(".")[0].split()[0] in said for reason in told["reasons"])


def test_the_audit_names_the_callers_own_identity(stack: LocalStack, rules_file: Write) -> None:
    agent, mine = unique("agent"), stack.client("sts").get_caller_identity()["Arn"]
    assert _policy("apply", rules_file(max_transaction=60), "--agent", agent, "--yes").exit_code == 0
    assert (
        _policy("apply", rules_file(max_transaction=50), "--agent", agent, "--yes", "--principal", "ana").exit_code == 0
    )

    audited = stack.client("dynamodb").query(
        TableName=stack.tables["policy"],
        KeyConditionExpression="pk = :scope AND begins_with(sk, :audit)",
        ExpressionAttributeValues={":scope": {"S": f"SCOPE#agent#{agent}"}, ":audit": {"S": "AUDIT#"}},
    )["Items"]
    assert [one["principal_id"]["S"] for one in audited] == [mine, "ana"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"rules": 1}'])
def test_a_file_without_rules_is_a_wrong_command_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)

    assert _policy("diff", str(path)).exit_code == 2
