"""check:sdk-drift sees each way in which the client and the document can come apart."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.gates import sdk_drift
from ops.gates.gate import Options
from ops.gates.registry import GATES
from ops.gates.run import run
from ops.local.settings import ROOT
from ops.openapi.sdk import DOCUMENT, FIX, GENERATED
from ops.verdict import CannotJudgeError

Break = Callable[[Path, dict[str, Any]], None]


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """A copy of the document and the client, to break."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / GENERATED, root / GENERATED, ignore=shutil.ignore_patterns("__pycache__"))
    (root / DOCUMENT).parent.mkdir()
    shutil.copy(ROOT / DOCUMENT, root / DOCUMENT)
    return Options(root=root, receipts=tmp_path / "receipts")


def test_the_committed_client_is_the_documents(options: Options) -> None:
    verdict = sdk_drift.check(options)

    assert verdict.passed, verdict.findings
    assert "18 operations" in verdict.checked[0]


def _rename_a_field(_: Path, document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["Decided"]["properties"]
    properties["outcome"] = properties.pop("decision")


def _add_an_operation(_: Path, document: dict[str, Any]) -> None:
    document["paths"]["/metrics/twice"] = {
        "get": document["paths"]["/metrics/summary"]["get"] | {"operationId": "getTwice"}
    }


def _change_advice(_: Path, document: dict[str, Any]) -> None:
    document["x-reason-codes"]["codes"]["security_replay_detected"]["retry"] = "retry_with_backoff"


def _edit(generated: Path, _: dict[str, Any]) -> None:
    path = generated / "operations.py"
    path.write_text(path.read_text().replace('"GET", "/metrics/summary"', '"GET", "/metrics/other"'))


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (_rename_a_field, ["models.py"]),
        (_add_an_operation, ["operations.py"]),
        (_change_advice, ["reasons.py"]),
        (_edit, ["operations.py"]),
        (lambda generated, _: (generated / "reasons.py").unlink(), ["reasons.py"]),
        (lambda generated, _: (generated / "by_hand.py").write_text("x = 1\n"), ["by_hand.py"]),
    ],
    ids=["field renamed", "operation added", "advice changed", "edited by hand", "file missing", "file added"],
)
def test_drift_is_found_in_its_file_with_the_fix(options: Options, breaks: Break, named: list[str]) -> None:
    document = json.loads((options.root / DOCUMENT).read_text())
    breaks(options.root / GENERATED, document)
    (options.root / DOCUMENT).write_text(json.dumps(document))

    verdict = sdk_drift.check(options)

    assert [one.problem.partition(" ")[0] for one in verdict.findings] == [str(GENERATED / name) for name in named]
    assert {one.fix for one in verdict.findings} == {FIX}
    assert not verdict.passed


def test_a_type_without_a_name_is_found(options: Options) -> None:
    document = json.loads((options.root / DOCUMENT).read_text())
    answer = document["paths"]["/metrics/summary"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["schema"] = {"type": "object"}
    (options.root / DOCUMENT).write_text(json.dumps(document))

    [finding] = sdk_drift.check(options).findings

    assert "no type for" in finding.problem
    assert "ops/openapi" in finding.fix


def test_without_the_document_it_cannot_judge(options: Options) -> None:
    (options.root / DOCUMENT).unlink()

    with pytest.raises(CannotJudgeError, match=r"handshake\.json"):
        sdk_drift.check(options)


def as_committed(root: Path) -> None:
    """Receipts name a commit."""
    git = (
        "git",
        "-C",
        str(root),
        "-c",
        "user.name=gate",
        "-c",
        "user.email=gate@localhost",
        "-c",
        "commit.gpgsign=false",
    )
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "as it is")):
        subprocess.run([*git, *command], check=True, capture_output=True)  # noqa: S603 - our own words


def test_the_gate_fails_with_its_own_code(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    (options.root / GENERATED / "models.py").write_text("")
    as_committed(options.root)

    code = run(GATES["check:sdk-drift"], options, command="test")

    assert (code, "models.py" in capsys.readouterr().out) == (20, True)
