"""What a gate is given, and what it answers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT, STATE

RECEIPTS: Final = STATE / "receipts"


@dataclass(frozen=True)
class Options:
    """What to judge: the checkout at ``root``, and with ``stack`` the deployed stack of that name too."""

    root: Path = ROOT
    stack: str = ""
    receipts: Path = RECEIPTS


@dataclass(frozen=True)
class Finding:
    """Something that does not hold, and what to do about it."""

    problem: str
    fix: str


@dataclass
class Verdict:
    """What a gate looked at, and what it found wrong. ``notes`` are printed and judge nothing."""

    checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything holds. A gate that looked at nothing has not passed."""
        return bool(self.checked) and not self.findings

    def require(self, holds: object, problem: str, fix: str) -> None:
        """Note a finding unless it ``holds``."""
        if not holds:
            self.findings.append(Finding(problem, fix))


class CannotJudgeError(Exception):
    """Something the gate needs is not there, so it cannot say: a failure, with the fix in the message."""
