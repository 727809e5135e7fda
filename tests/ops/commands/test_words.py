"""Tests what every command says where something is amiss: its words, its exit code, and how wide it prints."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from typer.testing import CliRunner

from handshake_rail import NO_ANSWER, Handshake, HandshakeError
from ops.commands import common
from ops.commands.app import app
from ops.commands.common import UNREACHABLE, Command
from ops.commands.replay import Report, tables
from ops.local import deployment, running
from ops.local.commands import spare_loopback
from ops.local.edge_client import Answer
from ops.local.settings import ROOT

NOWHERE: Final = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# Commands that look at no stack.
FOLDERS: Final = {"ops policy fmt", "ops policy validate", "ops policy test"}
ELSEWHERE: Final = {"ops up", "ops cost", "ops rehearse", "ops edge", "ops replay", "ops token mint"} | FOLDERS
ARGUMENTS: Final = {
    "ops pseudonym": ["somebody"],
    "ops agents show": ["agent-1"],
    "ops agents stop": ["agent-1", "--reason", "it went wild"],
    "ops agents restrict": ["agent-1", "--reason", "it went wild"],
    "ops agents resume": ["agent-1", "--reason", "it is mended"],
    "ops channels add": ["topic", "people", "--topic-arn", "arn:aws:sns:us-east-1:1:some-told-people"],
    "ops channels test": ["people"],
    "ops channels remove": ["people"],
    "ops approvals show": ["request-1"],
    "ops approvals approve": ["request-1"],
    "ops approvals reject": ["request-1"],
    "ops approvals extend": ["request-1", "--seconds", "600"],
    "ops approvals revoke": ["request-1", "--reason", "it was a mistake"],
    "ops people add": ["ada", "--reason", "approves payments"],
    "ops people disable": ["ada", "--reason", "on leave"],
    "ops people enable": ["ada", "--reason", "back"],
    "ops people remove": ["ada", "--reason", "left"],
    "ops policy diff": ["-"],
    "ops policy simulate": ["-"],
    "ops policy apply": ["-", "--yes"],
    "ops policy rollback": ["v1", "--yes"],
}


def _commands(group: Any, name: str = "ops") -> Iterator[tuple[str, Any]]:
    for word, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from _commands(found, f"{name} {word}")
        else:
            yield f"{name} {word}", found


COMMANDS: Final = dict(_commands(typer.main.get_command(app)))


def _run(*words: str, **options: Any) -> Any:
    return CliRunner().invoke(app, list(words), **options)


def _flags() -> Iterator[tuple[str, str]]:
    for name, command in COMMANDS.items():
        for parameter in command.params:
            takes_a_value = parameter.param_type_name == "option" and not parameter.is_flag and not parameter.is_eager
            if takes_a_value and parameter.name not in ("install_completion", "show_completion"):
                yield name, parameter.opts[0]


@pytest.mark.parametrize(("name", "flag"), list(_flags()))
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_flag_is_an_error_and_never_means_all(name: str, flag: str, value: str) -> None:
    answer = _run(*name.split()[1:], *ARGUMENTS.get(name, []), f"{flag}={value}", input="[]")

    assert answer.exit_code == 2, answer.output


def test_every_command_refuses_empty_flags_by_its_class() -> None:
    assert [name for name, command in COMMANDS.items() if not isinstance(command, Command)] == []


def test_an_empty_argument_is_an_error_too() -> None:
    assert _run("evidence", "verify", "", env=NOWHERE).exit_code == 2


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - ELSEWHERE))
def test_a_stack_that_cannot_be_reached_ends_every_command_with_one_code(name: str) -> None:
    more = ["--hurt-a-deployed-stack"] if name == "ops drill" else []

    answer = _run(*name.split()[1:], *ARGUMENTS.get(name, []), *more, "--stack", "some", input="[]", env=NOWHERE)

    assert (answer.exit_code, answer.exception.__class__) == (UNREACHABLE, SystemExit), answer.output


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - ELSEWHERE))
def test_help_names_that_code(name: str) -> None:
    group = name.split()[1:-1]
    helped = _run(*name.split()[1:], "--help").output + (_run(*group, "--help").output if group else "")

    assert re.search(rf"\b{UNREACHABLE}\b", helped)
    assert f"{UNREACHABLE} where the stack" in " ".join(_run("--help").output.split())


def test_an_edge_that_does_not_answer_ends_with_that_code_too(tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    file.write_text('{"requestId": "a"}\n')

    assert _run("replay", str(file), "--base-url", "http://127.0.0.1:9").exit_code == UNREACHABLE


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_fits_eighty_columns(name: str) -> None:
    assert max(map(len, _run(*name.split()[1:], "--help").output.splitlines())) <= 80


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_a_usage_error(port: str) -> None:
    answer = _run("up", env={"PORT": port})

    assert (answer.exit_code, "PORT" in answer.output) == (2, True)


def test_a_replay_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    file.write_bytes(b'{"requestId": "a"}\n{"requestId": "caf\xe9"}\n')

    answer = _run("replay", str(file))

    assert answer.exit_code == 1
    assert f"{file.name}:2: it is not UTF-8" in answer.output


@given(st.text(alphabet="[]/\\abc=#:!bold red", min_size=1, max_size=30))
def test_no_id_is_taken_for_markup(text: str) -> None:
    out = common.console(width=200)
    with out.capture() as captured:
        out.print(text)
        table = Table("id", box=None, show_header=False, pad_edge=False)
        table.add_row(text)
        out.print(table)

    assert [line.rstrip() for line in captured.get().split("\n")][:2] == [text.rstrip()] * 2


def test_replayed_ids_with_brackets_are_shown_as_they_are() -> None:
    report, agent = Report(), "agent [/] [bold]"
    report.add({"agentId": agent}, Answer(200, {"decision": "allow", "reasonCode": "policy_allow"}), 1.0)
    out = common.console(width=80)
    with out.capture() as captured:
        out.print(*tables(report), sep="\n")

    assert agent in captured.get()


def test_text_wraps_at_words_and_ids_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long_id = "req-" + "x" * 100

    common.say(f"  {'word ' * 40}{long_id} end\nnext")

    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if long_id not in line) <= 80
    assert f"    {long_id} end" in lines or f"    {long_id}" in lines
    assert lines[-1] == "next"


def test_commands_print_through_the_one_console() -> None:
    own = [path.name for path in (ROOT / "ops" / "commands").glob("*.py") if " Console(" in path.read_text()]

    assert own == ["common.py"]


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"endpointUrl": "http://127.0.0.1:9"}', '{"endpointUrl": 7}'])
def test_a_record_that_a_killed_stack_left_is_no_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    path = tmp_path / "running.json"
    path.write_text(record)
    monkeypatch.setattr(running, "RUNNING", path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    answer = _run("status")

    assert (answer.exit_code, "no local stack is running" in answer.output) == (UNREACHABLE, True)


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
    ],
)
def test_both_variables_of_the_region_count(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    session = deployment.new_session("a", "b")

    assert deployment.region_of(session) == region
    assert session.create_client("sts").meta.region_name == region


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for everything, at which nobody listens."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def loopback() -> Iterator[int]:
    """A server on loopback that answers one call with an empty JSON object; yields its port."""
    script = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"{}")
    do_POST = do_GET
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own words
        assert server.stdout
        yield int(server.stdout.readline())
        server.kill()


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_client_calls_loopback_without_a_proxy(loopback: int, host: str) -> None:
    with Handshake(f"http://{host}:{loopback}") as client:
        assert not client.get_metrics_summary()


@pytest.mark.usefixtures("proxy")
def test_the_client_calls_others_through_the_proxy() -> None:
    with Handshake("http://api.example") as client, pytest.raises(HandshakeError) as refused:
        client.get_metrics_summary()

    assert refused.value.reason_code == NO_ANSWER


@pytest.mark.usefixtures("proxy")
def test_operators_commands_call_loopback_without_a_proxy(loopback: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spare_loopback()
    for name, value in (NOWHERE | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{loopback}"}).items():
        monkeypatch.setenv(name, value)

    client: Any = deployment.new_session().create_client("dynamodb")

    assert client.list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.usefixtures("proxy")
def test_who_spares_every_host_goes_on_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "example.org")

    spare_loopback()

    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == ("*", "example.org,127.0.0.1,localhost,::1")


def test_a_token_for_nobody_is_not_minted_in_silence() -> None:
    mint = "token", "mint", "--body", "{}"
    for_nobody, for_ana = _run(*mint), _run(*mint, "--principal-id", "ana")

    assert (for_nobody.exit_code, for_ana.exit_code) == (0, 0)
    assert "names nobody" in for_nobody.stderr
    assert for_ana.stderr == ""
    assert len(for_nobody.stdout.split()) == 1


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        answer = _run("edge", "--api-url", "http://api", env=NOWHERE | {"PORT": str(port)})

    assert (answer.exit_code, str(port) in answer.output) == (1, True)


def test_what_waits_for_no_aws_imports_no_aws() -> None:
    heavy = ["boto3", "botocore.session", "httpx", "matplotlib", "pydantic", "rich.console", "samcli", "yaml"]
    script = f"import json, sys, ops.commands.app; print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert json.loads(ran.stdout) == []
