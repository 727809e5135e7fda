"""Copies of the checkout, for tests to break, and repositories of them."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT

_NOT_SOURCE: Final = shutil.ignore_patterns(
    *(".git", ".venv*", ".handshake", ".aws-sam", ".hypothesis", ".*_cache", "__pycache__", ".coverage*")
)
_IDENTITY: Final = ("-c", "user.name=gate", "-c", "user.email=gate@localhost", "-c", "commit.gpgsign=false")


def copy_to(folder: Path) -> Path:
    """Give a copy of every source, committed or not, which is no clone. Returns ``folder``."""
    return Path(shutil.copytree(ROOT, folder, ignore=_NOT_SOURCE))


def replace_in(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there, once."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def commit_all(checkout: Path) -> None:
    """Commit the copy as it is, in a repository of its own."""
    if not (checkout / ".git").exists():
        _git(checkout, "init", "-q")
    _git(checkout, "add", "-A")
    _git(checkout, "commit", "-q", "--allow-empty", "-m", "as it is")


def _git(checkout: Path, *arguments: str) -> None:
    subprocess.run(["git", *_IDENTITY, *arguments], cwd=checkout, check=True, capture_output=True)  # noqa: S603, S607 - our own words
