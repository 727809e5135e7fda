"""check:release-readiness: run schema preflight and prod gate. Anything but a pass of both stops the release."""

from ops.gates.gate import Options
from ops.gates.registry import CANNOT_JUDGE, GATES, READINESS_RUNS
from ops.gates.run import run
from ops.verdict import CannotJudgeError, Verdict


def check(options: Options) -> Verdict:
    """Run both, each with its own receipt, so that one look shows all there is to mend. See ``Gate``."""
    verdict, unjudged = Verdict(), list[str]()
    for name in READINESS_RUNS:
        code = run(GATES[name], options, command=f"python -m ops.gates {name}")
        if code == CANNOT_JUDGE:
            unjudged.append(name)
            continue
        verdict.require(code == 0, f"{name} failed, exit code {code}", f"do not deploy; poe {name} says what to mend")
        verdict.checked.append(f"{name}: exit code {code}")
    # What was found stops the release, whatever else could not be looked at.
    if unjudged and not verdict.findings:
        raise CannotJudgeError(f"{' and '.join(unjudged)} could not, as above; do not deploy")
    return verdict
