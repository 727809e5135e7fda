"""One scenario from its beginning to its verdict."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from handshake.dynamo.tables import Tables
from tests.faults.load import running_load
from tests.faults.rig import Rig
from tests.faults.scenarios import Phase, Scenario
from tests.faults.verdict import Closed, Fault, Finding, findings
from tests.support import engines
from tests.support.ledger import Call
from tests.support.service import InProcess, now_ms


@dataclass(frozen=True)
class Outcome:
    """Give what a scenario came to.

    ``injected`` calls to the database failed on purpose; ``acknowledged`` mutations were told to be done.
    """

    name: str
    injected: int
    acknowledged: int
    calls: Sequence[Call]
    findings: Sequence[Finding]

    @property
    def unavailable(self) -> int:
        """Count how many answers were 503."""
        return sum(call.reply.status == 503 for call in self.calls)

    @property
    def worst_s(self) -> float:
        """The longest that a caller waited."""
        return max((call.seconds for call in self.calls), default=0.0)

    def count(self, fault: Fault) -> int:
        """Say how often a fault was found."""
        return sum(finding.fault == fault for finding in self.findings)


def run(scenario: Scenario, rig: Rig, *, seed: int, seconds: float) -> Outcome:
    """Misbehave for about ``seconds`` under load, on tables of its own; then recover, settle and audit."""
    tables = engines.create_tables(rig.direct)
    with running_load(rig, tables, seed=seed, name=scenario.name) as load:
        phases = [_misbehave(rig, phase, tables, seconds=seconds) for phase in scenario.phases]
        rig.inject(())
    time.sleep(scenario.aftermath_s)
    undisturbed = InProcess(rig.direct, tables)
    found = list(findings(undisturbed, load.calls, load.intents, [closed for closed, _ in phases]))
    engines.delete_tables(rig.direct, tables)
    acknowledged = sum(bool(intent.acknowledged) for intent in load.intents if intent.mutates)
    return Outcome(scenario.name, sum(injected for _, injected in phases), acknowledged, load.calls, found)


def _misbehave(rig: Rig, phase: Phase, tables: Tables, *, seconds: float) -> tuple[Closed, int]:
    """Go through a phase. Returns what was closed, and how many calls the proxy failed."""
    rig.inject(phase.rules(tables))
    before = rig.injected()
    if phase.database_down:
        rig.database.kill()
    began_ms = now_ms()
    time.sleep(phase.share * seconds)
    closed = Closed(phase.closed, began_ms, now_ms())
    if phase.database_down:
        rig.database.start()
    return closed, rig.injected() - before
