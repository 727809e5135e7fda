"""Collect the outcome of a check of a release: a gate's, or a rehearsal's on a live stack."""

from dataclasses import dataclass, field


class CannotJudgeError(Exception):
    """Something that a check needs is missing, which is a failure. The message says how to mend it."""


@dataclass(frozen=True)
class Finding:
    """A problem, and how to fix it."""

    problem: str
    fix: str


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
