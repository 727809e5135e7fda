"""docs/deploy.md, typed line by line into a clean shell: each line works up to its first call to AWS."""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.parse import parse_qs

import pytest

from ops.local.settings import ROOT
from tests.support.checkouts import commit_all, copy_to

DOCUMENT: Final = (ROOT / "docs" / "deploy.md").read_text()
# What a line needs of the machine and not of AWS. The gates and the rehearsal have tests of their own and take minutes:
# here they must exist, as `make --dry-run` and `--help` say.
LOCAL: Final = ("make ", "source ", "export ", "sam build", "sam validate", "python -m ops rehearse")
PREAMBLE: Final = """
make() { case "$*" in gates) command make --dry-run "$@" ;; *) command make "$@" ;; esac; }
python() { case "$*" in "-m ops rehearse") command python "$@" --help ;; *) command python "$@" ;; esac; }
"""
OTHERWISE: Final = f'[ "${{HANDSHAKE_PYTHON-unset}}" ] || HANDSHAKE_PYTHON="{sys.executable}"'
CLI: Final = ROOT / "tests" / "alarms" / "aws_cli.py"


@dataclass(frozen=True)
class Typed:
    """A line of the document, how it ended, what it asked of AWS first to last, and what it printed."""

    line: str
    code: int
    calls: tuple[str, ...]
    printed: str


def lines_of(document: str) -> list[str]:
    """List what the document has one type, in its order: a line that ends with a backslash goes on in the next."""
    blocks = re.findall(r"^```bash\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@contextmanager
def _no_account() -> Iterator[tuple[str, Mapping[int, list[str]]]]:
    """Deny every call to AWS. Yields the URL, and the calls by the number of the line that made them."""
    calls: dict[int, list[str]] = defaultdict(list)
    current = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/line/"):
                current[0] = int(self.path.removeprefix("/line/"))
                self._answer(200, "text/plain", b"")
            else:
                self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            action = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
            target = self.headers.get("X-Amz-Target", "")
            calls[current[0]].append(action or target or f"{self.command} {self.path}")
            if action:
                error = "<Error><Code>AccessDenied</Code><Message>no account</Message></Error>"
                self._answer(403, "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode())
            else:
                self._answer(403, "application/json", b'{"__type":"AccessDeniedException","message":"no account"}')

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: what was asked is kept."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


def type_in(lines: list[str], folder: Path) -> list[Typed]:
    """Type the lines into one clean shell, in a copy of the checkout, with credentials of an account that denies all.

    Of the environment it has ``PATH``, ``PYENV_ROOT`` and how pip reaches its index; the operator's own are a profile
    and an ``aws``. A machine without the deployed Python builds with this one, as the document has it.
    """
    checkout, home, tools = copy_to(folder / "checkout"), folder / "home", folder / "bin"
    commit_all(checkout)  # gates name a commit
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    (home / ".aws").mkdir(parents=True)
    tools.mkdir()
    (tools / "aws").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{CLI}" "$@"\n')
    (tools / "aws").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "PYENV_ROOT", "SSL_"))}
    path = [one for one in os.environ["PATH"].split(os.pathsep) if not one.startswith(str(ROOT / ".venv"))]
    with _no_account() as (url, calls):
        (home / ".aws" / "config").write_text(
            f"[profile handshake]\naws_access_key_id = a\naws_secret_access_key = b\nendpoint_url = {url}\n"
        )
        script = [PREAMBLE]
        for number, line in enumerate(lines):
            mark = f"curl -sf {url}/line/{number}\n"
            script.append(f"{mark}echo; echo '@@{number}'\n{line}\ncode=$?; {OTHERWISE}; echo; echo \"@@$code\"\n")
        done = subprocess.run(  # noqa: S603 - the document's own commands
            [shutil.which("bash") or "/bin/bash", "-c", "".join(script)],
            cwd=checkout,
            env=kept | {"PATH": os.pathsep.join([str(tools), *path]), "HOME": str(home), "SAM_CLI_TELEMETRY": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    typed = re.findall(r"^@@(\d+)\n(.*?)^@@(\d+)$", done.stdout, re.DOTALL | re.MULTILINE)
    return [
        Typed(lines[int(number)], int(code), tuple(calls.get(int(number), ())), printed)
        for number, printed, code in typed
    ]


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    return type_in(lines_of(DOCUMENT), tmp_path_factory.mktemp("operator"))


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_every_line_works_as_typed_up_to_its_first_call_to_aws(typed: list[Typed]) -> None:
    assert [one.line for one in typed] == lines_of(DOCUMENT)
    for one in typed:
        if one.line.startswith(LOCAL):
            assert (one.code, one.calls) == (0, ()), one.line + "\n" + one.printed
        else:
            assert one.calls, one.line + "\n" + one.printed


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_the_first_call_is_the_one_that_the_line_is_for(typed: list[Typed]) -> None:
    first = {one.line.split("#")[0].strip(): one.calls[0] for one in typed if one.calls}

    assert first["aws sts get-caller-identity"] == "GetCallerIdentity"
    for environment in ("staging", "production"):
        assert first[f"sam deploy --config-env {environment}"] == "DescribeStacks"
        assert first[f"python -m ops status --stack handshake-{environment}"] == "DescribeStacks"
    assert first["python -m ops rollback --apply --stack handshake-production"] == "DescribeStacks"
    assert first["aws cloudformation delete-stack --stack-name handshake-staging"] == "DeleteStack"


def test_what_does_not_work_as_typed_is_noticed(tmp_path: Path) -> None:
    # Before the virtualenv is active there is no sam and no poe.
    lines = ["sam build", "poe check:openapi", "nothing", "aws sts nothing", "source .venv/bin/activate; sam nothing"]

    typed = type_in(lines, tmp_path)

    assert [(bool(one.code), one.calls) for one in typed] == [(True, ())] * len(lines)


def test_the_policy_for_organisations_is_linked() -> None:
    assert "](only-api-gateway-invokes.json)" in DOCUMENT
