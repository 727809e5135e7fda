"""check:release-readiness: run schema preflight and prod gate. Anything but a pass of both stops the release."""

from ops.gates.gate import Options
from ops.gates.registry import GATES, READINESS_RUNS
from ops.gates.run import run
from ops.verdict import Verdict


def check(options: Options) -> Verdict:
    """Run both, each with its own receipt, so that one look shows all there is to mend. See ``Gate``."""
    verdict = Verdict()
    for name in READINESS_RUNS:
        code = run(GATES[name], options, command=f"python -m ops.gates {name}")
        verdict.require(code == 0, f"{name} failed, exit code {code}", f"do not deploy; poe {name} says what to mend")
        verdict.checked.append(f"{name}: exit code {code}")
    return verdict
