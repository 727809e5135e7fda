"""python -m ops rehearse: play releases with production's parameters on this machine, and keep a receipt of it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ops.commands.common import AsJson, fail, say
from ops.local.settings import STATE

if TYPE_CHECKING:
    from ops.release.rehearsal_log import Step

RECEIPTS: Final = STATE / "rehearsals"


def rehearse(as_json: AsJson = False) -> None:
    """Play releases with production's parameters on this machine, from the first deployment on.

    SAM builds and deploys the stack as it does in production, to an AWS of its own that ends with the rehearsal. The
    release gate refuses until the migrations are applied, every route is called unsigned and some signed, an unsafe
    release is refused, and a good one on top finds the data of the first. What the local AWS does not know of
    production is left out, and listed.

    Ends with 0 where all went as it must, 1 where something did not, 2 where it was called wrongly. It takes about a
    minute; the log is kept in .handshake/rehearsals.
    """
    # SAM's translator, which reads templates, takes a second to import.
    from rich.text import Text

    from ops.gates import receipts
    from ops.release.rehearsal import play
    from ops.release.rehearsal_log import Log, describe
    from ops.release.unsupported_resources import PRODUCTION, left_out

    began, log, problem = datetime.now(UTC), Log(_show), ""
    try:
        play(log)
    except Exception as error:  # noqa: BLE001 - whatever ended it, the release was not rehearsed
        problem = describe(error)
    content = {
        "environment": PRODUCTION,
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "steps": [vars(step) for step in log.steps],
        "leftOut": [{"logicalId": one.logical_id, "type": one.type} for one in left_out()],
        "problem": problem,
        "passed": not problem,
    }
    path = receipts.keep(RECEIPTS, PRODUCTION, began, content)
    if as_json:
        print(path.read_text())
    else:
        for one in left_out():
            say(Text.assemble(("left out", "yellow"), f" {one.logical_id} ", (one.type, "dim")), stderr=True)
        say(f"{content['seconds']} s; receipt {path}", stderr=True)
    if problem:
        fail(problem)


def _show(step: "Step") -> None:
    from rich.text import Text

    mark = ("failed", "red") if step.problem else ("done", "green")
    say(Text.assemble(mark, f" {step.name} ", (f"{step.seconds:.1f} s", "dim")), stderr=True)
    for line in step.seen:
        say(f"     {line}", stderr=True, style="dim")
