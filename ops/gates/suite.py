"""Run a named selection of the tests, and accept only a run in which every test ran and passed."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.gates import provide
from ops.gates.gate import Options
from ops.verdict import CannotJudgeError, Verdict

_TAIL: Final = 40
# pytest's own codes of a run that never got to the tests, and the one by which ours say that something is missing.
_BROKEN: Final = {3: "pytest broke", 4: "pytest cannot start", os.EX_UNAVAILABLE: "this machine cannot run the tests"}
_PATIENCE_S: Final = 900


@dataclass(frozen=True)
class Suite:
    """A selection: ``paths``, each with what it is there for. Fewer tests than ``at_least`` are a selection lost."""

    paths: Mapping[str, str]
    at_least: int


def run_suite(suite: Suite, options: Options, *, more: Sequence[str] = ()) -> Verdict:
    """Run ``suite`` with pytest. A skipped test counts as a failure: it did not show what it is there for.

    What the tests need is fetched first. Raises CannotJudgeError where it cannot be, or pytest never got to the tests.
    """
    missing = [path for path in suite.paths if not (options.root / path.partition("::")[0]).exists()]
    if missing:
        raise CannotJudgeError(f"the selection names {', '.join(missing)}, which is not there: mend it in ops/gates")
    provide.dynamodb_local()
    with tempfile.TemporaryDirectory(prefix="handshake-gate-") as scratch:
        report = Path(scratch) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",  # no selection has a test of its kind, and it takes seconds to load
            f"--junit-xml={report}",
        ]
        try:
            done = subprocess.run(
                [*command, *more, *suite.paths],
                cwd=options.root,
                env=os.environ | {"CI": "true"},  # what a machine may skip, a gate may not
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise CannotJudgeError(f"pytest did not end: {type(fault).__name__}; run it yourself: pytest -q") from fault
        if why := _BROKEN.get(done.returncode):
            raise CannotJudgeError(f"{why}: {_reason(done.stdout + done.stderr)}")
        counts = _counts(report)
    verdict = Verdict(notes=[f"{path}: {why}" for path, why in suite.paths.items()])
    ran, skipped = counts["tests"], counts["skipped"]
    failed = counts["failures"] + counts["errors"]
    if done.returncode != 0 or failed:
        verdict.notes.append("\n".join((done.stdout + done.stderr).splitlines()[-_TAIL:]))
    again = "mend what the failures above say; pytest -q --lf runs them again"
    verdict.require(
        done.returncode == 0 and not failed, f"{failed} of {ran} tests failed (pytest: {done.returncode})", again
    )
    verdict.require(
        not skipped, f"{skipped} of {ran} tests were skipped", "give them what they miss; pytest -rs names it"
    )
    verdict.require(
        ran >= suite.at_least,
        f"only {ran} tests ran, and the selection has at least {suite.at_least}",
        "put the lost tests back, or lower the number where they were folded into others",
    )
    verdict.checked.append(f"{ran} tests ran, {failed} failed, {skipped} were skipped")
    return verdict


def _reason(output: str) -> str:
    """Return the one line of pytest's ``output`` that says why it ended."""
    marks = ("Exit: ", "E   ", "ERROR: ", "INTERNALERROR> ")
    lines = [line.strip(" !") for line in output.splitlines()]
    said = [line.partition(mark)[2] for mark in marks for line in lines if mark in line]
    return said[0] if said else "run it yourself: pytest -q"


def _counts(report: Path) -> dict[str, int]:
    try:
        root = ET.parse(report).getroot()  # noqa: S314 - written by pytest a moment ago
    except (OSError, ET.ParseError):
        return {"tests": 0, "failures": 0, "errors": 1, "skipped": 0}
    names = ("tests", "failures", "errors", "skipped")
    return {name: sum(int(suite.get(name, 0)) for suite in root.iter("testsuite")) for name in names}
