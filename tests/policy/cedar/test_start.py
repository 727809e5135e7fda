"""No function's start pays for Cedar: its engine is imported once a scope stores a text (contract.md section 15)."""

import subprocess
import sys

import pytest

from ops.local.settings import ROOT

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
# What only calls of registered tools, and texts, need.
LATE = ("cedarpy", "handshake.policy.cedar.engine", "handshake.policy.cedar.convert", "handshake.policy.cedar_table")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_without_the_engine(name: str) -> None:
    """What a start imports is what it imported before there was Cedar, but for some small modules."""
    script = f"import sys, functions.{name}.app; print(*(late for late in {LATE!r} if late in sys.modules))"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": "shared:.", "AWS_REGION": "eu-west-1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == []
