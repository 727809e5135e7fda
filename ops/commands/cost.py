"""ops cost: print dollars a month and for a million decisions, by driver, before anything is deployed."""

import json
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.common import AsJson, console, fail, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ops.cost.model import Bill, Driver

_DRIVERS_SHOWN: Final = 10


class Environment(StrEnum):
    """An environment whose traffic is paid for."""

    STAGING = auto()
    PRODUCTION = auto()


def cost(
    *,
    rps: Annotated[
        list[float] | None, typer.Option(min=0.001, help="Calls a second, on average; several times.")
    ] = None,
    escalation_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of decisions that wait for a person.")
    ] = 0.07,
    deny_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of decisions that deny.")] = 0.05,
    reads_per_decision: Annotated[
        float, typer.Option(min=0, help="Reads that callers make for each, counted as authorize-execution.")
    ] = 1.0,
    grants_per_decision: Annotated[
        float, typer.Option(min=0, max=1, help="Grants claimed and reported for each.")
    ] = 0.0,
    budgets_per_decision: Annotated[
        float,
        typer.Option(min=0, max=12, help="Budgets that a call counts towards: four of each of three scopes at most."),
    ] = 0.0,
    months: Annotated[float, typer.Option(min=0, help="How long data has been kept when the month is billed.")] = 12.0,
    environment: Environment = Environment.PRODUCTION,
    details: Annotated[bool, typer.Option("--details", help="Each size by itself, with quantities.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table that docs/scale.md has.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what AWS would charge: dollars a month and for a million decisions, the largest drivers first.

    Nothing is called. Quantities are measured for each call (ops/cost/measured.json) or counted in the templates;
    prices are AWS's list prices of a day (ops/cost/prices.yaml), without free tiers and discounts.

    --rps counts calls of every kind: a decision brings its action and its reads with it. Storage grows by the month:
    --months 1 is the first bill, 12 that of a year. docs/scale.md says what binds first at each size.

    Ends with 0; 1 where escalations and denials are more than all decisions; 2 for a wrong option.
    """
    from ops.cost.document import SIZES, markdown_table
    from ops.cost.inputs import deployed, prices
    from ops.cost.model import Load, bill

    if escalation_rate + deny_rate > 1:
        fail("escalated and denied decisions are more than all decisions; lower --escalation-rate or --deny-rate")
    bills = [
        bill(
            Load(
                size,
                escalation_rate,
                deny_rate,
                reads_per_decision,
                months,
                environment.value,
                grants_per_decision,
                budgets_per_decision,
            )
        )
        for size in rps or SIZES
    ]
    if as_json:
        print(
            json.dumps({"pricesAsOf": str(prices().as_of), "region": prices().region, "loads": list(map(_json, bills))})
        )
        return
    if markdown:
        print(*markdown_table(bills), sep="\n")
        return
    for table in map(_table, bills) if details else [_glance(bills)]:
        console().print(table)
    throttle = deployed(environment.value).throttle_rate
    over = [f"{one.load.rps:g}" for one in bills if one.load.rps > throttle]
    if over:
        say(f"The {environment} stage admits {throttle} calls a second; {', '.join(over)} needs it raised.")
    say(f"List prices of {prices().region} as of {prices().as_of}, in dollars; docs/scale.md explains them.")


def _glance(bills: "Sequence[Bill]") -> "Table":
    """Make one table of all sizes: what a month costs in all, and the drivers that make most of it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    table = Table(
        "$ a month, at calls a second",
        *(Column(f"{one.load.rps:g}", justify="right", no_wrap=True) for one in bills),
        box=SIMPLE_HEAD,
    )
    table.add_row("in all", *(f"{one.dollars:,.2f}" for one in bills), style="bold")
    table.add_row("a million decisions", *(f"{one.per_million:,.2f}" for one in bills), end_section=True)
    by_driver = [{driver.name: driver.dollars for driver in one.drivers} for one in bills]

    def share(driver: "Driver") -> float:
        return max(one.get(driver.name, 0) / bill.dollars for one, bill in zip(by_driver, bills, strict=True))

    largest = sorted(bills[-1].drivers, key=share, reverse=True)
    shown = largest[:_DRIVERS_SHOWN]
    for driver in shown:
        table.add_row(driver.name, *(f"{one.get(driver.name, 0):,.2f}" for one in by_driver))
    if left := len(largest) - len(shown):
        listed = [sum(one.get(driver.name, 0) for driver in shown) for one in by_driver]
        rest = [one.dollars - dollars for one, dollars in zip(bills, listed, strict=True)]
        table.add_row(f"{left} others (--details)", *(f"{dollars:,.2f}" for dollars in rest))
    return table


def _table(of: "Bill") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ops.cost.document import SMALL

    load = of.load
    title = (
        f"{load.rps:g} calls a second, {load.decisions_per_second:.3g} decisions a second\n"
        f"${of.dollars:,.2f} a month, ${of.per_million:,.2f} a million decisions"
    )
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for heading in ("driver", "a month", "$/month", "$/million", "share"):
        table.add_column(heading, justify="left" if heading == "driver" else "right", no_wrap=heading != "driver")
    for driver in of.drivers:
        if driver.dollars >= SMALL:
            share = driver.dollars / of.dollars
            dollars = f"{driver.dollars:,.2f}", f"{of.per_million * share:,.3f}"
            table.add_row(driver.name, _short(driver.quantity), *dollars, f"{share:.1%}")
    return table


def _short(quantity: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if quantity >= size:
            return f"{quantity / size:,.2f} {letter}"
    return f"{quantity:,.3g}"


def _json(of: "Bill") -> dict[str, object]:
    return {
        "rps": of.load.rps,
        "decisionsPerSecond": of.load.decisions_per_second,
        "dollarsPerMonth": round(of.dollars, 2),
        "dollarsPerMillionDecisions": round(of.per_million, 4),
        "drivers": [
            {
                "driver": driver.name,
                "quantity": driver.quantity,
                "unit": driver.unit,
                "dollarsPerMonth": round(driver.dollars, 4),
                "share": round(driver.dollars / of.dollars, 6),
            }
            for driver in of.drivers
        ],
    }
