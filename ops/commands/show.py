"""What the operator's commands print, as rich tables."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ops.commands.replay import Report
from ops.commands.tour import Stop

_STYLES = {"allow": "green", "approved": "green", "ok": "green", "deny": "red", "refused": "red", "escalate": "yellow"}
_DECISIONS = ("allow", "escalate", "deny")


def tour_table() -> Table:
    return Table("what was sent, and why", "decision", "reason", box=SIMPLE_HEAD)


def add_stop(table: Table, stop: Stop) -> None:
    table.add_row(
        Text.assemble(stop.sent, "\n", (f"  {stop.why}", "dim")),
        Text(stop.decision, style=_STYLES.get(stop.decision, "")),
        stop.reason,
        style="" if stop.as_expected else "bold red",
    )


def report(found: Report) -> Iterator[RenderableType]:
    for title, counts in (
        ("agent", found.by_agent),
        ("action type", found.by_action_type),
        ("reason", found.by_reason),
    ):
        yield _counts(title, counts)
    if found.errors:
        errors = Table("no decision", "count", title_style="red")
        for name, count in found.errors.most_common():
            errors.add_row(name, str(count))
        yield errors
    yield (
        f"{found.sent} sent in {found.seconds:.1f} s; "
        f"latency p50 {found.percentile_ms(0.5):.0f} ms, p95 {found.percentile_ms(0.95):.0f} ms; "
        f"{found.errors.total()} without a decision"
    )


def _counts(title: str, counts: Mapping[str, Counter[str]]) -> Table:
    table = Table(title)
    for heading in (*_DECISIONS, "all"):
        table.add_column(heading, justify="right")
    for name, decided in sorted(counts.items()):
        table.add_row(name, *(str(decided[decision]) for decision in _DECISIONS), str(decided.total()))
    return table


def fail(message: str) -> NoReturn:
    """End the command with ``message`` and exit code 1."""
    Console(stderr=True).print(Text("error:", style="red"), message, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)
