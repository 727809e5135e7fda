"""A short run of each of fuzz_parsers' searches, from a fixed seed."""

import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.bounds import EXAMPLES, SEED, TIMEOUT

SCRIPT: Final = Path(__file__).with_name("fuzz_parsers.py")
TARGETS: Final = ("json", "envelope", "token", "claims", "submission", "action", "rules", "page")
RUNS: Final = 500 * EXAMPLES
# Atheris is published for Linux on x86-64 alone. There it must be installed: without it the test fails.
PUBLISHED: Final = (sys.platform, platform.machine()) == ("linux", "x86_64")

pytestmark = [
    pytest.mark.timeout(TIMEOUT),
    pytest.mark.skipif(
        not PUBLISHED and find_spec("atheris") is None,
        reason="Atheris has no build for this machine, so coverage-guided fuzzing runs in CI only",
    ),
]


def _fuzz(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words


@pytest.mark.parametrize("target", TARGETS)
def test_a_parser_takes_or_refuses_whatever_it_is_fed(target: str, tmp_path: Path) -> None:
    search = _fuzz(target, "corpus", f"-runs={RUNS}", f"-seed={SEED}", "-timeout=5", folder=tmp_path)

    assert search.returncode == 0, search.stderr[-4000:]
    assert f"Done {RUNS} runs" in search.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"], "libFuzzer keeps an input that shows a finding"


def test_every_target_is_run(tmp_path: Path) -> None:
    assert f"({', '.join(TARGETS)})" in _fuzz(folder=tmp_path).stderr
