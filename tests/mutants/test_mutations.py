"""The changes that ``make mutants`` makes: small, of behaviour, named for good, and of a module that still runs."""

import ast
from pathlib import Path

import pytest

from ops.local.settings import ROOT
from tests.mutants import __main__ as command
from tests.mutants.mutations import Mutation, mutations, optional_arguments
from tests.mutants.trials import PACKAGE, TIME, Copy, KnownTest, concerned

CHANGES = {
    "a < b": ["a <= b"],
    "a == b": ["a != b"],
    "a is None": ["a is not None"],
    "a in b": ["a not in b"],
    "a and b": ["a or b", "b", "a"],
    "not a": ["a"],
    "a - 1": ["a + 1", "a - 2"],
    "'a' + b": [],
    "True": ["False"],
    "'a message'": [],
    "b if a else c": ["b if True else c", "b if False else c"],
    "min(a, b)": ["max(a, b)"],
    "{'a': a, 'b': b}": ["{'b': b}", "{'a': a}"],
    "[a for a in b if a]": ["[a for a in b if True]"],
    "query(b, ConsistentRead=True)": ["query(b)", "query(b, ConsistentRead=False)"],
    "query(b, kept=a, c=a)": ["query(b, c=a)"],
    "'a = :a AND n <= :n'": ["'a = :a'", "'n <= :n'", "'a = :a AND n < :n'", "'a <> :a AND n <= :n'"],
    "'attribute_not_exists(pk)'": ["'attribute_exists(pk)'"],
    "'SET a = :a, b = :b REMOVE c'": ["'SET b = :b REMOVE c'", "'SET a = :a REMOVE c'", "'SET a = :a, b = :b'"],
    'f\'n {"<" if a else ">"} :n\'': ["f\"n {('<' if True else '>')} :n\"", "f\"n {('<' if False else '>')} :n\""],
}


def _changes(text: str) -> list[Mutation]:
    return mutations("room/module.py", text, optional={"kept"})


@pytest.mark.parametrize(("expression", "changed"), CHANGES.items(), ids=list(CHANGES))
def test_an_expression_is_changed_in_these_ways(expression: str, changed: list[str]) -> None:
    found = {change.text for change in _changes(f"async_ = 1\ndef f(a, b, c):\n    return {expression}\n")}

    expected = {ast.dump(ast.parse(f"async_ = 1\ndef f(a, b, c):\n    return {other}\n")) for other in changed}
    assert {ast.dump(ast.parse(text)) for text in found if text.startswith("async_ = 1\n")} == expected


@pytest.mark.parametrize("statement", ["log(a)", "a += b", "a.b = c", "a = c", "raise a", "del a[0]", "yield a"])
def test_a_statement_whose_absence_runs_is_left_out(statement: str) -> None:
    text = f"def f(a):\n    {statement}\n    return a\n"

    assert "def f(a):\n    pass\n    return a\n" in {change.text for change in _changes(text)}


@pytest.mark.parametrize(
    "text",
    [
        '"""A docstring."""\n',
        "import a\n",
        "def f(a: bool = None) -> b[0]: ...\n",
        "@decorated(kept=True)\ndef f(): ...\n",
        "def f(a):\n    assert_never(a)\n",
        "def f(a):\n    b = a\n",
        "if TYPE_CHECKING:\n    a = 1\n",
    ],
)
def test_what_is_no_behaviour_is_left_as_it_is(text: str) -> None:
    assert _changes(text) == []


def test_a_change_is_named_by_its_function_and_not_by_its_line() -> None:
    text = "class A:\n    def f(self, a):\n        log(a < 1)\n        log(a < 1)\n        return a\n"

    before, after = ({change.name for change in _changes(source)} for source in (text, f"import b\n\n\n{text}"))

    assert before == after
    assert {f"room/module.py:A.f: log(a < 1) -> log(a <= 1){again}" for again in ("", " (2)")} <= before


@pytest.fixture(scope="module")
def every_change() -> list[Mutation]:
    return command.all_mutations()


