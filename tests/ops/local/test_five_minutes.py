"""docs/integrate.md, from nothing to a guarded call: its first part, typed as it stands into a clone, and timed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ops.local.commands import fetching_environment
from ops.local.settings import ROOT
from tests.support.checkouts import commit_all, copy_to

PAGE: Final = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
FIVE_MINUTES_S: Final = 300
PORT: Final = "3000"


def _blocks(language: str) -> list[str]:
    part = PAGE.partition("## A guarded call in five minutes")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which nothing was done yet."""
    copy = copy_to(tmp_path / "handshake")
    commit_all(copy)
    return copy


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a terminal. The port is any that is free, since other tests have services of their own."""
    return fetching_environment() | {"PORT": "0", "PYTHON": sys.executable}


@pytest.fixture
def running(clone: Path, environment: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Type the first block. Says on which port the service answers, and when it was started (monotonic seconds)."""
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - our own page
        ["/bin/bash", "-c", _blocks("bash")[0]], cwd=clone, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("ready "):
                break
        assert printed[-1].startswith("ready "), "".join(printed)
        [port] = re.findall(r"127\.0\.0\.1:(\d+)", printed[-1])
        yield port, began
        os.killpg(process.pid, signal.SIGINT)


@pytest.mark.waits
@pytest.mark.timeout(600)
def test_from_nothing_to_a_guarded_call_takes_five_minutes(
    clone: Path, environment: dict[str, str], running: tuple[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    port, began = running
    typed = [block.replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{port}") for block in _blocks("bash")[1:]]

    printed = []
    for block in typed:
        ran = subprocess.run(  # noqa: S603 - our own page
            ["/bin/bash", "-e", "-c", block], cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        printed.append(ran.stdout)
    took_s = time.monotonic() - began

    with capsys.disabled():
        print(f"\ndocs/integrate.md: from a clone to a guarded call in {took_s:.0f} s")
    assert "".join(printed) == "".join(_blocks("text"))
    assert took_s < FIVE_MINUTES_S
