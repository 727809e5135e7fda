"""A machine that cannot run every test says so, and is never green for it."""

import os
import subprocess
import sys
from pathlib import Path

from ops.local.settings import ROOT

NEEDS_DYNAMODB_LOCAL = "tests/contract/test_store_calls.py"


def test_without_dynamodb_local_the_run_ends_before_its_first_test_and_says_why(tmp_path: Path) -> None:
    environment = os.environ | {"HANDSHAKE_DYNAMODB_LOCAL": str(tmp_path / "nowhere")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NEEDS_DYNAMODB_LOCAL]

    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words

    assert ran.returncode == os.EX_UNAVAILABLE == 69
    assert "DynamoDB Local" in ran.stdout
    assert "passed" not in ran.stdout
