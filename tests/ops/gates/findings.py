"""Gives what a verdict says, for tests to look for."""

from ops.verdict import Verdict


def problems(verdict: Verdict) -> str:
    """All problems found, one a line; each finding names its fix."""
    assert all(one.fix for one in verdict.findings)
    return "\n".join(one.problem for one in verdict.findings)
