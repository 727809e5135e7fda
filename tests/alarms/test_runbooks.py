"""Runbooks: each alarm has one, each serves an alarm, and every command in them works on a deployed stack."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from ops.commands.app import app
from ops.gates.registry import READINESS
from ops.local.cloudwatch.definitions import COMPOSITE_ALARM, METRIC_ALARM
from ops.local.commands import fetching_environment
from ops.local.edge_rules import Access
from ops.local.settings import ROOT, STACK_NAME
from ops.local.signing_edge import SigningEdge, Upstream, kept_token
from ops.local.stack import LocalStack
from ops.local.translation import translate

ALARMS: Final = ROOT / "alarms"
RUNBOOKS: Final = {path.stem: path.read_text() for path in (ALARMS / "runbooks").glob("*.md") if path.stem != "README"}
INDEX: Final = (ALARMS / "runbooks" / "README.md").read_text()

# What the seed has operators run at each alert, in its order.
SEEDED: Final = {
    "alert_replay_guard_unavailable": [
        "python -m ops pause",
        "poe check:schema-preflight",
        "poe check:release-readiness",
        "poe check:env-matrix",
        "poe test:prod-gate",
        "python -m ops resume",
    ],
    "alert_denial_spike": [
        "/metrics/reasons",
        "/metrics/series",
        "poe check:reason-code-map",
        "poe check:security-parity",
        "poe check:release-readiness",
    ],
    "alert_tenant_mismatch_spike": ["poe check:security-parity", "poe test:prod-gate"],
}

# Gates run as they are, but those that take minutes, which run once for all runbooks, below: here they must exist.
# Findings (exit code 1) of what only reports are no failure: other tests tamper with evidence and roll-ups.
PREAMBLE: Final = """
set -euo pipefail
poe() { case "$1" in check:release-readiness | test:*) command poe --dry-run "$@" ;; *) command poe "$@" ;; esac; }
python() {
    local code=0
    command python "$@" || code=$?
    case "$*" in
        *"evidence verify"* | *"metrics rebuild"* | *"ops status"*) [ "$code" -le 1 ] ;;
        *) return "$code" ;;
    esac
}
"""


def _alarms() -> dict[str, dict[str, Any]]:
    """Give each alarm's properties by its name after the stack's, those behind a parameter included."""
    given = {"Service": "handshake", "Environment": "production"}
    stacks = [translate(ALARMS / name, given) for name in ("template.yaml", "audit.yaml")]
    alarms = [
        dict(one["Properties"]) for stack in stacks for one in stack.of_type(METRIC_ALARM, COMPOSITE_ALARM).values()
    ]
    return {alarm["AlarmName"].removeprefix("handshake-"): alarm for alarm in alarms}


def _scripts(text: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def environment(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A responder's shell: the runbooks' own set-up, on the local stack."""
    tools = tmp_path_factory.mktemp("bin")
    (tools / "aws").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/alarms/aws_cli.py" "$@"\n')
    (tools / "aws").chmod(0o755)
    with SigningEdge(0) as edge, kept_token(edge.server_port) as (token, header_file):
        edge.start(
            Upstream(stack.api_url, credentials=stack.issuer, region=stack.region),
            access=Access(token, callers_envelopes=True),
            envelope={"principalId": "me"},
        )
        shell = os.environ | {
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HANDSHAKE_STACK": STACK_NAME,
            "HANDSHAKE_URL": edge.url,
            "HANDSHAKE_EDGE_HEADER": str(header_file),
            "AWS_REGION": stack.region,
            **stack.operator,
            "SINCE": str(time.time_ns() // 1_000_000 - 3_600_000),  # README's own lines set it too
            "PHONE": "+15555550100",
        }
        yield shell
        subprocess.run([sys.executable, "-m", "ops", "resume"], cwd=ROOT, env=shell, check=True)


def _run(script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash") or "/bin/bash"
    return subprocess.run(  # noqa: S603 - the runbooks' own commands
        [bash, "-c", PREAMBLE + script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    served = {name.partition("-")[0] for name in _alarms()}

    assert served == RUNBOOKS.keys()
    assert {name for name in RUNBOOKS if f"({name}.md)" not in INDEX} == set()


@pytest.mark.parametrize("name", sorted(_alarms()))
def test_an_alarm_begins_with_its_runbook_and_says_where_it_is(name: str) -> None:
    description = _alarms()[name]["AlarmDescription"]

    assert description.splitlines()[-1] == f"Runbook: alarms/runbooks/{name.partition('-')[0]}.md"
    assert [line[:3] for line in description.splitlines()[1:3]] == ["1. ", "2. "]
    assert len(description) <= 1024


@pytest.mark.parametrize("alert", SEEDED)
def test_the_seeds_actions_are_there_in_its_order(alert: str) -> None:
    commands = "\n".join(_scripts(RUNBOOKS[alert]))

    places = [commands.find(action) for action in SEEDED[alert]]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [*sorted(RUNBOOKS), "README"])
def test_every_command_of_a_runbook_works(name: str, environment: Mapping[str, str]) -> None:
    scripts = _scripts(RUNBOOKS.get(name, INDEX))
    assert scripts

    done = _run("\n".join(scripts), environment)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.waits
@pytest.mark.timeout(900)
def test_the_gates_of_minutes_that_runbooks_name_pass() -> None:
    """As a responder types it. It starts a stack of its own, as it does on a machine where none runs."""
    named = re.findall(r"^poe (check:release-readiness|test:[\w-]+)", "\n".join(RUNBOOKS.values()), re.MULTILINE)
    done = subprocess.run(  # noqa: S603 - the runbooks' own commands
        [str(Path(sys.executable).with_name("poe")), READINESS],
        cwd=ROOT,
        env=fetching_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    # It runs the others itself: a suite of minutes is not run twice.
    assert {gate for gate in named if f"{gate}: passed" not in done.stdout} == set()


SAVED: Final = {
    one["Properties"]["Name"].partition("/")[2]
    for one in translate(ALARMS / "dashboard.yaml", {"Service": "handshake", "Environment": "production"})
    .of_type("AWS::Logs::QueryDefinition")
    .values()
}


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_a_query_of_logs_begins_at_the_incident_and_names_the_saved_one(name: str) -> None:
    text = RUNBOOKS[name].replace("\\\n", " ")
    queries = [line for line in text.splitlines() if "aws logs filter-log-events" in line]
    named = {found for line in re.findall(r"Saved quer[^.]*", text) for found in re.findall("`([^`]+)`", line)}

    assert all('--start-time "$SINCE"' in line for line in queries)
    assert named <= SAVED
    assert named or not queries or name == "direct_invocations"  # its lines are CloudTrail's


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_a_runbook_says_how_to_be_told_by_more_than_mail(name: str) -> None:
    assert "(README.md#be-told-by-sms-or-by-pagerduty)" in RUNBOOKS[name]
    assert "## Be told by SMS or by PagerDuty" in INDEX


@pytest.mark.parametrize("name", ["alert_replay_guard_unavailable", "alert_tenant_mismatch_spike"])
def test_rails_are_tried_where_they_are_deployed_and_in_the_checkout(name: str) -> None:
    commands = "\n".join(_scripts(RUNBOOKS[name]))

    assert 'aws lambda invoke --function-name "$HANDSHAKE_STACK-release-gate" /dev/stdout' in commands
    assert 'poe check:security-parity --live --stack "$HANDSHAKE_STACK"' in commands


@pytest.mark.parametrize("name", sorted(name for name, text in RUNBOOKS.items() if "python -m ops pause" in text))
def test_who_pauses_is_told_of_deadlines(name: str) -> None:
    assert re.search(r"(?i)deadlines", RUNBOOKS[name])


def test_the_tenant_probe_asks_for_a_request_that_is_there(environment: Mapping[str, str]) -> None:
    [probe] = [script for script in _scripts(RUNBOOKS["alert_tenant_mismatch_spike"]) if "PROBE=" in script]

    done = _run(probe, environment)

    said = [line for line in done.stdout.splitlines() if "expected" in line]
    assert said == [
        *(f"{scope}: 403, expected 403" for scope in ("self", "tenant", "any")),
        "its owner: 200, expected 200",
    ], done.stdout + done.stderr
    assert done.returncode == 0
    # A read that goes through would be noticed.
    leaking = _run(probe.replace("runbook-other runbook-b", "runbook-owner runbook-a"), environment)
    assert leaking.returncode != 0


def test_lines_for_the_shell_make_aws_work_as_typed(environment: Mapping[str, str]) -> None:
    bare = {name: value for name, value in environment.items() if name not in ("SINCE", "HANDSHAKE_STACK")}
    script = 'eval "$(python -m ops env)"\necho "$SINCE $HANDSHAKE_STACK"\n'
    script += 'aws cloudformation describe-stacks --stack-name "$HANDSHAKE_STACK" --query "Stacks[0].StackName"\n'

    done = _run(script, bare)

    assert done.returncode == 0, done.stderr
    since, stack = done.stdout.splitlines()[0].split()
    assert (stack, done.stdout.splitlines()[1]) == (STACK_NAME, f'"{STACK_NAME}"')
    assert 0 < time.time_ns() // 1_000_000 - int(since) < 24 * 3_600_000


@pytest.mark.parametrize(
    "command",
    [
        "python -m ops nothing",
        "python -m ops pause --nothing",
        "poe check:nothing",
        "aws dynamodb nothing",
        "aws dynamodb describe-table --nothing x",
        "aws dynamodb describe-table --table-name nothing",
        'curl -sf -H "@$HANDSHAKE_EDGE_HEADER" "$HANDSHAKE_URL/nothing"',
        "nothing",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command: str, environment: Mapping[str, str]) -> None:
    assert _run(command, environment).returncode != 0


def _mentioned() -> set[str]:
    """Commands that alarms and runbooks name in passing."""
    texts = [*RUNBOOKS.values(), INDEX, *(alarm["AlarmDescription"] for alarm in _alarms().values())]
    return {found for text in texts for found in re.findall(r"python -m ops(?: [a-z]+)+|poe [a-z0-9:-]+", text)}


@pytest.mark.parametrize("command", sorted(_mentioned()))
def test_a_command_named_in_passing_exists(command: str) -> None:
    if command.startswith("poe "):
        tasks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
        assert command.removeprefix("poe ") in tasks
        return
    found: Any = typer.main.get_command(app)
    for word in command.removeprefix("python -m ops ").split():
        if not hasattr(found, "commands"):
            break  # what follows are words of the sentence
        assert word in found.commands
        found = found.commands[word]
