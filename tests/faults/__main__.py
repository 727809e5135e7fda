"""The faults and the races at length, and what came of them: `python -m tests.faults [SCENARIO ... | races]`.

HANDSHAKE_FAULT_SECONDS says how long each fault lasts and HANDSHAKE_SEED what load and proxy draw from;
HANDSHAKE_RACERS and HANDSHAKE_ROUNDS size the races.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.faults.races import run_races
from tests.faults.rig import running_rig
from tests.faults.run import Outcome, run
from tests.faults.scenarios import SCENARIOS
from tests.faults.verdict import Fault
from tests.support import engines

_SECONDS: Final = 10
_RACERS: Final = 64
_ROUNDS: Final = 50
_COUNTED: Final[Sequence[Fault]] = ("duplicated", "lost", "torn", "untrue", "open", "wrong", "slow")
_SHOWN: Final = 5
# A log has no width of its own, and twelve columns do not fit in the default 80.
_WIDTH_IN_A_LOG: Final = 160


def main(names: Sequence[str]) -> int:
    """Run what ``names`` says, or everything. 1 if anything was found that must not be, 2 if it cannot run."""
    logging.disable()  # thousands of calls would leave a line each
    if missing := engines.dynamodb_local_missing():
        print(missing, file=sys.stderr)
        return os.EX_UNAVAILABLE
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_IN_A_LOG
    table = Table("scenario", "injected", "attempts", "acknowledged", "503", *_COUNTED, "worst s", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    outcomes: list[Outcome] = []
    with Live(table, console=console):
        for outcome in _outcomes(names):
            outcomes.append(outcome)
            table.add_row(*_row(outcome), style="bold red" if outcome.findings else "")
    for outcome in outcomes:
        for finding in outcome.findings[:_SHOWN]:
            console.print(f"{outcome.name}: {finding.fault}: {finding.text}", style="red", markup=False)
    return int(any(outcome.findings for outcome in outcomes))


def _outcomes(names: Sequence[str]) -> Iterator[Outcome]:
    seed = int(os.environ.get("HANDSHAKE_SEED", "1"))
    seconds = float(os.environ.get("HANDSHAKE_FAULT_SECONDS", _SECONDS))
    wanted = [scenario for scenario in SCENARIOS if not names or scenario.name in names]
    if wanted:
        with running_rig(seed=seed) as rig:
            for scenario in wanted:
                yield run(scenario, rig, seed=seed, seconds=seconds)
    if not names or "races" in names:
        yield from run_races(racers=_RACERS, rounds=_ROUNDS)


def _row(outcome: Outcome) -> list[Text]:
    counts = (outcome.injected, len(outcome.calls), outcome.acknowledged, outcome.unavailable)
    cells = [outcome.name, *map(str, (*counts, *map(outcome.count, _COUNTED))), f"{outcome.worst_s:.2f}"]
    return list(map(Text, cells))  # and no markup, which names in brackets would be


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
