"""Write ops/cost/deployed.json, and the table of `ops cost` in docs/scale.md: `python -m ops.cost.document`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from ops.cost.inputs import DEPLOYED
from ops.cost.model import Bill, Load, bill
from ops.local.settings import ROOT

SCALE: Final = ROOT / "docs/scale.md"
BEGIN: Final = "<!-- ops cost --markdown -->"
END: Final = "<!-- end -->"
BEGIN_GRANTS: Final = "<!-- ops cost --markdown --reads-per-decision 0 --grants-per-decision 0.93 -->"
SIZES: Final = (1.0, 100.0, 10_000.0)
"""The calls a second that the document shows."""
GRANTED: Final = 0.93
"""The grants for each decision, where each execution needs one: most of what is not denied."""
SMALL: Final = 0.005
"""Dollars a month below which a driver is not shown."""


def markdown_table(bills: Sequence[Bill]) -> Iterator[str]:
    """Yield the lines of one table of all ``bills``, ordered as the middle one, without what costs under a cent."""
    ordered = bills[len(bills) // 2].drivers
    yield "| $ a month | " + " | ".join(f"{of.load.rps:,g}/s | share" for of in bills) + " |"
    yield "| --- |" + " ---: | ---: |" * len(bills)
    for name in (driver.name for driver in ordered):
        dollars = [next(one.dollars for one in of.drivers if one.name == name) for of in bills]
        if max(dollars) >= SMALL:
            cells = (f"{part:,.2f} | {part / of.dollars:.1%}" for part, of in zip(dollars, bills, strict=True))
            yield f"| {name} | " + " | ".join(cells) + " |"
    yield "| **a month** | " + " | ".join(f"**{of.dollars:,.2f}** | " for of in bills) + " |"
    yield "| **a million decisions** | " + " | ".join(f"**{of.per_million:,.2f}** | " for of in bills) + " |"


def main() -> None:
    """Count what the templates deploy, and replace the table in the document by today's."""
    from ops.cost.count import count  # noqa: PLC0415 - translating takes a second that the table need not wait for

    counted = {environment: asdict(count(environment)) for environment in ("staging", "production")}
    DEPLOYED.write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")
    text = SCALE.read_text(encoding="utf-8")
    for begin, loads in tables().items():
        before, _, rest = text.partition(begin)
        table = "\n".join(markdown_table(list(map(bill, loads))))
        text = f"{before}{begin}\n{table}\n{END}{rest.partition(END)[2]}"
    SCALE.write_text(text, encoding="utf-8")


def tables() -> dict[str, list[Load]]:
    """Give what the document's tables show, by the line that begins each."""
    return {
        BEGIN: [Load(size) for size in SIZES],
        BEGIN_GRANTS: [Load(size, reads_per_decision=0, grants_per_decision=GRANTED) for size in SIZES],
    }


if __name__ == "__main__":
    main()
