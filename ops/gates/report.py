"""check:ap6-report: read the receipts of all gates. Without a receipt that can be believed a gate has not passed."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Final

from rich.console import Console
from rich.table import Table

from ops.gates import receipts
from ops.gates.gate import Options
from ops.gates.registry import GATES, REPORT
from ops.verdict import Finding, Verdict

_WIDTH: Final = 77  # and three of the report's margin
_DIGEST_SHOWN: Final = 7


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    verdict, now = Verdict(), receipts.now()
    table = Table("gate", "exit", "took", "age", "commit", "judged", "receipt")
    for gate in GATES.values():
        if gate.name == REPORT:
            continue
        try:
            receipt = receipts.read(gate, options.receipts, options.root, now=now)
        except receipts.BadReceiptError as fault:
            verdict.findings.append(Finding(f"{gate.name}: {fault}", _fix(gate.name, str(fault))))
            table.add_row(gate.name, "-", "-", "-", "-", "-", str(fault).partition(":")[0])
        else:
            age = now - datetime.fromisoformat(receipt.started_at)
            table.add_row(
                gate.name,
                str(receipt.exit_code),
                f"{receipt.duration_ms / 1000:.1f} s",
                f"{age // timedelta(minutes=1)} min",
                receipt.commit[:_DIGEST_SHOWN],
                receipt.judged[:_DIGEST_SHOWN],
                "good",
            )
        verdict.checked.append(f"the receipt of {gate.name}")
    out = StringIO()
    Console(file=out, width=_WIDTH, color_system=None, markup=False).print(table)
    verdict.notes.append(out.getvalue())
    return verdict


def _fix(gate: str, fault: str) -> str:
    if fault.startswith("of changes"):
        return f"commit them, then poe {gate}"
    return f"run it here: poe {gate}"
