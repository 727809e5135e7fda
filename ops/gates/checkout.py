"""Identify what a gate judged: the commit, and the content of the sources."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ops.verdict import CannotJudgeError


def commit(root: Path) -> str:
    """Return the checked-out commit. Raises CannotJudgeError."""
    return _git(root, "rev-parse", "HEAD").strip()


def is_dirty(root: Path) -> bool:
    """Tell whether the checkout holds anything that its commit does not."""
    return bool(_git(root, "status", "--porcelain").strip())


def repository(root: Path) -> str:
    """Return the repository's first commit, which every clone of it shares."""
    return _git(root, "rev-list", "--max-parents=0", "HEAD").split()[0]


def digest_of(root: Path, sources: Sequence[str]) -> str:
    """Hash path and content (SHA-256) of every file under ``sources`` that git tracks or does not ignore."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *sources)
    total = hashlib.sha256()
    for name in sorted(filter(None, set(listed.split("\0")))):
        path = root / name
        if path.is_file():
            total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise CannotJudgeError(f"git {arguments[0]} fails in {root}: receipts name a commit, so use a clone") from fault
    return done.stdout
