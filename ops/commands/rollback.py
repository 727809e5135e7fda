"""python -m ops rollback: give every function of a stack the version that it had before the last release."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Stack, answered, console, fail, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from ops.release.rollback import Move

FAILED: Final = 1
PENDING: Final = 3
REFUSED: Final = 4

_TO: Final = "--to"


def rollback(
    stack: Stack = STACK_NAME,
    to: Annotated[
        list[str] | None,
        typer.Option(_TO, metavar="FUNCTION=VERSION", help="Move this function alone, to this version; repeatable."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Move them. Without it, only say what it would do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give every function the version that it had before the last release; without --apply, say which.

    Moves the functions' aliases, and nothing else: no deployment, so no alarm can refuse it. Roles, tables and the API
    stay as they are, and CloudFormation does not know: release the good commit when the alarms are quiet.

    A release that CloudFormation rolled back counts as none. One that you left with this command counts, so read the
    dry run before you go back over two.

    Ends with 0 where every function is where it should be, 1 where one could not be moved, 2 where it was called
    wrongly, 3 where something would be moved, 4 where nothing is known to go back to or the stack is being updated, 69
    where the stack cannot be reached.
    """
    from ops.local import deployment
    from ops.release.rollback import (
        RollbackRefusedError,
        move,
        moves_back,
        moves_to,
        published,
        read_aliases,
        read_releases,
    )

    named = _named(stack, to or [])
    with answered():
        target = deployment.find(stack)
        try:
            history = read_releases(target, stack)
            aliases = read_aliases(target)
            if unknown := named.keys() - aliases.keys():
                raise typer.BadParameter(f"{stack} has no function {', '.join(sorted(unknown))}", param_hint=_TO)
            moves = moves_to(aliases, named) if named else moves_back(aliases, history)
            times = {one.function: published(target, one.function, one.to) for one in moves}
            failures = {one.function: move(target, one) for one in moves if one.needed} if apply else {}
        except RollbackRefusedError as refused:
            fail(str(refused), code=REFUSED)
    rows = [_row(one, times[one.function], failures, stack=stack) for one in moves]
    if as_json:
        print(json.dumps({"applied": apply, "functions": rows}))
    else:
        _print(rows, apply=apply)
    if any(failures.values()):
        raise typer.Exit(FAILED)
    raise typer.Exit(PENDING if not apply and any(one.needed for one in moves) else 0)


def _named(stack: str, given: list[str]) -> dict[str, str]:
    """Read ``FUNCTION=VERSION``, where the function is named with the stack's name before it or without."""
    named = {}
    for text in given:
        function, _, version = text.partition("=")
        if not function or not version.isdecimal():
            raise typer.BadParameter(f"{text} is not FUNCTION=VERSION, as workflow=12", param_hint=_TO)
        named[f"{stack}-{function.removeprefix(f'{stack}-')}"] = version
    return named


def _row(one: "Move", published_at: str, failures: dict[str, str], *, stack: str) -> dict[str, Any]:
    if one.function in failures:
        outcome = "failed" if failures[one.function] else "moved"
    else:
        outcome = "would move" if one.needed else "stays"
    return {
        "function": one.function.removeprefix(f"{stack}-"),
        "from": one.alias.version,
        "alsoLive": dict(one.alias.weights),
        "to": one.to,
        "published": published_at,
        "outcome": outcome,
        "error": failures.get(one.function, ""),
    }


def _print(rows: list[dict[str, Any]], *, apply: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("function", "from", "to", "published", "", box=SIMPLE_HEAD)
    for row in rows:
        also = "".join(f" +{version}" for version in row["alsoLive"])  # traffic was still shifting to it
        table.add_row(row["function"], row["from"] + also, row["to"], row["published"][:19], row["outcome"])
    console().print(table)
    for row in rows:
        if row["error"]:
            say(f"{row['function']}: {row['error']}", stderr=True)
    count = sum(row["outcome"] not in ("stays", "failed") for row in rows)
    if not apply:
        print(f"{count} to move; --apply does it" if count else "nothing to move")
    else:
        print(f"{count} of {sum(row['outcome'] != 'stays' for row in rows)} moved")
