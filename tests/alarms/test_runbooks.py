"""Runbooks: each alarm has one, each serves an alarm, and every command in them works on a deployed stack."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from ops.commands.app import app
from ops.local.cloudwatch.definitions import COMPOSITE_ALARM, METRIC_ALARM
from ops.local.edge_rules import Access
from ops.local.settings import ROOT, ROOT_KEY, STACK_NAME
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

# Gates have tests of their own, and some take minutes: here they must exist. Findings (exit code 1) of what only
# reports are no failure: other tests tamper with evidence and roll-ups.
PREAMBLE: Final = """
set -euo pipefail
poe() { command poe --dry-run "$@"; }
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
            "AWS_ENDPOINT_URL": stack.endpoint_url,
            "AWS_REGION": stack.region,
            "AWS_DEFAULT_REGION": stack.region,
            "AWS_ACCESS_KEY_ID": ROOT_KEY[0],
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY[1],
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
