"""Operate on a stack's own state: pause and resume, replay guard retention, dashboard, evidence."""

import json
from collections import Counter
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.replay_guards.retain import expired_guards, retain_guards
from handshake.requests.verify import Finding, Page
from ops.commands.common import AsJson, Stack, escaped, fail, reach
from ops.local import deployment
from ops.reliability.evidence import verify, verify_all

_LISTED: Final = 20
_console: Final = Console()

evidence = typer.Typer(no_args_is_help=True, help="What was decided, by whom, and whether it still shows.")


def pause(stack: Stack = deployment.LOCAL) -> None:
    """Refuse privileged mutations (decision actions, policy apply) until resume; reads go on."""
    _switch(stack, paused=True)


def resume(stack: Stack = deployment.LOCAL) -> None:
    """Let privileged mutations go on."""
    _switch(stack, paused=False)


def retention(
    stack: Stack = deployment.LOCAL,
    apply: Annotated[bool, typer.Option("--apply", help="Delete them. Without it, only say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete replay guards that have expired. A dry run unless --apply."""
    with reach(stack) as context:
        if apply:
            done = retain_guards(context)
            report: dict[str, object] = vars(done)
            text = f"removed {done.removed} expired guards; {done.kept} were claimed again and stay"
            text += "; time ran out, so there may be more: run it again" if done.unfinished else ""
        else:
            keys = (key["guard_key"] for key in expired_guards(context))
            listed = list(islice(keys, _LISTED))
            count = len(listed) + sum(1 for _ in keys)
            report = {"wouldRemove": count, "first": listed}
            text = "\n".join([*listed, f"would remove {count} expired guards; --apply does it"])
    print(json.dumps(report) if as_json else text)


def pseudonym(
    name: Annotated[str, typer.Argument(help="A principal's or a tenant's id, as it is spelled.")],
    stack: Stack = deployment.LOCAL,
) -> None:
    """Say what logs and incidents call a principal or a tenant."""
    from handshake.api.telemetry import pseudonym

    try:
        there = deployment.find(stack)
        key = there.client("secretsmanager").get_secret_value(SecretId=there.outputs["PseudonymKeyArn"])["SecretString"]
    except (deployment.NoDeploymentError, BotoCoreError, ClientError) as error:
        fail(str(error))
    print(pseudonym(name, key.encode()))


def dashboard(
    stack: Stack = deployment.LOCAL,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The picture (PNG).")] = Path("dashboard.png"),
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="How far back it looks.")] = 3,
) -> None:
    """Draw the stack's CloudWatch dashboard, with its data, as a picture for a ticket or a report."""
    from ops.reliability.dashboard import draw

    try:
        draw(deployment.find(stack).client("cloudwatch"), stack, since=timedelta(hours=hours), to=out)
    except (deployment.NoDeploymentError, BotoCoreError, ClientError) as error:
        fail(str(error))
    print(out)


@evidence.command("verify")
def verify_evidence(
    request_id: Annotated[str, typer.Argument(help="One request; without it, every request there is.")] = "",
    stack: Stack = deployment.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Hold what is stored against its evidence, and name what does not agree. Ends with 1 where something does not.

    Requests are held against their own evidence and against metrics, metrics events against evidence, active policies
    against their versions and the audit trail.
    """
    checked: Counter[str] = Counter()
    findings: list[Finding] = []
    with reach(stack) as context, Console(stderr=True).status("") as progress:
        pages = iter([("requests", Page(1, verify(context, request_id), None))]) if request_id else verify_all(context)
        for name, page in pages:
            checked[name] += page.checked
            findings += page.findings
            progress.update(Text(f"{_counts(checked)} checked"))
            for finding in () if as_json else page.findings:
                named = escaped(f"{finding.subject} {finding.name}: {finding.problem}")
                _console.print(Text.assemble(("broken", "red"), " ", named), highlight=False, soft_wrap=True)
    if as_json:
        broken = [vars(finding) for finding in findings]
        print(json.dumps({"checked": checked, "broken": broken}))
    else:
        _console.print(f"{_counts(checked)} checked, {len(findings)} broken", highlight=False)
    raise typer.Exit(1 if findings else 0)


def _counts(checked: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in checked.items())


def _switch(stack: str, *, paused: bool) -> None:
    with reach(stack) as context:
        tx = RuntimeTransaction(context)
        tx.set_paused(paused=paused, now_ms=context.now_ms())
        tx.commit()
    print("privileged mutations are paused" if paused else "privileged mutations go on")
