"""Collect the outcome of a check of a release: a gate's, or a rehearsal's on a live stack."""

from dataclasses import dataclass, field
from pathlib import Path


class CannotJudgeError(Exception):
    """Something that a check needs is missing, which is a failure. The message says how to mend it."""


@dataclass(frozen=True)
class Finding:
    """A problem, and how to fix it."""

    problem: str
    fix: str


class MistakeError(CannotJudgeError):
    """A file that is judged cannot be read as what it is. To a gate this is a finding, which names file and line."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.finding = Finding(problem, fix)


def shown(path: Path) -> str:
    """Name a file of a checkout from the checkout's own folder."""
    root = next((folder for folder in path.parents if (folder / "samconfig.toml").exists()), path.parent)
    return path.relative_to(root).as_posix()


def place(path: Path, *texts: str) -> str:
    """Name the line of ``path`` that has the last of ``texts``, each looked for from the one before: ``file:12``.

    The file alone where they are not there.
    """
    try:
        lines, at = path.read_text(encoding="utf-8").splitlines(), 0
        for text in texts:
            at = next(number for number in range(at, len(lines)) if text in lines[number])
    except (OSError, ValueError, StopIteration):
        return shown(path)
    return f"{shown(path)}:{at + 1}"


@dataclass
class Verdict:
    """Collect what was ``checked`` and what was found wrong. ``notes`` are printed and judge nothing."""

    checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether everything holds. A check that looked at nothing has not passed."""
        return bool(self.checked) and not self.findings

    def require(self, holds: object, problem: str, fix: str) -> None:
        """Note a finding unless it ``holds``."""
        if not holds:
            self.findings.append(Finding(problem, fix))
