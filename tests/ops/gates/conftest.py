"""A copy of what the gates judge, for tests to break."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ops.gates.gate import Options
from ops.local.settings import ROOT
from tests.support.checkouts import commit_all, replace_in

_JUDGED = (
    "template.yaml",
    "state",
    "samconfig.toml",
    "pyproject.toml",
    "alarms",
    "openapi",
    "shared/handshake",
    "functions",
)

Edit = Callable[[str, str, str], None]
Commit = Callable[[], None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The checkout's judged files, as they are."""
    root = tmp_path / "checkout"
    for name in (*_JUDGED, "ops/release/watch.yaml", "ops/gates/import_budget.yaml"):
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
    return lambda name, old, new: replace_in(tree / name, old, new)


@pytest.fixture
def options(tree: Path, tmp_path: Path) -> Options:
    """Judge the copy, and keep its receipts beside it."""
    return Options(root=tree, receipts=tmp_path / "receipts")


@pytest.fixture
def commit(tree: Path) -> Commit:
    """Commits the copy as it is, in a repository of its own."""
    return partial(commit_all, tree)
