"""docs/from-workers.md: its program runs and prints what the page says, and its table is the client's surface."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT
from tests.sdk.serving import handlers_of, served
from tests.support.node import run
from tests.support.service import InProcess, token

PAGE: Final = (ROOT / "docs" / "from-workers.md").read_text(encoding="utf-8")
SURFACE: Final = """
import { HandshakeClient } from "handshake-rail/workers";
const client = new HandshakeClient({ baseUrl: "http://127.0.0.1" });
const calls = Object.entries(client).flatMap(([rail, methods]) =>
  Object.entries(methods).map(([name, call]) => [`${rail}.${name}`, /^async \\(([^)]*)\\)/.exec(call.toString())[1]]),
);
console.log(JSON.stringify(Object.fromEntries(calls)));
"""
CONSTRUCTOR: Final = """
import { HandshakeClient } from "handshake-rail/workers";
console.log(/constructor\\(\\{([^}]*)\\}/.exec(HandshakeClient.toString())[1]);
"""


def _caller(client: Path, folder: Path) -> Path:
    """Make a folder of a caller who has installed the client."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "handshake-rail").symlink_to(client)
    return folder


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_its_program_runs_and_prints_what_the_page_says(
    typescript_client: Path, service: InProcess, tmp_path: Path
) -> None:
    folder = _caller(typescript_client, tmp_path)
    (folder / "program.mjs").write_text("\n".join(_blocks("js")))

    with served(handlers_of(service)) as url:
        ran = subprocess.run(  # our own page
            ["node", "program.mjs"],  # noqa: S607 - from the PATH, as tests.support.node runs it
            cwd=folder,
            env=os.environ | {"HANDSHAKE_URL": url, "TRUST_TOKEN": token(service)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (ran.stdout, ran.stderr) == (_blocks("text")[0], "")


def test_its_table_has_every_call_of_the_client_as_it_is_called(typescript_client: Path, tmp_path: Path) -> None:
    told = run("node", "--input-type", "module", "--eval", SURFACE, folder=_caller(typescript_client, tmp_path))

    rows = dict(re.findall(r"^\| `(\w+\.\w+)\(([^)]*)\)` \|", PAGE, re.MULTILINE))
    assert json.loads(told) == rows
    assert len(rows) == 10


def test_it_says_what_becomes_of_each_option_of_the_constructor(typescript_client: Path, tmp_path: Path) -> None:
    told = run("node", "--input-type", "module", "--eval", CONSTRUCTOR, folder=_caller(typescript_client, tmp_path))

    table = PAGE.partition("| of the constructor |")[2].partition("\n\n")[0]
    said = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert {name.split("=")[0].strip() for name in told.split(",")} == (said - {"authToken"}) | {"authorize"}


def test_it_names_every_member_of_an_error_that_callers_branch_on() -> None:
    errors = (ROOT / "sdk/typescript/src/errors.js").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)`", PAGE.partition("## Errors")[2].partition("\n## ")[0])

    for member in ("reasonCode", "responseClass", "status", "retryable", "correlationId"):
        assert member in named
        assert re.search(rf"this\.{member} =|get {member}\(", errors), member
