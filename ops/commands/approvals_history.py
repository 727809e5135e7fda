"""ops approvals history: who decided what and why, and how soon."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.approvals import PAGE, Person, Principal, Role, Tenant, desk, utc
from ops.commands.common import AsJson, Stack, console, escaped, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake_rail import models

_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Figures:
    """Counts of what was closed, and how long people took for what they decided: median and 95th percentile, in s.

    The times are None where nobody decided anything. ``extended`` counts requests, not how often.
    """

    approved: int
    rejected: int
    withdrawn: int
    expired: int
    extended: int
    decided_p50_s: float | None
    decided_p95_s: float | None


def history(
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far to look back; a week without it.")] = 7,
    outcome: Annotated[str, typer.Option(help="Only approved, rejected, withdrawn or expired ones.")] = "",
    actor: Annotated[str, typer.Option(help="Only what this principal decided.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what was decided, newest first, by whom and why, with how soon: one's own, or with --tenant all of it."""
    until = time.time_ns() // 1_000_000
    decisions: list[models.PastDecision] = []
    with desk(Person(stack, principal, tenant, role)) as client:
        cursor = None
        while True:
            page = client.list_decisions(
                outcome=outcome or None,
                actor=actor or None,
                from_=until - days * _DAY_MS,
                limit=PAGE,
                cursor=cursor,
            )
            decisions += page["decisions"]
            cursor = page.get("nextCursor")
            if not cursor:
                break
    summed = figures(decisions)
    if as_json:
        print(json.dumps({"decisions": decisions, "days": days, "figures": asdict(summed)}))
        return
    if decisions:
        _print_table(decisions)
    say(in_words(summed, days=days))


def figures(decisions: "Sequence[models.PastDecision]") -> Figures:
    """Sum up what was decided, and how soon after it was asked."""
    ends = Counter(decision["outcome"] for decision in decisions)
    by_people = [decision for decision in decisions if decision["outcome"] in ("approved", "rejected")]
    waited = sorted(decision["decidedAt"] - decision["requestedAt"] for decision in by_people)
    return Figures(
        approved=ends["approved"],
        rejected=ends["rejected"],
        withdrawn=ends["withdrawn"],
        expired=ends["expired"],
        extended=sum("extensions" in decision for decision in decisions),
        decided_p50_s=_ranked(waited, 50),
        decided_p95_s=_ranked(waited, 95),
    )


def in_words(summed: Figures, *, days: int) -> str:
    """Say the figures in two lines."""
    from handshake.incidents.notification import duration

    ends = f"{summed.approved} approved, {summed.rejected} rejected, {summed.withdrawn} withdrawn"
    counted = f"in {days} days: {ends}, {summed.expired} expired, {summed.extended} extended"
    if summed.decided_p50_s is None or summed.decided_p95_s is None:
        return f"{counted}\nnobody decided anything"
    half, most = (duration(int(seconds * 1000)) for seconds in (summed.decided_p50_s, summed.decided_p95_s))
    return f"{counted}\ntime to decide: half within {half}, 95 % within {most}"


def _ranked(waited_ms: Sequence[int], percent: int) -> float | None:
    """Give a percentile by nearest rank, in seconds."""
    return waited_ms[-(-len(waited_ms) * percent // 100) - 1] / 1000 if waited_ms else None


def _print_table(decisions: "Sequence[models.PastDecision]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    table = Table(
        Column("decided (UTC)", no_wrap=True),
        Column("request", overflow="fold", ratio=3),
        Column("outcome", no_wrap=True),
        Column("by", overflow="fold", ratio=2),
        Column("why", overflow="fold", ratio=3),
        box=SIMPLE_HEAD,
        expand=True,
    )
    for decision in decisions:
        decided = utc(decision["decidedAt"])[: len("2026-01-01 12:00")]
        actor = "nobody" if decision["outcome"] == "expired" else decision["actor"]
        named = (decision["requestId"], decision["outcome"], actor, decision.get("reason", ""))
        table.add_row(decided, *map(escaped, named))
    console().print(table)
