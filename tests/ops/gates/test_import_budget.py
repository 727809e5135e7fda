"""``check:import-budget``: what a function imports before it can answer cannot creep."""

from pathlib import Path

import pytest

from ops.gates.gate import Options
from ops.gates.import_budget import (
    CONFIG,
    Budget,
    Imported,
    check,
    imported_by,
    judge,
    layers_of,
    read_budgets,
    variables_of,
)
from ops.local.build import build
from ops.local.settings import ROOT
from ops.verdict import CannotJudgeError, Verdict
from tests.ops.gates.conftest import Edit
from tests.ops.gates.findings import problems


def _judged(budgets: dict[str, Budget], imported: dict[str, Imported]) -> str:
    verdict = Verdict()
    judge(verdict, budgets, imported)
    return problems(verdict)


def _judged_alone(function: str, options: Options) -> str:
    """Give what is found of one function of a copy, on this checkout's layer."""
    layers = layers_of(function, build().parent)
    folder, variables = options.root / "functions" / function, variables_of(options.root)[function]
    budget = {function: read_budgets(options.root)[function]}
    return _judged(budget, {function: imported_by(folder, options.root, layers, variables)})


def test_the_checkout_is_within_its_budgets() -> None:
    verdict = check(Options())

    assert problems(verdict) == ""
    assert len(verdict.checked) == len(variables_of(ROOT)) == len(list((ROOT / "functions").glob("*/app.py")))


def test_a_library_that_a_function_comes_to_import_is_found(options: Options, edit: Edit) -> None:
    edit(
        "functions/policy/app.py",
        "from typing import TYPE_CHECKING\n",
        "from typing import TYPE_CHECKING\n\nimport pydantic\n",
    )

    assert "policy imports" in _judged_alone("policy", options)


def test_a_function_that_looks_for_garbage_as_seldom_as_a_start_does_is_found(options: Options, edit: Edit) -> None:
    edit("functions/hitl_expiry/app.py", "\nstart(process_runtime)\n", "")

    assert _judged_alone("hitl_expiry", options) == "hitl_expiry looks for garbage as seldom as a start does"


@pytest.mark.parametrize(("modules", "kilobytes"), [(11, 10), (10, 11)])
def test_one_more_than_the_budget_is_found(modules: int, kilobytes: int) -> None:
    budgets = {"f": Budget(modules=10, kilobytes=10)}

    assert _judged(budgets, {"f": Imported(modules=10, bytes=10 * 1024, collects=True)}) == ""
    assert "over its 10" in _judged(budgets, {"f": Imported(modules=modules, bytes=kilobytes * 1024, collects=True)})


def test_a_function_without_a_budget_and_a_budget_without_a_function_are_found() -> None:
    budgets = {"gone": Budget(modules=1, kilobytes=1)}

    assert _judged(budgets, {"new": Imported(modules=1, bytes=1, collects=True)}).splitlines() == [
        "gone has no function",
        "new has no budget",
    ]


@pytest.mark.parametrize("text", ["", "policy: {modules: many, kilobytes: 1}", "policy: {modules: 1}"])
def test_budgets_that_cannot_be_read_are_no_pass(options: Options, text: str) -> None:
    path = Path(options.root, CONFIG)
    path.write_text(text)

    with pytest.raises(CannotJudgeError, match=CONFIG):
        check(options)


def test_a_function_that_cannot_be_imported_is_no_pass(options: Options, edit: Edit) -> None:
    edit("functions/policy/app.py", "from typing import TYPE_CHECKING\n", "import nothing_like_it\n")

    with pytest.raises(CannotJudgeError, match="nothing_like_it"):
        check(options)
