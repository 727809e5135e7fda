"""python -m ops throttle: let fewer calls through to a route, or to all of them, and undo it."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.common import AsJson, Stack, answered, console, fail, failure_code, say
from ops.local.settings import STACK_NAME
from ops.reliability import throttle as rules
from ops.reliability.throttle import EVERY_ROUTE, Limit

if TYPE_CHECKING:
    from ops.local.deployment import Deployment

Limits = Mapping[str, Limit]
_UNTIL: Final = "It holds until --undo, or until a deployment puts the template's limits back."


def throttle(
    *,
    stack: Stack = STACK_NAME,
    route: Annotated[str, typer.Option(help="Limit this route: 'POST /workflow/requests'.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Limit every route, each by itself; one with a stricter limit keeps that.")
    ] = False,
    rate: Annotated[float | None, typer.Option(min=0, help="Calls a second; 0 with a burst of 0 lets none in.")] = None,
    burst: Annotated[int | None, typer.Option(min=0, help="How many may come at once.")] = None,
    minutes: Annotated[
        int | None, typer.Option(min=1, help="With --apply: wait so long, then put back what was in force.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put the template's limits back, and drop all others.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without it, only say what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how many calls a second the API lets through, and let fewer through, or undo that.

    Limits are of the API's stage, for all callers together: who comes over one is answered 503
    adapter_store_unavailable with Retry-After, which clients retry. `sam deploy` may put the template's limits back, so
    undo a limit before a release, or say it again after one.

    AWS knows no limit that ends by itself. With --minutes 60 this command waits for the hour and then puts back what
    was in force; Ctrl-C does so at once. One that is killed leaves the limit, and --undo ends it.

    Ends with 0 where it is done or said, 1 where API Gateway refuses, 2 where it was called wrongly, 69 where the stack
    cannot be reached.
    """
    from ops.local import deployment

    chosen = EVERY_ROUTE if everything else route
    if bool(route) + everything + undo > 1:
        raise typer.BadParameter("say one of --route, --all and --undo")
    if minutes is not None and not (apply and chosen):
        raise typer.BadParameter("a limit that ends needs --apply, with --route or --all", param_hint="--minutes")
    given = _limit(rate, burst)
    if bool(chosen) != bool(given):
        raise typer.BadParameter("--rate and --burst go together, with --route or --all")
    with answered():
        target = deployment.find(stack)
        if route and route not in (known := rules.routes(target)):
            raise typer.BadParameter(f"there is no {route}; there are {', '.join(sorted(known))}", param_hint="--route")
        now, template = rules.in_force(target), rules.deployed(target, stack)
        after, patch = dict(now.limits), list[dict[str, str]]()
        if given:
            limited = rules.limited(chosen, given, now)
            after |= limited
            patch = [one for name, limit in limited.items() for one in rules.limiting(name, limit, now)]
        elif undo:
            after, patch = template, rules.undoing(now, template)
        if apply and patch:
            rules.change(target, patch)
    if as_json:
        rows = [
            {"route": one}
            | {
                name: _json(of.get(one))
                for name, of in (("inForce", now.limits), ("template", template), ("then", after))
            }
            for one in sorted(now.limits.keys() | after.keys() | template.keys())
        ]
        print(json.dumps({"applied": apply and bool(patch), "limits": rows}), flush=True)
    else:
        _show(now.limits, template, after if patch else {}, applied=apply and bool(patch))
        if patch and apply:
            ends = _UNTIL if minutes is None else f"It ends in {minutes} minutes, or with Ctrl-C."
            say("done; API Gateway follows within seconds" + ("" if undo else f"\n{ends}"))
            sys.stdout.flush()
        elif patch:
            print("--apply does it")
        elif undo:
            print("nothing to undo")
    if minutes is not None:
        _put_back(target, now, minutes)
        say("put back what was in force", stderr=True)


def _show(now: Limits, template: Limits, then: Limits, *, applied: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("route", "was" if applied else "in force", "template", box=SIMPLE_HEAD)
    if then:
        table.add_column("now" if applied else "would be")
    for one in sorted(now.keys() | then.keys()):
        cells = [now.get(one), template.get(one), *([then.get(one)] if then else [])]
        name = "every other route, each" if one == EVERY_ROUTE else one
        table.add_row(name, *(str(cell) if cell else "" for cell in cells))
    console().print(table)


def _limit(rate: float | None, burst: int | None) -> Limit | None:
    if rate is None and burst is None:
        return None
    if rate is None or burst is None:
        raise typer.BadParameter("--rate and --burst go together, with --route or --all")
    return Limit(rate, burst)


def _put_back(target: "Deployment", before: rules.Settings, minutes: int) -> None:
    """Wait, and then undo what this command changed, and what was changed meanwhile."""
    with suppress(KeyboardInterrupt):
        time.sleep(minutes * 60)
    try:
        rules.change(target, rules.undoing(rules.in_force(target), before.limits))
    except Exception as fault:
        if (code := failure_code(fault)) is None:
            raise
        fail(f"the limit is still in force: {fault}; python -m ops throttle --undo --apply", code=code)


def _json(limit: Limit | None) -> dict[str, float] | None:
    return {"rate": limit.rate, "burst": limit.burst} if limit else None
