"""check:openapi, against a document that is stale, invalid, breaking or not there."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ops.gates.openapi import COMMITTED, NARROWED, RELEASED, judge
from ops.local.settings import ROOT
from ops.openapi.document import document, routes, text_of
from ops.verdict import CannotJudgeError
from tests.ops.gates.conftest import Edit
from tests.ops.gates.findings import problems

DESCRIBED = document(routes())


def _broken() -> dict[str, Any]:
    changed = copy.deepcopy(DESCRIBED)
    del changed["components"]["schemas"]["MetricsSummary"]["properties"]["uair"]
    return changed


def test_the_committed_document_holds(tree: Path) -> None:
    assert problems(judge(DESCRIBED, tree)) == ""


def test_a_document_that_is_not_the_codes_is_found(tree: Path, edit: Edit) -> None:
    edit(COMMITTED, '"title": "Handshake"', '"title": "Handshakes"')

    assert problems(judge(DESCRIBED, tree)) == f"{COMMITTED} is not what the code says"


def test_an_invalid_document_is_found(tree: Path) -> None:
    broken = copy.deepcopy(DESCRIBED)
    broken["paths"]["/policy/apply"]["post"]["responses"] = []
    (tree / COMMITTED).write_text(text_of(broken))
    (tree / RELEASED).write_text('{"info": {"version": "0.9.0"}, "paths": {}}')

    assert problems(judge(broken, tree)).startswith("not OpenAPI 3.1: ")


def test_a_breaking_change_is_found_though_it_is_committed(tree: Path) -> None:
    (tree / COMMITTED).write_text(text_of(_broken()))

    assert problems(judge(_broken(), tree)) == "breaks callers: GET /metrics/summary 200.uair is gone"


def test_a_new_major_version_may_break_callers(tree: Path) -> None:
    broken = _broken() | {"info": DESCRIBED["info"] | {"version": "2.0.0"}}
    (tree / COMMITTED).write_text(text_of(broken))

    assert problems(judge(broken, tree)) == ""


def test_what_the_contract_made_stricter_is_listed_and_nothing_else_is(tree: Path) -> None:
    listed = json.loads((tree / NARROWED).read_text())
    [pattern] = [changes for reason, changes in listed.items() if "spelling" in reason]

    (tree / NARROWED).write_text(json.dumps({"why": [change for change in pattern if "scopeId" not in change]}))
    found = problems(judge(DESCRIBED, tree))

    assert "breaks callers: POST /policy/apply body.scopeId is narrower: pattern" in found
    assert "breaks callers: POST /workflow/decision-room/action body no longer takes fields it does not name" in found
    assert "rules[].id" not in found


def test_what_is_listed_as_stricter_and_is_not_is_found(tree: Path) -> None:
    listed = json.loads((tree / NARROWED).read_text()) | {"a reason": ["GET /nowhere is gone"]}
    (tree / NARROWED).write_text(json.dumps(listed))

    assert problems(judge(DESCRIBED, tree)) == (
        f"{NARROWED} lists what is no change since the released document: GET /nowhere is gone"
    )


def test_without_a_released_document_it_cannot_be_judged(tree: Path) -> None:
    (tree / RELEASED).unlink()

    with pytest.raises(CannotJudgeError, match=r"released\.json cannot be read .*: copy openapi/handshake\.json there"):
        judge(DESCRIBED, tree)


def test_the_released_document_is_one_that_was_committed() -> None:
    released = json.loads((ROOT / RELEASED).read_text())

    assert released["info"]["version"].split(".")[0] <= DESCRIBED["info"]["version"].split(".")[0]
    assert released["paths"].keys() <= DESCRIBED["paths"].keys()
