"""A copy of what the gates judge, for tests to break."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.gates.gate import Options
from ops.local.settings import ROOT

_JUDGED = ("template.yaml", "samconfig.toml", "pyproject.toml", "alarms", "openapi", "shared/handshake", "functions")

Edit = Callable[[str, str, str], None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The checkout's judged files, as they are."""
    root = tmp_path / "checkout"
    for name in (*_JUDGED, "ops/gates/watch.yaml", "ops/gates/import_budget.yaml"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return root


@pytest.fixture
def edit(tree: Path) -> Edit:
    """Replaces a text in a file of the copy, which must be there."""

    def replace(name: str, old: str, new: str) -> None:
        path = tree / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new, 1))

    return replace


@pytest.fixture
def options(tree: Path, tmp_path: Path) -> Options:
    """Judge the copy, and keep its receipts beside it."""
    return Options(root=tree, receipts=tmp_path / "receipts")


@pytest.fixture
def commit(tree: Path) -> Callable[[], None]:
    """Commits the copy as it is, in a repository of its own."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=gate", "-c", "user.email=gate@localhost", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True)  # noqa: S603, S607

    def commit_all() -> None:
        if not (tree / ".git").exists():
            git("init", "-q")
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "as it is")

    return commit_all
