"""Writes what people are told of an incident: text that can be read on a phone at night."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from handshake.incidents.incident import Incident

_SUBJECT_LENGTH = 100  # SNS's bound


class Notification(NamedTuple):
    """A subject of at most 100 ASCII characters, and plain text."""

    subject: str
    text: str


def fired(incident: Incident, *, service: str) -> Notification:
    """Tell that an alarm fired: since when, the numbers, the first steps and where the rest is."""
    lines = [
        f"{incident.alert} fired on {service}",
        f"since {utc(incident.opened_at_ms)}",
        "",
        incident.reason,
        "",
        *findings(incident),
        *(["", "Not known or not done:", *(f"- {note}" for note in incident.notes)] if incident.notes else []),
        "",
        incident.first_steps,
        "",
        f"python -m ops incidents show {incident.id} --stack {service}",
    ]
    return Notification(_subject(f"ALARM {incident.alert} on {service}"), "\n".join(lines))


def recovered(
    alert: str, *, at_ms: int, service: str, incident: Incident | None, notes: Sequence[str] = ()
) -> Notification:
    """Tell that an alarm is OK again, after how long, and of which ``incident`` where that is known."""
    lines = [f"{alert} is OK again on {service}", f"at {utc(at_ms)}"]
    if incident is not None:
        lines += [f"after {duration(at_ms - incident.opened_at_ms)}", "", f"incident {incident.id}"]
    lines += ["", *notes] if notes else []
    return Notification(_subject(f"OK {alert} on {service}"), "\n".join(lines))


def findings(incident: Incident) -> Iterator[str]:
    """Give the numbers that were found, a line each."""
    found = incident.findings
    if signal := found.get("signal"):
        points = ", ".join(f"{utc(point['timestamp'])[11:16]} {point['value']:g}" for point in signal["datapoints"])
        yield f"{signal['metric']} ({signal['statistic']}): {points or 'no data'}"
    if deployment := found.get("deployment"):
        yield f"last deployed {utc(deployment['at'])}, {deployment['status']}, version {deployment['version']}"
    if reasons := found.get("reasons"):
        shares = ", ".join(
            f"{family['reasonFamily']} {family['percentage']:.0%} ({family['count']})" for family in reasons["families"]
        )
        yield f"reason families, last {reasons['window']}: {shares or 'no events'}"
    if series := found.get("series"):
        values = ", ".join(f"{point['value']:g}" for point in series["series"])
        yield f"{series['metric']} by hour, newest last: {values}"
    if denied := found.get("endpoints"):
        yield "refused in the last 15 minutes:"
        yield from (f"  {one['count']:g} {one['endpoint']} {one['reasonCode']}" for one in denied)
    if callers := found.get("callers"):
        yield f"of {callers['lines']} refused calls in the logs:"
        yield f"  tenants {_counts(callers['tenants'])}"
        yield f"  principals {_counts(callers['principals'])}"
        yield f"  correlation ids {', '.join(callers['correlationIds']) or 'none'}"


def utc(time_ms: int) -> str:
    """Give a time as people read it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(length_ms: int) -> str:
    """Give a length of time as people read it."""
    minutes, seconds = divmod(max(0, length_ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _counts(counted: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['pseudonym']} ({one['count']})" for one in counted) or "none"


def _subject(text: str) -> str:
    return text.encode("ascii", "replace").decode()[:_SUBJECT_LENGTH]
