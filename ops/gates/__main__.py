"""python -m ops.gates NAME: run one gate, or with ``all`` every one, and leave receipts in .handshake/receipts."""

import argparse
import shlex
import sys

from ops.gates.gate import Options
from ops.gates.registry import GATES
from ops.gates.run import run, run_all
from ops.local.settings import STACK_NAME

LIVE = ("check:schema-preflight", "check:security-parity", "check:release-readiness")


def main(arguments: list[str]) -> int:
    """Run what ``arguments`` name. Returns 0, or the exit code of the first gate that failed."""
    names = "\n".join(f"  {gate.name:<26}{gate.code:>3}  {gate.summary}" for gate in GATES.values())
    parser = argparse.ArgumentParser(
        prog="python -m ops.gates",
        description=__doc__,
        epilog=f"gates and the exit codes of their failures (70: could not judge):\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("gate", choices=[*GATES, "all"], metavar="NAME", help="a gate's name, or all")
    parser.add_argument("--live", action="store_true", help=f"look at a deployed stack too: {', '.join(LIVE)}")
    parser.add_argument("--stack", metavar="NAME", help=f"which one, with --live; else the local one, {STACK_NAME}")
    given = parser.parse_args(arguments)
    if given.live and given.gate not in LIVE:
        parser.error(f"{given.gate} looks at no stack")
    if given.stack and not given.live:
        parser.error("--stack goes with --live")
    options = Options(stack=(given.stack or STACK_NAME) if given.live else "")
    command = shlex.join(["python", "-m", "ops.gates", *arguments])
    if given.gate != "all":
        return run(GATES[given.gate], options, command=command)
    codes = run_all(options, command="python -m ops.gates")
    failed = {name: code for name, code in codes.items() if code}
    print(f"\n{len(codes) - len(failed)} of {len(codes)} gates passed")
    for name, code in failed.items():
        print(f"  {name} failed, exit code {code}")
    return next(iter(failed.values()), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
