"""Writes what people are told: what is asked, by whom, what was crossed, how long there is, and where it is decided.

A message never decides anything. Of arguments it shows those alone that the policy or the tool's schema marks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, assert_never
from urllib.parse import quote

from handshake.channels.text import shown
from handshake.core.jsonio import canonical
from handshake.notifications.event import Event, Kind
from handshake.requests.record import RequestRecord

MAX_ARGUMENTS: Final = 8
_ID: Final = 80
_VALUE: Final = 120
_WORDS: Final = 300
_LINK: Final = 1000
_STATES: Final = {"active": "active", "escalate_all": "restricted", "stopped": "stopped"}


@dataclass(frozen=True)
class Message:
    """A title of one line, lines of text, and a ``link``, "" where there is no page to link to.

    Each line is one: whatever callers wrote is in it as text that does nothing.
    """

    title: str
    lines: Sequence[str]
    link: str = ""

    @property
    def text(self) -> str:
        """Give all of it as plain text."""
        return "\n".join([self.title, *([self.link] if self.link else []), "", *self.lines])


def write_message(
    event: Event, record: RequestRecord | None, arguments: Mapping[str, Any], *, now_ms: int, stack: str, room: str
) -> Message:
    """Write the message of ``event``; ``record`` is the request as it is now, ``arguments`` those of its action.

    ``room`` is the page's URL, "" where there is none.
    """
    if event.kind is Kind.AGENT_CHANGED or record is None:
        return Message(f"{stack}: {_title(event)}", list(_of_agent(event)))
    lines = [*_asked(record), *_arguments(record, arguments), *_state(event, record, now_ms)]
    return Message(f"{stack}: {_title(event)}", lines, _link(record, room))


def trial_message(*, stack: str, channel_id: str) -> Message:
    """Write the message by which an operator tries a channel."""
    return Message(f"{stack}: a test", [f"Channel {channel_id} works. Nobody waits for anything."])


def _title(event: Event) -> str:
    """Say what happened; whom it is of comes last, so that no name can turn the words around."""
    return f"{_happened(event)}: {shown(str(event.about['agentId']), _ID)}"


def _happened(event: Event) -> str:
    about = event.about
    match event.kind:
        case Kind.REQUEST_ESCALATED:
            return "approval asked for by agent"
        case Kind.REQUEST_REMINDED:
            part = "half" if about.get("share") == "half" else "four fifths"
            return f"{part} of the time to decide is over for agent"
        case Kind.REQUEST_EXTENDED:
            return "more time to decide was given to agent"
        case Kind.REQUEST_DECIDED:
            return f"{'approved' if about.get('decision') == 'allow' else 'rejected'}, what was asked for by agent"
        case Kind.REQUEST_EXPIRED:
            return "nobody decided in time, which is a refusal, for agent"
        case Kind.GRANT_CLAIMED:
            return "what was granted is about to be executed by agent"
        case Kind.GRANT_UNREPORTED:
            return "nobody says what came of what was granted to agent"
        case Kind.GRANT_REVOKED:
            return "what was granted was taken back from agent"
        case Kind.AGENT_CHANGED:
            return f"now {_STATES.get(str(about.get('state')), 'changed')}, agent"
        case _:
            assert_never(event.kind)


def _of_agent(event: Event) -> Iterator[str]:
    about = event.about
    yield f"tenant: {shown(str(about['tenantId']), _ID) if about.get('tenantId') else 'all'}"
    if about.get("fromState"):
        yield f"before: {_STATES.get(str(about['fromState']), 'unknown')}"
    if about.get("changedBy"):
        yield f"by: {shown(str(about['changedBy']), _ID)}"
    if about.get("until"):
        yield f"until: {utc(int(about['until']))}"


def _asked(record: RequestRecord) -> Iterator[str]:
    """Say what is asked, a line for each value that a caller chose, at its end."""
    submission, action = record.submission, record.submission.action
    yield f"request: {shown(record.request_id, _ID)}"
    yield f"agent: {shown(submission.agent_id, _ID)}"
    yield f"for: {shown(submission.principal_id, _ID)}"
    if submission.tenant_id:
        yield f"tenant: {shown(submission.tenant_id, _ID)}"
    yield f"asks for: {shown(action.operation if action else submission.action_type, _ID)}"
    if action and action.tool:
        yield f"tool: {shown(action.tool, _ID)}"
    for name in ("amount", "category"):
        if submission.facts.get(name) is not None:
            yield f"{name}: {shown(str(submission.facts[name]), _VALUE)}"
    yield f"risk: {record.risk_tier}, tier {record.tier}"
    if record.trigger:
        yield f"crossed: {shown(record.trigger.rule, _ID)}"
        yield f"its limit: {shown(str(record.trigger.limit), _VALUE)}"
        yield f"its value: {shown(str(record.trigger.value), _VALUE)}"
    yield f"reason: {record.reason.value}"
    if record.message is not None:
        yield f"policy says: {shown(record.message, _WORDS)}"


def _arguments(record: RequestRecord, arguments: Mapping[str, Any]) -> Iterator[str]:
    for path in record.notify[:MAX_ARGUMENTS]:
        match list(islice(_at(arguments, path), 2)):
            case []:
                continue
            case [str(text)]:
                pass
            case [value]:
                text = canonical(value) if _is_small(value) else "a list, or an object"
            case _:
                # Which of them the tool takes, nobody here knows, and an agent may have put one beside the other.
                text = "two of this name; look in the room"
        yield f"argument {shown(path, _ID)}"
        yield f"- {shown(text, _VALUE)}"
    if len(record.notify) > MAX_ARGUMENTS:
        yield f"and {len(record.notify) - MAX_ARGUMENTS} more arguments, in the room"


def _at(arguments: Any, path: str) -> Iterator[Any]:
    """Find all that a path may name, its parts between full stops: a name may itself have one."""
    if not isinstance(arguments, Mapping):
        return
    parts = path.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        if name in arguments:
            yield from _at(arguments[name], ".".join(parts[count:]))
    if path in arguments:
        yield arguments[path]


def _is_small(value: Any) -> bool:
    return not isinstance(value, list | Mapping) or len(value) <= MAX_ARGUMENTS


def _state(event: Event, record: RequestRecord, now_ms: int) -> Iterator[str]:
    if record.state.terminal:
        yield f"now: {record.state.value}"
        if record.approved_by:
            yield f"approved by: {shown(record.approved_by, _ID)}"
        return
    deadline = record.expires_at_ms or 0
    left = deadline - now_ms
    yield f"deadline: {'in ' + duration(left) if left > 0 else 'over'}, {utc(deadline)}"
    if event.kind is Kind.REQUEST_EXTENDED:
        yield f"extended: {record.extensions} times"


def _link(record: RequestRecord, room: str) -> str:
    link = f"{room}#/requests/{quote(record.request_id, safe='')}" if room else ""
    return link if len(link) <= _LINK else ""


def utc(time_ms: int) -> str:
    """Give a time as people read it."""
    return datetime.fromtimestamp(min(time_ms, 253_402_300_799_000) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(length_ms: int) -> str:
    """Give a length of time as people read it."""
    minutes, seconds = divmod(max(0, length_ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
