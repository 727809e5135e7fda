"""Operate on a stack's own state: pause and resume, replay guard retention, dashboard, evidence."""

import json
from collections import Counter
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.common import AsJson, Commands, Stack, answered, console, escaped, reach, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.requests.verify import Finding
    from ops.local.deployment import Deployment

_LISTED: Final = 20

evidence = Commands(no_args_is_help=True, help="What was decided, by whom, and whether it still shows.")


def pause(stack: Stack = STACK_NAME) -> None:
    """Refuse privileged mutations (decision actions, policy apply, grants) until resume; reads go on.

    Deadlines go on too: what nobody may decide meanwhile expires when its time is over, in evidence, and stays expired
    after resume. Its agent has to ask again. Whoever may approve can extend a deadline, and revoke, while it lasts.
    It says how many wait, and until when.

    Ends with 0 where they are paused, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    _switch(stack, paused=True)
    say(_what_waits(stack))


def resume(
    stack: Stack = STACK_NAME,
    extend_pending: Annotated[
        bool, typer.Option("--extend-pending", help="First give what waits the time back that the pause took.")
    ] = False,
) -> None:
    """Let privileged mutations go on. What expired meanwhile stays expired.

    With --extend-pending each escalation that still waits is extended by the time since the pause: by a minute at
    least and a day at most, in evidence, as one of its three extensions. Run again, it extends nothing twice.

    Ends with 0 where they go on, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    if extend_pending:
        _give_back(stack)
    _switch(stack, paused=False)


def _give_back(stack: str) -> None:
    """Extend what waits by the time that the pause in force has taken."""
    from handshake.dynamo.runtime_kv import PAUSE_KEY
    from handshake.requests.extend_pending import extend_pending
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        context = target.context()
        [pause] = context.dynamo.batch_get([(context.tables.runtime_kv, PAUSE_KEY)])
        if pause is None or not pause.get("paused"):
            say("privileged mutations are not paused, so there is no time to give back")
            return
        done = extend_pending(context, paused_at_ms=int(pause["changed_at"]), operator=_operator(target))
    say(
        f"{done.extended} escalations have {done.seconds} s more; {done.already} had been given them,"
        f" {done.not_extendable} can be given none"
    )


def _what_waits(stack: str) -> str:
    """Say what waits for a person, and until when. That nobody can say so does not undo a pause."""
    from handshake.core.errors import StoreUnavailableError
    from handshake.dynamo.client import RETRY_BUDGET_S
    from handshake.incidents.notification import utc
    from handshake.requests import queue
    from handshake.requests.table import record_from
    from ops.local import deployment

    context = deployment.find(stack).context()
    table = context.tables.workflow
    try:
        count, soonest = queue.waiting(context.dynamo, table)
        items = context.within(RETRY_BUDGET_S).dynamo.batch_get([(table, key) for key in soonest]) if soonest else []
    except StoreUnavailableError:
        return "how many escalations wait cannot be read now; their deadlines go on"
    deadlines = [record.expires_at_ms for record in map(record_from, items) if record and record.expires_at_ms]
    if not deadlines:
        return "nothing waits for a person"
    return (
        f"{count} escalations wait, and their deadlines go on: the next is {utc(min(deadlines))}. Who may approve can"
        " extend one (python -m ops approvals extend); python -m ops resume --extend-pending gives all the time back."
    )


def retention(
    stack: Stack = STACK_NAME,
    apply: Annotated[bool, typer.Option("--apply", help="Delete them. Without it, only say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete replay guards that have expired. A dry run unless --apply.

    Ends with 0 where it is done or said, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.replay_guards.retain import expired_guards, retain_guards

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
    stack: Stack = STACK_NAME,
) -> None:
    """Say what logs and incidents call a principal or a tenant.

    Ends with 0, with 1 where AWS refuses the key, 69 where the stack cannot be reached.
    """
    from handshake.api.telemetry import pseudonym
    from ops.local import deployment

    with answered():
        there = deployment.find(stack)
        key = there.client("secretsmanager").get_secret_value(SecretId=there.outputs["PseudonymKeyArn"])["SecretString"]
    print(pseudonym(name, key.encode()))


def dashboard(
    stack: Stack = STACK_NAME,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The picture (PNG).")] = Path("dashboard.png"),
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="How far back it looks.")] = 3,
) -> None:
    """Draw the stack's CloudWatch dashboard, with its data, as a picture for a ticket or a report.

    Ends with 0 where it is drawn, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from ops.local import deployment
    from ops.reliability.dashboard import draw

    with answered():
        draw(deployment.find(stack).client("cloudwatch"), stack, since=timedelta(hours=hours), to=out)
    print(out)


@evidence.command("verify")
def verify_evidence(
    request_id: Annotated[str, typer.Argument(help="One request; without it, every request there is.")] = "",
    stack: Stack = STACK_NAME,
    as_json: AsJson = False,
) -> None:
    """Hold what is stored against its evidence, and name what does not agree.

    Requests are held against their own evidence and against metrics, metrics events against evidence, active policies
    against their versions and the audit trail.

    Ends with 0 where all agrees, 1 where something does not, 69 where the stack cannot be reached.
    """
    from rich.text import Text

    from handshake.requests.verify import Page
    from ops.reliability.evidence import verify, verify_all

    checked: Counter[str] = Counter()
    findings: list[Finding] = []
    with reach(stack) as context, console(stderr=True).status("") as progress:
        pages = iter([("requests", Page(1, verify(context, request_id), None))]) if request_id else verify_all(context)
        for name, page in pages:
            checked[name] += page.checked
            findings += page.findings
            progress.update(Text(f"{_counts(checked)} checked"))
            for finding in () if as_json else page.findings:
                named = escaped(f"{finding.subject} {finding.name}: {finding.problem}")
                say(Text.assemble(("broken", "red"), " ", named))
    if as_json:
        broken = [vars(finding) for finding in findings]
        print(json.dumps({"checked": checked, "broken": broken}))
    else:
        say(f"{_counts(checked)} checked, {len(findings)} broken")
    raise typer.Exit(1 if findings else 0)


def _counts(checked: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in checked.items())


def _switch(stack: str, *, paused: bool) -> None:
    from handshake.dynamo.runtime_kv import RuntimeTransaction
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        by = _operator(target)
        context = target.context()
        tx = RuntimeTransaction(context)
        tx.set_paused(paused=paused, now_ms=context.now_ms(), by=by)
        tx.commit()
    say(f"privileged mutations {'are paused' if paused else 'go on'}; the record names {by}")


def _operator(target: "Deployment") -> str:
    """Name the operator. Pausing must not wait for STS to be well."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return target.operator()
    except (BotoCoreError, ClientError) as fault:
        return f"nobody known, for {type(fault).__name__}"
