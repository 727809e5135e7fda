"""Tab completion, as a shell asks for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.local.settings import ROOT


def _script(shell: str) -> str:
    printed = CliRunner().invoke(app, ["completion", shell])
    assert printed.exit_code == 0
    return printed.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [(["ops", "poli"], {"policy"}), (["ops", "policy", ""], {"show", "diff", "simulate", "apply", "rollback"})],
)
def test_bash_completes_from_any_folder(tmp_path: Path, words: list[str], offered: set[str]) -> None:
    line = " ".join(f"'{word}'" for word in words)
    asks = f'COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _ops_completion; printf "%s\\n" "${{COMPREPLY[@]}}"'

    ran = subprocess.run(  # noqa: S603 - our own words
        [str(shutil.which("bash")), "-c", f"{_script('bash')}\n{asks}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(ran.stdout.split()) == offered


def test_zsh_asks_the_same_program() -> None:
    asked = [line for line in _script("zsh").splitlines() if "complete_zsh" in line]

    assert len(asked) == 1
    assert f"PYTHONPATH={ROOT}" in asked[0]
    assert f"{sys.executable} -m ops" in asked[0]


def test_help_is_not_cluttered_with_it() -> None:
    assert "--install-completion" not in CliRunner().invoke(app, ["--help"]).output
