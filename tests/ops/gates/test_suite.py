"""The gates that run tests, against selections that fail, skip, shrink or are not there."""

from pathlib import Path

import pytest

from ops.gates import ap6_suite, prod_suite, readiness, suite
from ops.gates.gate import Options
from ops.gates.suite import Suite, run_suite
from ops.local.settings import ROOT
from ops.verdict import CannotJudgeError, Verdict
from tests.ops.gates.findings import problems

PASSING = "def test_it() -> None:\n    assert True\n"


def _run(options: Options, text: str, at_least: int = 1) -> Verdict:
    (options.root / "test_it.py").write_text(text)
    bare = ("-c", "/dev/null", "-p", "no:randomly")
    return run_suite(Suite({"test_it.py": "the one"}, at_least), options, more=bare)


def test_a_selection_that_passes_passes(options: Options) -> None:
    verdict = _run(options, PASSING)

    assert verdict.passed
    assert verdict.checked == ["1 tests ran, 0 failed, 0 were skipped"]


@pytest.mark.parametrize(
    ("text", "at_least", "said"),
    [
        (PASSING.replace("True", "False"), 1, "1 of 1 tests failed"),
        ("import nothing_like_it\n", 0, "1 of 1 tests failed"),
        (f"import pytest\n\n\n@pytest.mark.skip\n{PASSING}", 1, "1 of 1 tests were skipped"),
        (PASSING, 2, "only 1 tests ran"),
        ("", 1, "only 0 tests ran"),
        ("", 0, "0 of 0 tests failed (pytest: 5)"),
    ],
)
def test_a_selection_that_does_not_show_everything_fails(options: Options, text: str, at_least: int, said: str) -> None:
    verdict = _run(options, text, at_least)

    assert not verdict.passed
    assert said in problems(verdict)


def test_a_selection_that_names_a_lost_file_is_not_judged(options: Options) -> None:
    with pytest.raises(CannotJudgeError, match=r"the selection names lost\.py, which is not there"):
        run_suite(Suite({"lost.py": "gone"}, 1), options)


def test_a_selection_that_never_ends_is_not_judged(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "_PATIENCE_S", 0.01)

    with pytest.raises(CannotJudgeError, match="pytest did not end: TimeoutExpired"):
        _run(options, PASSING)


@pytest.mark.parametrize("selection", [ap6_suite.SUITE, prod_suite.SUITE])
def test_the_named_selections_are_there(selection: Suite) -> None:
    assert [path for path in selection.paths if not Path(ROOT, path).exists()] == []


@pytest.mark.parametrize("failing", [(), ("check:schema-preflight",), ("test:prod-gate",)])
def test_a_release_is_ready_only_when_both_its_gates_pass(
    options: Options, monkeypatch: pytest.MonkeyPatch, failing: tuple[str, ...]
) -> None:
    monkeypatch.setattr(readiness, "run", lambda gate, *_, **__: gate.code if gate.name in failing else 0)

    verdict = readiness.check(options)

    assert verdict.passed == (not failing)
    assert [one.problem.split()[0] for one in verdict.findings] == list(failing)
