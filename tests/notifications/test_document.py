"""docs/channels.md names each event and each of its members."""

import re
from dataclasses import replace
from typing import Final

from handshake.agents.standing import AgentRecord, AgentState
from handshake.notifications.event import Event, Kind, agent_events, reminder_event
from handshake.requests.record import Claim, Report
from ops.local.settings import ROOT
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_record

DOCUMENT: Final = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")


def _fullest() -> list[Event]:
    """Give events in which no member is left out."""
    record = replace(
        a_record(),
        claim=Claim("executor", None, NOW_MS, NOW_MS),
        report=Report("succeeded", "d", NOW_MS),
    )
    stopped = AgentRecord("buyer", "acme", AgentState.STOPPED, "a team", "why", NOW_MS, NOW_MS, "operator", 2, "h")
    active = replace(stopped, state=AgentState.ACTIVE, version=1)
    return [reminder_event(record, "half", now_ms=NOW_MS), *agent_events(active, stopped)]


def test_the_document_has_every_kind_of_event_and_no_other() -> None:
    assert re.findall(r"^\| `((?:request|grant|agent)\.\w+)` \| ", DOCUMENT, re.MULTILINE) == [
        kind.value for kind in Kind
    ]


def test_the_document_has_every_member_of_an_event_and_no_other() -> None:
    table = DOCUMENT.partition("| member | of | is |")[2].partition("\n\n")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }
    written = {name for event in _fullest() for name in ("eventId", "event", "version", "at", *event.about)}

    assert named == written
