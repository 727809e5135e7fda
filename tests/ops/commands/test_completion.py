"""Tab completion of ``ops``, by the script that typer makes, as bash asks for it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ops.local.settings import ROOT

FOLDERS: Final = {"fmt", "validate", "test"}
POLICY: Final = {"show", "diff", "simulate", "apply", "rollback", "shadow", "tools", "budgets"} | FOLDERS


@pytest.mark.parametrize(
    ("words", "offered"),
    [(["ops", "poli"], {"policy"}), (["ops", "policy", ""], POLICY)],
)
def test_bash_completes_commands_and_groups(tmp_path: Path, words: list[str], offered: set[str]) -> None:
    command = tmp_path / "ops"
    command.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m ops "$@"\n')
    command.chmod(0o755)
    asks = f"""
        eval "$({command} --show-completion bash)"
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _ops_completion {command}; printf "%s\\n" "${{COMPREPLY[@]}}"
    """

    ran = subprocess.run(["bash", "-c", asks], capture_output=True, text=True, check=True)  # noqa: S603, S607 - our own words

    assert set(ran.stdout.split()) == offered
