"""python -m ops drill: cause incidents, follow their runbooks, restore, and keep receipts of the times."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import Stack, answered, console, fail, say
from ops.local.settings import ROOT, STACK_NAME, STATE

if TYPE_CHECKING:
    from rich.table import Table

    from ops.local.deployment import Deployment
    from ops.reliability.fault_scenarios import Traffic
    from ops.reliability.incident_timeline import IncidentTimeline, Observer

RECEIPTS: Final = STATE / "drills"
_QUIET_S: Final = 180.0  # for a stack to be calm before it is hurt
_PATIENCE_S: Final = 900.0
_LOOK_S: Final = 1.0
# Of a runbook's commands, what a drill leaves to people: gates of minutes, and resuming, which comes at the end.
_LEFT_OUT: Final = ("poe test:", "poe check:release-readiness", "python -m ops resume")
# A line that calls a function of its own block; the runbook's test runs the block whole.
_PART_OF_A_PROBE: Final = "$(as "


class DrillFailedError(Exception):
    """An expected event did not happen within the patience of a drill. The message names it."""


@dataclass(frozen=True)
class Step:
    """One command of a runbook: its exit code, and how many seconds it took."""

    command: str
    code: int
    seconds: float


def drill(
    alerts: Annotated[
        list[str] | None, typer.Argument(metavar="[ALERT]...", help="Which; without any, all of them.")
    ] = None,
    stack: Stack = STACK_NAME,
    role: Annotated[str, typer.Option(help="ARN of an envelope issuer to call as; else you are one.")] = "",
    hurt_a_deployed_stack: Annotated[
        bool, typer.Option("--hurt-a-deployed-stack", help="Needed for any stack but the local one.")
    ] = False,
) -> None:
    """Cause incidents for real and time the response: to detect, to page, to triage, to notify, to recover.

    Ends with 0 when every alarm fired, people were notified, the commands worked and all recovered; 1 when not;
    2 for a wrong command line, 69 when the stack cannot be reached. A receipt of each drill is kept in
    .handshake/drills.
    """
    from ops.reliability.fault_scenarios import SCENARIOS

    wanted = alerts or list(SCENARIOS)
    if unknown := set(wanted) - SCENARIOS.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(SCENARIOS)}")
    if stack != STACK_NAME and not hurt_a_deployed_stack:
        raise typer.BadParameter(f"{stack} is deployed: --hurt-a-deployed-stack lets callers of it be refused")
    with answered(), _target(stack) as target:
        try:
            kept = run(target, stack, wanted, role=role)
        except DrillFailedError as error:
            fail(str(error))
    for path in kept:
        say(f"receipt {path.relative_to(ROOT)}")
    raise typer.Exit(0 if all(json.loads(path.read_text())["passed"] for path in kept) else 1)


def run(target: "Deployment", stack: str, alerts: Sequence[str], *, role: str = "") -> list[Path]:
    """Drill ``alerts`` at once on ``stack``, and return the receipts' paths. Raises DrillFailedError."""
    from ops.local.edge_rules import Access
    from ops.local.signing_edge import SigningEdge, Upstream, kept_token
    from ops.reliability.fault_scenarios import SCENARIOS, Traffic, broken_store, dead_channel
    from ops.reliability.incident_timeline import IncidentTimeline, Observer, subscribed

    timelines = [IncidentTimeline(SCENARIOS[alert]) for alert in alerts]
    caller = target.caller(role)
    credentials = caller.get_credentials()
    if credentials is None:
        raise DrillFailedError("no AWS credentials; set AWS_PROFILE or sign in first")
    upstream = Upstream(target.api_url, credentials=credentials, region=target.region)
    with ExitStack() as resources:
        edge = resources.enter_context(SigningEdge(0))
        token, header_file = resources.enter_context(kept_token(edge.server_port))
        # A runbook asks as somebody else, to see that it is refused.
        edge.start(upstream, access=Access(token, callers_envelopes=True))
        shell = {"HANDSHAKE_STACK": stack, "HANDSHAKE_URL": edge.url, "HANDSHAKE_EDGE_HEADER": str(header_file)}
        observer = Observer(target, stack, timelines, resources.enter_context(subscribed(target)))
        traffic = resources.enter_context(Traffic(upstream, [timeline.scenario for timeline in timelines]))
        show = resources.enter_context(_shown(timelines, traffic))
        _wait(observer.all_ok, _QUIET_S, "alarms that are OK before anything begins", show)
        with ExitStack() as faults:
            if any(timeline.scenario.denies_the_store for timeline in timelines):
                faults.enter_context(broken_store(target, stack))
            if any(timeline.scenario.kills_a_channel for timeline in timelines):
                faults.enter_context(dead_channel(target, stack))
            traffic.inject(on=True)
            _stamp(timelines, "began_at")
            _wait(lambda: _all(observer, timelines, "fired"), _PATIENCE_S, "every alarm, page and incident", show)
            steps = {timeline.scenario.alert: _follow(timeline.scenario.alert, target, shell) for timeline in timelines}
            traffic.inject(on=False)
        _stamp(timelines, "restored_at")
        _wait(lambda: _all(observer, timelines, "over"), _PATIENCE_S, "every alarm to be OK again", show)
        _run("python -m ops resume", target, shell)
    return [_write(timeline, stack, steps[timeline.scenario.alert], traffic) for timeline in timelines]


