"""ops metrics: prove that a stack's roll-ups are the sum of its events, or make them so."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Commands, Stack, answered, console, fail, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.metrics.rebuild import Comparison
    from ops.local.deployment import Deployment

_SWITCH_TAKES_S: Final = 180.0
_POLL_S: Final = 1.0
_SHOWN: Final = 40

metrics = Commands(no_args_is_help=True, help="Whether the metrics are true.")


@metrics.command("rebuild")
def rebuild_command(
    stack: Stack = STACK_NAME,
    apply: Annotated[bool, typer.Option("--apply", help="Make them equal. Without it, only compare.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count every event anew, and name each roll-up and counter that differs.

    Ends with 0 where none does, 1 where one does or the projector stands still, 69 where the stack cannot be reached.

    With --apply roll-ups are made equal to the events while traffic goes on; what is reported is how they differed.
    """
    from handshake.metrics.rebuild import OvertakenError, compare, rebuild
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        projector = Projector.of(target)
        context = target.context()._replace(now_ms=projector.now_ms)
        if apply:
            try:
                with projector.stopped():
                    comparison = rebuild(context, stream=projector.stream, pause=time.sleep)
            except OvertakenError:
                fail("another rebuild took over")
            except TimeoutError as slow:
                fail(str(slow))
        else:
            comparison = compare(context)
        state = projector.state()
    if as_json:
        print(json.dumps(_as_json(comparison, state=state, applied=apply)))
    else:
        _show(comparison, state=state, applied=apply)
    true_now = not comparison.unreadable if apply else comparison.holds
    raise typer.Exit(0 if true_now and state == "Enabled" else 1)


@dataclass(frozen=True)
class Projector:
    """The subscription that hands the metrics table's stream to its projector.

    ``stream`` is the stream's label. ``ahead_ms`` is by how much AWS's clock is ahead of this machine's.
    """

    client: Any
    mapping_id: str
    stream: str
    ahead_ms: int

    @classmethod
    def of(cls, stack: "Deployment") -> "Projector":
        """Find the projector of ``stack``. Raises NoDeploymentError where its stream has none."""
        from ops.local.deployment import NoDeploymentError

        client = stack.client("lambda")
        arn = stack.client("dynamodb").describe_table(TableName=stack.tables.metrics)["Table"]["LatestStreamArn"]
        answer = client.list_event_source_mappings(EventSourceArn=arn)
        # The events' times are from machines that keep AWS's time, which an operator's need not; to half a second.
        there = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp() + 0.5
        if not answer["EventSourceMappings"]:
            raise NoDeploymentError("the metrics table's stream has no projector")
        [mapping] = answer["EventSourceMappings"]
        return cls(client, mapping["UUID"], arn.rpartition("/")[2], round((there - time.time()) * 1000))

    def now_ms(self) -> int:
        """Return AWS's time, epoch ms."""
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def state(self) -> str:
        """Read the subscription's state: ``Enabled`` while events are projected."""
        state: str = self.client.get_event_source_mapping(UUID=self.mapping_id)["State"]
        return state

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Deliver no events until exit. After an error the projector stays stopped, and a message says so."""
        try:
            self._switch(on=False)
            yield
            self._switch(on=True)
        except BaseException:
            unfinished = "the projector may be stopped: run metrics rebuild --apply again, which finishes and starts it"
            say(unfinished, stderr=True, style="red")
            raise

    def _switch(self, *, on: bool) -> None:
        # While a change is under way AWS refuses another.
        self._await("Enabled", "Disabled")
        self.client.update_event_source_mapping(UUID=self.mapping_id, Enabled=on)
        self._await("Enabled" if on else "Disabled")

    def _await(self, *states: str) -> None:
        deadline = time.monotonic() + _SWITCH_TAKES_S
        while (state := self.state()) not in states:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the projector's event source mapping stays {state}")
            time.sleep(_POLL_S)


def _as_json(comparison: "Comparison", *, state: str, applied: bool) -> dict[str, Any]:
    differences = [
        {
            "bucket": difference.bucket.size,
            "start": difference.bucket.start,
            "counter": difference.counter,
            "stored": difference.stored,
            "atLeast": difference.at_least,
            "atMost": difference.at_most,
        }
        for difference in comparison.differences
    ]
    return {
        "applied": applied,
        "projector": state,
        "events": comparison.events,
        "rollUps": comparison.rollups,
        "notYetFolded": comparison.not_yet_folded,
        "unreadable": list(comparison.unreadable),
        "differences": differences,
    }


def _show(comparison: "Comparison", *, state: str, applied: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("roll-up", "counter", "stored", "by the events", box=SIMPLE_HEAD)
    for difference in comparison.differences[:_SHOWN]:
        bounds = sorted({difference.at_least, difference.at_most})
        table.add_row(
            f"{difference.bucket.size} {difference.bucket.start}",
            difference.counter,
            str(difference.stored),
            " to ".join(map(str, bounds)),
        )
    if comparison.differences:
        console().print(table)
    for unreadable in comparison.unreadable:
        say(f"unreadable event in {unreadable}")
    summary = [
        f"{comparison.events} events, {comparison.rollups} roll-ups",
        f"{len(comparison.differences)} counters " + ("differed and are mended" if applied else "differ"),
        f"{comparison.not_yet_folded} events " + ("were" if applied else "are") + " not yet folded",
    ]
    say("; ".join(summary))
    if state != "Enabled":
        say(f"the projector is {state.lower()}: --apply finishes a rebuild and starts it", style="red")
