"""python -m ops status: show the one screen that an operator or responder opens first."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo import runtime_kv as flags
from handshake.incidents.notification import duration, utc
from ops.commands.common import AsJson, Stack, answered, console, escaped
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from ops.local.deployment import Deployment

_MS_PER_HOUR: Final = 3_600_000
# Retention runs hourly, and remembers the hour before the one it ran in.
_RETENTION_MAY_LAG_HOURS: Final = 3
# A rotation is meant to be closed once every signer has the new key.
_ROTATION_MAY_TAKE_MS: Final = 24 * _MS_PER_HOUR
# The others are in what scripts read.
_FINDINGS_SHOWN: Final = 3
_ATTENTION: Final = 1
_QUEUE: Final = "GET /workflow/decision-room"


@dataclass(frozen=True)
class Part:
    """One line of the screen. ``facts`` are for scripts; ``attention`` asks somebody to look."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    attention: bool = False


def status(stack: Stack = STACK_NAME, as_json: AsJson = False) -> None:
    """Show how a stack is: the screen to open first.

    Deployment, pause, alarms, incidents, grants, approvals, migrations, projector, notifier, channels, evidence,
    retention, trust secret and dead letters, each read by itself; one that cannot be read says so.

    Ends with 0 where all is well, 1 where something needs attention or could not be read, 2 where it was called
    wrongly, 69 where the stack cannot be reached.
    """
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
    parts = parts_of(target, stack, now_ms=time.time_ns() // 1_000_000)
    attention = any(part.attention for part in parts.values())
    if as_json:
        shown = {name: {"attention": part.attention, "said": part.text, **part.facts} for name, part in parts.items()}
        print(json.dumps({"stack": stack, "attention": attention, **shown}, indent=2))
    else:
        _show(stack, parts)
    raise typer.Exit(_ATTENTION if attention else 0)


def parts_of(target: "Deployment", stack: str, *, now_ms: int) -> dict[str, Part]:
    """Read every part of the screen, by name. A part that cannot be read says so, and the others are still shown."""
    readers: Mapping[str, Callable[[], Part]] = {
        "deployment": lambda: _deployment(target, stack),
        "mutations": lambda: _mutations(target),
        "alarms": lambda: _alarms(target, stack),
        "incidents": lambda: _incidents(target),
        "grants": lambda: _grants(target),
        "approvals": lambda: _approvals(target, now_ms=now_ms),
        "migrations": lambda: _migrations(target),
        "projector": lambda: _projector(target, stack),
        "notifier": lambda: _notifier(target, stack),
        "channels": lambda: _channels(target),
        "verification": lambda: _verification(target, now_ms=now_ms),
        "retention": lambda: _retention(target, now_ms=now_ms),
        "trustSecret": lambda: _trust_secret(target, now_ms=now_ms),
        "deadLetters": lambda: _dead_letters(target),
    }
    return {name: _best_effort(reader) for name, reader in readers.items()}


def _best_effort(reader: Callable[[], Part]) -> Part:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return reader()
    except ClientError as refused:
        cause = refused.response["Error"]["Code"]
    except (StoreUnavailableError, BotoCoreError, KeyError) as fault:
        # KeyError: a stack of another release lacks an output.
        cause = f"no output {fault}" if isinstance(fault, KeyError) else type(fault).__name__
    return Part(f"cannot be read: {cause}", {"unread": cause}, attention=True)


def _deployment(target: "Deployment", stack: str) -> Part:
    [described] = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    at = _ms(described.get("LastUpdatedTime") or described["CreationTime"])
    name, state, environment = target.outputs["WorkflowFunction"], described["StackStatus"], target.outputs["ApiStage"]
    alias = target.client("lambda").get_alias(FunctionName=name, Name="live")
    shifting = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    text = f"{environment}, {state.lower().replace('_', ' ')} {utc(at)}, workflow at version {alias['FunctionVersion']}"
    text += "".join(f", {weight:.0%} of calls to version {version}" for version, weight in shifting.items())
    facts = {"environment": environment, "state": state, "at": at, "version": alias["FunctionVersion"]}
    # A roll-back that completed ended well for the stack, and yet somebody should know.
    return Part(text, {**facts, "shifting": shifting}, attention=state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"))


def _mutations(target: "Deployment") -> Part:
    context = target.context()
    [flag] = context.dynamo.batch_get([(context.tables.runtime_kv, flags.PAUSE_KEY)])
    if flag is None:
        return Part("go on; never paused", {"paused": False})
    since, cause = int(flag["changed_at"]), flag.get("cause")
    who = flag.get("by") or "an operator"
    facts = {"paused": flag["paused"], "since": since, "cause": cause, "by": flag.get("by")}
    by = f"by incident {cause}" if cause else f"by {who}"
    if not flag["paused"]:
        return Part(f"go on since {utc(since)}, {by}", facts)
    return Part(f"PAUSED since {utc(since)} {by}; python -m ops resume lets them go on", facts, attention=True)


def _alarms(target: "Deployment", stack: str) -> Part:
    pages = (
        target.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stack}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    states, composites = dict[str, str](), set[str]()
    for page in pages:
        for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"]):
            states[alarm["AlarmName"].removeprefix(f"{stack}-")] = alarm["StateValue"]
        composites |= {alarm["AlarmName"].removeprefix(f"{stack}-") for alarm in page["CompositeAlarms"]}
    firing = sorted(name for name, state in states.items() if state == "ALARM")
    unknown = sorted(name for name, state in states.items() if state == "INSUFFICIENT_DATA")
    # A composite alarm only repeats what others say: it is none of those that are counted.
    measuring = states.keys() - composites
    text = f"{len(measuring & set(firing)) or 'none'} of {len(measuring)} in ALARM"
    named = ", ".join(name for name in firing if name in measuring)
    text += f": {named}" if named else ""
    text += "".join(f"; the composite {name} too" for name in firing if name in composites)
    text += f"; {len(measuring & set(unknown))} of {len(measuring)} without data" if measuring & set(unknown) else ""
    facts = {"count": len(states), "alarm": firing, "insufficientData": unknown}
    return Part(text if states else "there are none", facts, attention=bool(firing) or not states)


def _incidents(target: "Deployment") -> Part:
    from handshake.incidents import table as incidents

    context = target.context()
    opened = [one for one in incidents.read_all(context.dynamo, context.tables.runtime_kv) if one.state == "open"]
    opened.sort(key=lambda incident: incident.opened_at_ms)
    listed = ", ".join(incident.id for incident in opened)
    text = f"{len(opened)} open: {listed}; python -m ops incidents show ID" if opened else "none open"
    return Part(text, {"open": [incident.id for incident in opened]}, attention=bool(opened))


def _approvals(target: "Deployment", *, now_ms: int) -> Part:
    from handshake.dynamo.client import RETRY_BUDGET_S
    from handshake.requests import queue
    from handshake.requests.table import record_from

    context = target.context()
    count, soonest = queue.waiting(context.dynamo, context.tables.workflow)
    items = (
        context.within(RETRY_BUDGET_S).dynamo.batch_get([(context.tables.workflow, key) for key in soonest])
        if soonest
        else []
    )
    waiting = [record for record in map(record_from, items) if record and not record.state.terminal]
    oldest_ms = max((now_ms - record.created_at_ms for record in waiting), default=0)
    text = f"{count} pending, the oldest for {duration(oldest_ms)}; {_QUEUE} lists them" if count else "none pending"
    return Part(text, {"pending": count, "oldestPendingMs": oldest_ms})


def _grants(target: "Deployment") -> Part:
    from handshake.requests import queue

    context = target.context()
    late = len(queue.unreported(context.dynamo, context.tables.workflow, now_ms=context.now_ms()))
    text = f"{late} claimed and not reported for 15 minutes; python -m ops grants list" if late else "all are reported"
    return Part(text, {"unreported": late}, attention=bool(late))


def _migrations(target: "Deployment") -> Part:
    from ops.migrations.runner import ChecksumError, survey

    try:
        standings = survey(target.context())
    except ChecksumError as differs:
        return Part(str(differs), {"checksum": False}, attention=True)
    waiting = [one.migration.name for one in standings if one.state != "applied"]
    applied = [one.migration.name for one in standings if one.state == "applied"]
    text = f"all {len(applied)} applied" if not waiting else f"to apply: {', '.join(waiting)}; python -m ops migrate"
    return Part(text, {"applied": applied, "pending": waiting}, attention=bool(waiting))


def _projector(target: "Deployment", stack: str) -> Part:
    """Lambda measures no stream's age while it reads none, so no alarm tells of a projector that was stopped."""
    states = _mappings(target, f"{stack}-metrics-projector:live")
    if states == ["Enabled"]:
        return Part("counts what happens", {"states": states})
    text = f"{', '.join(states).lower() or 'not subscribed'}: metrics stand still"
    return Part(f"{text}; python -m ops metrics rebuild --apply starts it", {"states": states}, attention=True)


def _notifier(target: "Deployment", stack: str) -> Part:
    """Requests and agents have a stream each; of one that is not read, nobody is told."""
    states = _mappings(target, f"{stack}-notifier:live")
    if states == ["Enabled", "Enabled"]:
        return Part("tells what happens to requests and agents", {"states": states})
    text = f"{', '.join(states).lower() or 'not subscribed'}: nobody is told; deploy again, or enable both mappings"
    return Part(text, {"states": states}, attention=True)


def _channels(target: "Deployment") -> Part:
    from handshake.channels.table import read_channels

    channels, _ = read_channels(target.context())
    names = [channel.channel_id for channel in channels]
    text = f"{len(names)} tell people" if names else "none; what happens is on the event bus alone"
    return Part(text, {"channels": names})


def _mappings(target: "Deployment", function: str) -> list[str]:
    answer = target.client("lambda").list_event_source_mappings(FunctionName=function)
    return [mapping["State"] for mapping in answer["EventSourceMappings"]]


def _retention(target: "Deployment", *, now_ms: int) -> Part:
    context = target.context()
    [mark] = context.dynamo.batch_get([(context.tables.runtime_kv, flags.RETENTION_KEY)])
    if mark is None:
        return Part("has not run yet; it does every hour", {"deletedBefore": None})
    before = int(mark["hour"]) * _MS_PER_HOUR
    late = now_ms - before > _RETENTION_MAY_LAG_HOURS * _MS_PER_HOUR
    text = f"guards that expired before {utc(before)} are deleted" + ("; it has not run for hours" if late else "")
    return Part(text, {"deletedBefore": before}, attention=late)


def _verification(target: "Deployment", *, now_ms: int) -> Part:
    from handshake.requests.verification_progress import NIGHTS, night_of, read_progress

    lanes = read_progress(target.context())
    tonight = night_of(now_ms)
    left = [lane for lane in lanes if lane.night <= tonight]
    behind = max((tonight - lane.night for lane in left), default=0)
    broken = [lane for lane in lanes if lane.broken_night is not None and lane.broken_night > tonight - NIGHTS]
    findings = sum(lane.broken for lane in broken)
    named = [name for lane in broken for name in lane.named]
    moved = max((lane.moved_at_ms or 0 for lane in lanes), default=0)
    facts = {
        "lanes": len(lanes),
        "lanesLeft": len(left),
        "nightsBehind": behind,
        "movedAt": moved or None,
        "verified": {f"{lane.lane.kind}#{lane.lane.number}": lane.checked for lane in left},
        "findings": findings,
        "named": named,
    }
    if not moved:
        return Part("evidence was never verified; every night it is", facts, attention=True)
    text = f"{len(lanes) - len(left)} of {len(lanes)} lanes have verified tonight's evidence, at {utc(moved)}"
    text += f"; {behind} nights behind" if behind else ""
    if findings:
        text += f"; BROKEN: {findings} findings, {', '.join(named[:_FINDINGS_SHOWN])}"
    return Part(text, facts, attention=bool(findings or behind))


def _trust_secret(target: "Deployment", *, now_ms: int) -> Part:
    ages = dict(_secret_ages(target, now_ms=now_ms))
    current, previous = ages.get("AWSCURRENT"), ages.get("AWSPREVIOUS")
    facts = {"currentAgeMs": current, "previousAgeMs": previous, "pendingAgeMs": ages.get("AWSPENDING")}
    if current is None:
        return Part("has no current version, so no policy can be applied", facts, attention=True)
    text = f"current version made {duration(current)} ago"
    if previous is None:
        return Part(f"{text}; no previous one is accepted", facts)
    open_too_long = current > _ROTATION_MAY_TAKE_MS
    text += f"; a previous one, made {duration(previous)} ago, is accepted too"
    return Part(text + (": close the rotation" if open_too_long else ""), facts, attention=open_too_long)


def _secret_ages(target: "Deployment", *, now_ms: int) -> Iterator[tuple[str, int]]:
    client, secret = target.client("secretsmanager"), target.outputs["TrustSecretArn"]
    page: dict[str, Any] = client.list_secret_version_ids(SecretId=secret)
    # Versions without a stage are not listed: that leaves a few.
    for version in page["Versions"]:
        for stage in version.get("VersionStages", ()):
            yield stage, now_ms - _ms(version["CreatedDate"])


def _dead_letters(target: "Deployment") -> Part:
    client = target.client("sqs")
    attribute = "ApproximateNumberOfMessages"
    counts = {
        name.removesuffix("DeadLetters"): int(
            client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][attribute]
        )
        for name, url in sorted(target.outputs.items())
        if name.endswith("DeadLetters")
    }
    full = {name: count for name, count in counts.items() if count}
    text = ", ".join(f"{count} of {name}" for name, count in full.items()) or f"none in {len(counts)} queues"
    return Part(text, {"queues": counts}, attention=bool(full) or not counts)


def _show(stack: str, parts: Mapping[str, Part]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table("", "part", stack, box=SIMPLE_HEAD)
    for name, part in parts.items():
        words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
        mark = Text("look", style="bold red") if part.attention else Text("ok", style="green")
        table.add_row(mark, Text(words), Text(escaped(part.text)))
    console().print(table)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
