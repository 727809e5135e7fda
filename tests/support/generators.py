"""Generate clients of the API's document with the tools that callers use, each in a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from ops.local.commands import fetching_environment
from ops.local.settings import ROOT

DOCUMENT: Final = ROOT / "openapi" / "handshake.json"
_HOME: Final = ROOT / ".venv-generators"
_LOCK: Final = ROOT / "requirements-generators.txt"
_UV: Final = Path(sys.executable).with_name("uv")


def pydantic_models(folder: Path, *options: str) -> Path:
    """Write the models of datamodel-code-generator and return their file."""
    models = folder / "models.py"
    command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(DOCUMENT), "--output", str(models)]
    shape = ["--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel", "--target-python-version"]
    _run([*command, *shape, "3.11", "--formatters", "builtin", "--enum-field-as-literal", "all", *options])
    return models


def attrs_client(folder: Path, name: str, *, literals: bool) -> Path:
    """Write the client of openapi-python-client, the package ``name``, and return its folder.

    Texts that are one of several are ``literals`` in it, else enumerations. Raises AssertionError where it left
    anything of the document out.
    """
    settings = folder / f"{name}.json"
    settings.write_text(json.dumps({"literal_enums": literals}))
    command = [str(_installed() / "bin" / "openapi-python-client"), "generate", "--path", str(DOCUMENT)]
    told = _run([*command, "--meta", "none", "--config", str(settings), "--output-path", str(folder / name)])
    assert "arning" not in told, told
    return folder / name


def _installed() -> Path:
    """Install the generator that its lock file names, if that is not there yet, and return its environment."""
    made = _HOME / "made"
    if not made.exists() or made.stat().st_mtime < _LOCK.stat().st_mtime:
        _run([str(_UV), "venv", "-q", "--clear", "--python", sys.executable, str(_HOME)])
        pip = [str(_UV), "pip", "install", "-q", "--python", str(_HOME / "bin" / "python")]
        _run([*pip, "--no-deps", "--require-hashes", "-r", str(_LOCK)])
        made.touch()
    return _HOME


def _run(command: list[str]) -> str:
    # openapi-python-client tidies up with ruff, where there is one.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(  # noqa: S603 - our own words
        command, env=fetching_environment() | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr
