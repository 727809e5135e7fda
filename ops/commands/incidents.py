"""ops incidents: list the incidents that alarm_triage recorded, or show one."""

import json
import time
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.common import AsJson, Stack, console, fail, reach, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from rich.table import Table

    from handshake.incidents.incident import Incident

_STYLES: Final = {"open": "red", "recovered": "green", "superseded": "dim"}


class Action(StrEnum):
    """An action on recorded incidents."""

    LIST = auto()
    SHOW = auto()


def incidents(
    action: Annotated[Action, typer.Argument()] = Action.LIST,
    incident_id: Annotated[str, typer.Argument(metavar="[ID]", help="Which to show, as the list names it.")] = "",
    stack: Stack = STACK_NAME,
    limit: Annotated[int, typer.Option(min=1, help="How many to list, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the incidents that alarms opened, or show one: its numbers, what happened since, the first steps.

    Ends with 0, with 1 where there is no such incident, 69 where the stack cannot be reached.
    """
    if action == Action.SHOW:
        _show(stack, incident_id, as_json=as_json)
    else:
        _list(stack, limit, as_json=as_json)


def _list(stack: str, limit: int, *, as_json: bool) -> None:
    from handshake.incidents import table as store

    with reach(stack) as context:
        every = store.read_all(context.dynamo, context.tables.runtime_kv)
        newest = sorted(every, key=lambda incident: incident.opened_at_ms, reverse=True)[:limit]
    if as_json:
        print(json.dumps([incident.view() for incident in newest], indent=2))
    elif newest:
        console().print(_table(newest))
    else:
        say("no incidents")


def _show(stack: str, incident_id: str, *, as_json: bool) -> None:
    from handshake.incidents import table as store
    from handshake.incidents.notification import findings, utc

    with reach(stack) as context:
        incident = store.read(context.dynamo, context.tables.runtime_kv, incident_id)
    if incident is None:
        fail(f"there is no incident {incident_id or 'without an id'}; python -m ops incidents lists them")
    if as_json:
        print(json.dumps(incident.view(), indent=2))
        return
    lines = [
        *(incident.reason, *findings(incident)),
        *(f"not known or not done: {note}" for note in incident.notes),
        *(f"{utc(at)} {what}" for at, what in incident.updates),
        *("", incident.first_steps),
    ]
    console().print(_table([incident]))
    say("\n".join(lines))


def _table(listed: "list[Incident]") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table
    from rich.text import Text

    from handshake.incidents.notification import duration

    # An id ends with when it was opened, in UTC.
    table = Table(Column("incident", overflow="fold"), "state", Column("for", no_wrap=True), box=SIMPLE_HEAD)
    for incident in listed:
        until = incident.recovered_at_ms or time.time_ns() // 1_000_000
        table.add_row(
            incident.id,
            Text(incident.state, style=_STYLES[incident.state]),
            "" if incident.state == "superseded" else duration(until - incident.opened_at_ms),
        )
    return table
