"""python -m ops throttle: let fewer calls through to a route, or to all of them, and undo it."""

import json
from typing import Annotated, Final

import typer

from ops.commands.common import AsJson, Stack, answered, console, say
from ops.local.settings import STACK_NAME
from ops.reliability import throttle as rules
from ops.reliability.throttle import EVERY_ROUTE, Limit

_UNTIL: Final = "It holds until --undo, or until a deployment puts the template's limits back."


def throttle(
    *,
    stack: Stack = STACK_NAME,
    route: Annotated[str, typer.Option(help="Limit this route: 'POST /workflow/requests'.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Limit every route that has no limit of its own, each by itself.")
    ] = False,
    rate: Annotated[float | None, typer.Option(min=0, help="Calls a second; 0 with a burst of 0 lets none in.")] = None,
    burst: Annotated[int | None, typer.Option(min=0, help="How many may come at once.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put the template's limits back, and drop all others.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without it, only say what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how many calls a second the API lets through, and let fewer through, or undo that.

    Limits are of the API's stage, for all callers together: who comes over one is answered 503
    adapter_store_unavailable with Retry-After, which clients retry. `sam deploy` may put the template's limits back, so
    undo a limit before a release, or say it again after one.

    Ends with 0 where it is done or said, 1 where API Gateway refuses, 2 where it was called wrongly, 69 where the stack
    cannot be reached.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ops.local import deployment

    chosen = EVERY_ROUTE if everything else route
    if bool(route) + everything + undo > 1:
        raise typer.BadParameter("say one of --route, --all and --undo")
    if bool(chosen) != (rate is not None and burst is not None) or (rate is None) != (burst is None):
        raise typer.BadParameter("--rate and --burst go together, with --route or --all")
    with answered():
        target = deployment.find(stack)
        if route and route not in (known := rules.routes(target)):
            raise typer.BadParameter(f"there is no {route}; there are {', '.join(sorted(known))}", param_hint="--route")
        now, template = rules.in_force(target), rules.deployed(target, stack)
        after, patch = dict(now.limits), list[dict[str, str]]()
        if rate is not None and burst is not None:
            after[chosen] = Limit(rate, burst)
            patch = rules.limiting(chosen, after[chosen], now)
        elif undo:
            after, patch = template, rules.undoing(now, template)
        if apply and patch:
            rules.change(target, patch)
    rows = [
        {"route": one, "inForce": _json(now.limits.get(one)), "template": _json(template.get(one)), "then": _json(then)}
        for one in sorted(now.limits.keys() | after.keys() | template.keys())
        for then in [after.get(one)]
    ]
    if as_json:
        print(json.dumps({"applied": apply and bool(patch), "limits": rows}))
        return
    table = Table("route", "was" if apply and patch else "in force", "template", box=SIMPLE_HEAD)
    if patch:
        table.add_column("now" if apply else "would be")
    for one in sorted(now.limits.keys() | after.keys()):
        cells = [now.limits.get(one), template.get(one), *([after.get(one)] if patch else [])]
        name = "every other route, each" if one == EVERY_ROUTE else one
        table.add_row(name, *(str(cell) if cell else "" for cell in cells))
    console().print(table)
    if patch and apply:
        say("done; API Gateway follows within seconds" + ("" if undo else f"\n{_UNTIL}"))
    elif patch:
        print("--apply does it")
    elif undo:
        print("nothing to undo")


def _json(limit: Limit | None) -> dict[str, float] | None:
    return {"rate": limit.rate, "burst": limit.burst} if limit else None
