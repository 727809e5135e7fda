"""docs/gates.md names every gate and shows what each catches."""

import ast

import pytest

from ops.gates.registry import GATES
from ops.local.settings import ROOT
from tests.ops.gates.document import DOCUMENT, EXAMPLES, times_in, written


def test_the_document_names_every_gate_as_the_registry_has_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert list(times_in(text)) == list(GATES) == list(EXAMPLES)
    assert text == written(times_in(text)), (
        "docs/gates.md is stale: make gates, then python -m tests.ops.gates.document"
    )


@pytest.mark.parametrize("gate", EXAMPLES)
def test_the_test_that_shows_what_a_gate_catches_is_there(gate: str) -> None:
    path, _, name = EXAMPLES[gate][1].partition("::")
    defined = {one.name for one in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(one, ast.FunctionDef)}

    assert name in defined
