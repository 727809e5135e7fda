"""python -m ops migrate: list the migrations that a stack's stored data still needs, and apply them."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import UNREACHABLE, AsJson, Stack, answered, console, fail, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.dynamo.context import Context
    from ops.migrations.records import Record
    from ops.migrations.runner import Standing

FAILED: Final = 1
PENDING: Final = 3
LOCKED: Final = 4
CHECKSUM: Final = 5


def migrate(
    stack: Stack = STACK_NAME,
    apply: Annotated[bool, typer.Option("--apply", help="Apply them. Without it, only say what it would do.")] = False,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Items a second at most, halved when the store throttles; 200 without it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring what is stored to what this release needs; without --apply, say what it would do.

    Before a deployment, from the checkout that is deployed. A run that ends in the middle is resumed by the next.

    Ends with 0 where nothing is left to do, 1 where it failed, 2 where it was called wrongly, 3 where something would
    be done, 4 where somebody else is at it, 5 where a migration is not the one that was applied, 69 where the stack
    cannot be reached.
    """
    from handshake.core.errors import StoreUnavailableError
    from ops.local import deployment
    from ops.migrations.records import LockedError
    from ops.migrations.runner import DEFAULT_RATE, ChecksumError, apply_pending, survey
    from ops.migrations.work import Throttle

    with answered():
        target = deployment.find(stack)
        context = target.context()
        try:
            if apply:
                began = time.monotonic()
                done = apply_pending(
                    context, operator=target.operator(), throttle=Throttle(rate or DEFAULT_RATE), began=_say
                )
                _report_applied(done, seconds=time.monotonic() - began, as_json=as_json)
            else:
                _report_planned(context, survey(context), as_json=as_json)
        except LockedError as locked:
            fail(str(locked), code=LOCKED)
        except ChecksumError as changed:
            fail(str(changed), code=CHECKSUM)
        except StoreUnavailableError as fault:
            fail(f"{fault} Run it again: it goes on from where it was.", code=UNREACHABLE)


def _report_planned(context: "Context", standings: "list[Standing]", *, as_json: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from ops.migrations.runner import plan

    plans = {one.migration.name: plan(context, one) for one in standings if one.state != "applied"}
    if as_json:
        waiting = [
            {"migration": one.migration.name, "state": one.state, "what": made.what, "items": made.items}
            for one in standings
            if (made := plans.get(one.migration.name))
        ]
        applied = [_as_json(one.record) for one in standings if one.record and one.state == "applied"]
        print(json.dumps({"applied": applied, "pending": waiting}))
    else:
        table = Table("migration", "state", "what it does", "items", box=SIMPLE_HEAD)
        for one in standings:
            made = plans.get(one.migration.name)
            items = f"{made.items}" if made else ""
            table.add_row(one.migration.name, _state(one), made.what if made else "", items)
        console().print(table)
        print(f"{len(plans)} to apply; --apply does it" if plans else "nothing to apply")
    raise typer.Exit(PENDING if plans else 0)


def _report_applied(done: "list[Record]", *, seconds: float, as_json: bool) -> None:
    from handshake.incidents.notification import duration

    if as_json:
        print(json.dumps({"applied": list(map(_as_json, done)), "seconds": round(seconds, 1)}))
        return
    for record in done:
        print(f"applied {record.name}: {record.changed} items changed")
    print(f"{len(done)} applied in {duration(round(seconds * 1000))}" if done else "nothing to apply")


def _state(standing: "Standing") -> str:
    from handshake.incidents.notification import utc

    record = standing.record
    if record is None:
        return "pending"
    if record.applied_at_ms is None:
        return f"begun {utc(record.begun_at_ms)}, {record.changed} items changed"
    return f"applied {utc(record.applied_at_ms)}"


def _as_json(record: "Record") -> dict[str, Any]:
    return {
        "migration": record.name,
        "appliedAt": record.applied_at_ms,
        "appliedBy": record.applied_by,
        "changed": record.changed,
        "checksum": record.checksum,
    }


def _say(name: str) -> None:
    say(f"applying {name} ...", stderr=True, style="dim")
