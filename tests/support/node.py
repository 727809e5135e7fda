"""Run what tests need of Node: the TypeScript client, and packages that npm fetches by a lock file."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT

CLIENT: Final = ROOT / "sdk/typescript"
_OLDEST: Final = 20
_TIMEOUT_S: Final = 240


def node_missing() -> str:
    """Say in one line that no fit Node is on this machine; empty where it is."""
    asked = (
        f"tests of the TypeScript client and of the people's page need Node {_OLDEST} or newer, with npm: install them"
    )
    if not (shutil.which("node") and shutil.which("npm")):
        return asked
    version = run("node", "--version", folder=ROOT).removeprefix("v")
    return "" if int(version.partition(".")[0]) >= _OLDEST else f"{asked}; this one is {version}"


def install(folder: Path = CLIENT) -> Path:
    """Install what the lock file in ``folder`` names beside it, if that is not there yet, and return ``folder``."""
    lock, installed = folder / "package-lock.json", folder / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    return folder


def run(*command: str, folder: Path) -> str:
    """Run ``command`` in ``folder`` and return what it printed. Raises AssertionError with that where it fails."""
    ran = subprocess.run(  # noqa: S603 - our own words
        command, cwd=folder, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, timeout=_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout.strip()