@contextmanager
def _target(stack: str) -> "Iterator[Deployment]":
    """Yield the stack, or a local one of the drill's own where none is running."""
    from ops.local import deployment

    try:
        target = deployment.find(stack)
    except deployment.NoDeploymentError:
        if stack != STACK_NAME:
            raise
        from ops.local.running import running_here
        from ops.local.stack import LocalStack

        say("no local stack is running, so the drill starts one of its own")
        with LocalStack() as own, running_here(own.endpoint_url):
            yield deployment.find(stack)
    else:
        yield target


def _all(observer: "Observer", timelines: "Sequence[IncidentTimeline]", what: str) -> bool:
    observer.look()
    return all(getattr(timeline, what) for timeline in timelines)


def _stamp(timelines: "Sequence[IncidentTimeline]", what: str) -> None:
    for timeline in timelines:
        setattr(timeline, what, time.time())


def _wait(happened: Callable[[], bool], seconds: float, what: str, show: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        show()
        if time.monotonic() > deadline:
            raise DrillFailedError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(_LOOK_S)
    show()


def _follow(alert: str, target: "Deployment", shell: Mapping[str, str]) -> list[Step]:
    """Run the commands of the alert's runbook that are a responder's own; AWS's own CLI is left to people."""
    text = (ROOT / "alarms" / "runbooks" / f"{alert}.md").read_text()
    scripts = "\n".join(re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    commands = re.findall(r"^(?:python -m ops|poe|curl) .*(?:\n  .*)*", scripts, re.MULTILINE)
    whole = [command for command in commands if _PART_OF_A_PROBE not in command]
    followed = [command for command in whole if not command.startswith(_LEFT_OUT)]
    return [_run(command, target, shell) for command in followed]


def _run(command: str, target: "Deployment", shell: Mapping[str, str]) -> Step:
    began = time.monotonic()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **target.variables, **shell, "PATH": path}
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, check=False)
    say(f"$ {command.splitlines()[0]} -> {done.returncode}", style="dim")
    return Step(command, done.returncode, round(time.monotonic() - began, 1))


def _write(timeline: "IncidentTimeline", stack: str, steps: Sequence[Step], traffic: "Traffic") -> Path:
    from ops.gates import receipts

    content: Mapping[str, Any] = {
        "alert": timeline.scenario.alert,
        "stack": stack,
        "caused": timeline.scenario.description,
        "seconds": timeline.seconds(),
        "incident": timeline.incident_id,
        "refused": traffic.answers[timeline.scenario.refused],
        "answers": {f"{status} {code}".strip(): count for (status, code), count in sorted(traffic.answers.items())},
        "unanswered": traffic.failed,
        "runbook": [vars(step) for step in steps],
        # A gate or report that finds something (a code of its own) has worked; a command that cannot run has not.
        "passed": timeline.fired and timeline.over and all(step.code not in (2, 70, 126, 127) for step in steps),
    }
    began = datetime.fromtimestamp(timeline.began_at or 0, UTC)
    return receipts.keep(RECEIPTS, timeline.scenario.alert, began, content)


@contextmanager
def _shown(timelines: "Sequence[IncidentTimeline]", traffic: "Traffic") -> Iterator[Callable[[], None]]:
    """Show the timelines while they run, and once more at the end where nobody watches."""
    from rich.live import Live

    out = console()
    with Live(console=out, auto_refresh=False) if out.is_terminal else nullcontext() as live:

        def show() -> None:
            if live:
                live.update(_table(timelines, traffic), refresh=True)

        yield show
    if not out.is_terminal:
        out.print(_table(timelines, traffic))


def _table(timelines: "Sequence[IncidentTimeline]", traffic: "Traffic") -> "Table":
    from rich.table import Table
    from rich.text import Text

    headings = ("alert", "last minutes", "alarm", "detect", "page", "triage", "notify", "recover")
    table = Table(*headings, box=None, pad_edge=False)
    for timeline in timelines:
        took = timeline.seconds()
        times = [took[name] for name in ("toDetect", "toPage", "toTriage", "toNotify", "toRecover")]
        minutes = " ".join(f"{value:.2g}" for value in timeline.minutes)
        style = {"ALARM": "red", "OK": "green"}.get(timeline.state, "dim")
        cells = [f"{seconds:.0f} s" if seconds is not None else "" for seconds in times]
        table.add_row(timeline.scenario.alert, minutes, Text(timeline.state, style=style), *cells)
    table.caption = f"{sum(traffic.answers.values())} calls answered, {traffic.failed} not"
    return table