def test_every_change_of_every_room_is_of_one_module_that_can_be_read_and_has_a_name_of_its_own(
    every_change: list[Mutation],
) -> None:
    changes = every_change

    assert len({change.name for change in changes}) == len(changes) > 1000
    assert {change.file.partition("/")[0] for change in changes} == set(command.TESTED_BY) - {"contract", "ops/openapi"}
    assert not [change.name for change in changes if change.text == (ROOT / PACKAGE / change.file).read_text()]


def test_what_changes_nothing_is_named_with_a_reason_and_is_still_a_change(every_change: list[Mutation]) -> None:
    unchanged = command.equivalents()

    assert unchanged.keys() <= {change.name for change in every_change}
    assert all(len(reason) > 20 for reason in unchanged.values())


def test_a_sample_is_the_same_for_its_seed_whatever_else_changes() -> None:
    changes = _changes("def f(a):\n    return [a < 1, a < 2, a < 3, a < 4, a < 5, a < 6]\n")

    sample = command.sampled(changes, seed=7, size=4)

    assert sample == command.sampled([change for change in reversed(changes) if change in sample], seed=7, size=4)
    assert sample != command.sampled(changes, seed=8, size=4)


def test_the_tests_that_call_what_changed_are_asked_the_quickest_first_and_stores_last() -> None:
    [change, *_] = _changes("def f(a):\n    return a < 1\n")
    calls = {"room/module.py": ["f"]}
    tests = [
        KnownTest("in a store", 0.1, store=True, calls=calls),
        KnownTest("slow", 2, store=False, calls=calls),
        KnownTest("of another function", 0.1, store=False, calls={"room/module.py": ["g"]}),
        KnownTest("quick", 0.2, store=False, calls=calls),
    ]

    assert [test.id for test in concerned(change, tests)] == ["quick", "slow", "in a store"]


def test_what_a_module_says_as_it_is_imported_concerns_its_room_and_the_document() -> None:
    [change, *_] = _changes("MAX = 8 * 4\n")
    ids = ["tests/room/test_other.py::a", "tests/rooms/test_it.py::a", "tests/ops/openapi/test_document.py::a"]
    tests = [KnownTest(name, 0.1, store=False, calls={}) for name in ids]

    assert [test.id for test in concerned(change, tests)] == [ids[0], ids[2]]


def test_optional_is_what_has_a_default() -> None:
    text = "def f(a, b=1, *, c, d=2): ...\nclass A:\n    e: int\n    f: int = 3\n"

    assert optional_arguments(text) == {"b", "d", "f"}


def test_a_change_is_tried_on_a_copy_and_caught_by_the_test_that_notices(tmp_path: Path) -> None:
    file = "core/paging.py"
    before = (ROOT / PACKAGE / file).read_text()
    copy = Copy(tmp_path)
    tests = [
        KnownTest(test, 1, store=False, calls={file: ["cursor_after"]}) for test in _tests_of("core/test_paging.py")
    ]
    noticed = Mutation(file, "cursor_after", 1, "", "", 1, before.replace("def cursor_after", "def cursor_before"))
    unnoticed = Mutation(file, "cursor_after", 1, "", "", 1, f"{before}\n# the same\n")

    assert copy.attempt(noticed, tests).caught_by
    assert copy.attempt(unnoticed, tests).caught_by == ""
    assert (ROOT / PACKAGE / file).read_text() == before


@pytest.mark.parametrize(("slow", "patience_s", "caught_by"), [("first", 15, ""), ("always", 1, TIME)])
def test_what_takes_too_long_is_tried_again_before_it_is_caught(
    tmp_path: Path, slow: str, patience_s: float, caught_by: str
) -> None:
    file, mark = "core/paging.py", tmp_path / "mark"
    wait = f"""
import time
from pathlib import Path
mark = Path({str(mark)!r})
if {slow == "always"} or not mark.exists():
    mark.touch()
    time.sleep(600)
"""
    change = Mutation(file, "cursor_after", 1, "", "", 1, (ROOT / PACKAGE / file).read_text() + wait)
    calls = {file: ["cursor_after"]}
    test = KnownTest("tests/core/test_paging.py::test_a_cursor_of_another_list_is_refused", 0, store=False, calls=calls)

    assert Copy(tmp_path, patience_s=patience_s).attempt(change, [test]).caught_by == caught_by


def _tests_of(path: str) -> list[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [f"tests/{path}::{name}" for name in names]
