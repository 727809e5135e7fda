"""Receipts and the report on them: stale, foreign, edited and missing ones are no passes."""

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ops.gates import __main__ as command
from ops.gates import checkout, receipts, report
from ops.gates import run as runner
from ops.gates.gate import Options
from ops.gates.registry import CANNOT_JUDGE, GATES, REPORT
from ops.local.settings import ROOT
from ops.verdict import CannotJudgeError, Finding, Verdict
from tests.ops.gates.conftest import Edit

GATE = GATES["check:reason-code-map"]
Commit = Callable[[], None]


def _passes(monkeypatch: pytest.MonkeyPatch, check: Callable[[Options], Verdict] | None = None) -> None:
    gate = SimpleNamespace(check=check or (lambda _: Verdict(["all of it"])))
    monkeypatch.setattr(runner, "importlib", SimpleNamespace(import_module=lambda _: gate))


@pytest.fixture
def passed(options: Options, commit: Commit, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A committed copy in which every gate has passed and left its receipt."""
    commit()
    with monkeypatch.context() as patch:
        _passes(patch)
        for gate in GATES.values():
            assert runner.run(gate, options, command=f"poe {gate.name}") == 0
    return options


def _edited(options: Options, **changes: Any) -> dict[str, Any]:
    path = receipts.path_of(GATE.name, options.receipts)
    content: dict[str, Any] = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(content))
    return content


def _said(options: Options) -> str:
    with pytest.raises(receipts.BadReceiptError) as refused:
        receipts.read(GATE, options.receipts, options.root, now=receipts.now())
    return str(refused.value)


def test_a_report_on_good_receipts_passes(passed: Options) -> None:
    verdict = report.check(passed)

    assert verdict.passed
    assert len(verdict.checked) == len(GATES) - 1


def test_a_receipt_says_what_was_run_how_it_ended_and_on_what(passed: Options) -> None:
    receipt = receipts.read(GATE, passed.receipts, passed.root, now=receipts.now())

    assert (receipt.gate, receipt.command, receipt.exit_code) == (GATE.name, f"poe {GATE.name}", 0)
    assert (receipt.commit, receipt.dirty) == (checkout.commit(passed.root), False)
    assert receipt.judged == checkout.digest_of(passed.root, GATE.sources)
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(receipt.started_at) < timedelta(minutes=5)
    assert receipt.duration_ms >= 0
    assert receipt.tools["pytest"] == pytest.__version__


def test_a_missing_receipt_is_no_pass(passed: Options) -> None:
    receipts.path_of(GATE.name, passed.receipts).unlink()

    verdict = report.check(passed)

    assert [(one.problem, one.fix) for one in verdict.findings] == [
        (f"{GATE.name}: missing", f"run it here: poe {GATE.name}")
    ]


@pytest.mark.parametrize(
    "changes",
    [{"exit_code": 1}, {"duration_ms": 1}, {"commit": "0" * 40}, {"started_at": "2026-01-01T00:00:00+00:00"}],
)
def test_an_edited_receipt_is_no_pass(passed: Options, changes: dict[str, Any]) -> None:
    _edited(passed, **changes)

    assert _said(passed) == "edited: its digest is not that of its content"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": ""}'])
def test_what_is_no_receipt_any_more_is_no_pass(passed: Options, text: str) -> None:
    receipts.path_of(GATE.name, passed.receipts).write_text(text)

    assert _said(passed) == "edited: it is no receipt any more"


def test_a_receipt_of_another_gate_is_no_pass(passed: Options) -> None:
    other = receipts.path_of("check:openapi", passed.receipts)
    shutil.copy(other, receipts.path_of(GATE.name, passed.receipts))

    assert _said(passed) == "foreign: of check:openapi, format 2"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "elsewhere"}, "foreign: of "),
        ({"checkout": "/elsewhere"}, "foreign: of /elsewhere"),
        ({"repository": "0" * 40}, "foreign: of another repository"),
        ({"commit": "0" * 40}, "stale: of commit 000000000000"),
        ({"dirty": True}, "of changes that no commit holds"),
        ({"exit_code": 12}, "failed: exit code 12"),
        ({"started_at": (datetime.now(UTC) - timedelta(hours=25)).isoformat()}, "is not within the last 24 hours"),
        ({"started_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "is not within the last 24 hours"),
    ],
)
def test_a_receipt_of_something_else_is_no_pass(passed: Options, changes: dict[str, Any], said: str) -> None:
    good = receipts.read(GATE, passed.receipts, passed.root, now=receipts.now())
    receipts.write(replace(good, **changes), passed.receipts)

    assert said in _said(passed)


def test_a_receipt_is_stale_once_its_sources_change(passed: Options, edit: Edit) -> None:
    edit("template.yaml", "Handshake decides", "Handshake judges")

    assert _said(passed) == "stale: what the gate judged has changed since"


def test_a_receipt_is_stale_once_another_commit_is_checked_out(passed: Options, commit: Commit) -> None:
    commit()

    assert _said(passed).startswith("stale: of commit ")


def test_a_file_that_nobody_committed_is_among_the_judged_sources(passed: Options) -> None:
    (passed.root / "functions" / "new.py").write_text("")

    assert _said(passed) == "stale: what the gate judged has changed since"


def test_a_failure_leaves_a_receipt_and_gives_the_gates_own_code(
    passed: Options, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _passes(monkeypatch, lambda _: Verdict(["it"], [Finding("it is broken", "mend it")]))

    assert runner.run(GATE, passed, command="poe") == GATE.code
    assert _said(passed) == f"failed: exit code {GATE.code}"
    assert "FOUND: it is broken\n     fix: mend it" in capsys.readouterr().out


def _crash(_: Options) -> Verdict:
    raise RuntimeError("broken")


def _missing(_: Options) -> Verdict:
    raise CannotJudgeError("no such tool")


@pytest.mark.parametrize("check", [_crash, _missing])
def test_a_gate_that_cannot_judge_has_not_passed(
    passed: Options, monkeypatch: pytest.MonkeyPatch, check: Callable[[Options], Verdict]
) -> None:
    _passes(monkeypatch, check)

    assert runner.run(GATE, passed, command="poe") == CANNOT_JUDGE
    assert _said(passed) == f"failed: exit code {CANNOT_JUDGE}"


def test_a_gate_that_looked_at_nothing_has_not_passed(passed: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    _passes(monkeypatch, lambda _: Verdict())

    assert runner.run(GATE, passed, command="poe") == GATE.code


def test_a_run_that_is_cut_short_leaves_no_earlier_pass(passed: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Options) -> Verdict:
        raise KeyboardInterrupt

    _passes(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.run(GATE, passed, command="poe")

    assert _said(passed) == "missing"


def test_a_folder_that_is_no_clone_cannot_be_judged(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    _passes(monkeypatch)

    assert runner.run(GATE, options, command="poe") == CANNOT_JUDGE


def test_every_gate_has_a_code_of_its_own_and_a_task_of_its_name() -> None:
    tasks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
    codes = [gate.code for gate in GATES.values()]

    assert len({*codes, 0, 1, 2, CANNOT_JUDGE}) == len(codes) + 4
    assert {name: tasks.get(name) for name in GATES} == {name: f"python -m ops.gates {name}" for name in GATES}


def test_all_runs_each_gate_once_and_gives_the_first_failures_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run(gate: Any, *_: object, **__: object) -> int:
        ran.append(gate.name)
        return gate.code if gate.name in ("check:env-matrix", REPORT) else 0

    monkeypatch.setattr(runner, "run", run)

    assert command.main(["all"]) == GATES["check:env-matrix"].code
    # Release readiness runs these two.
    assert {*ran, "check:schema-preflight", "test:prod-gate"} == set(GATES)
    assert (len(ran), ran[-1]) == (len(GATES) - 2, REPORT)
    assert "check:env-matrix failed, exit code 14" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["check:nothing"], ["check:openapi", "--live"], ["all", "--live"], ["all", "--stack", "x"]]
)
def test_a_command_line_it_does_not_understand_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)

    assert ended.value.code == 2
