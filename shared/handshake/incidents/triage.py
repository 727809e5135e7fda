"""Handles an alarm's change of state: records an incident, tells people, and closes it on recovery.

The store may be the very thing that is down. So nothing but the notification itself must succeed: what could not be
read, written or done is said in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from handshake.agents.change import Actor, AgentChange, decide_change
from handshake.agents.standing import AgentState
from handshake.agents.table import agent_from, record_key
from handshake.core.agents import Agent
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.dynamo.context import Context
from handshake.incidents import notification
from handshake.incidents import table as incidents
from handshake.incidents.incident import DENIAL_ALERT, REPLAY_GUARD_ALERT, AlarmChange, Incident
from handshake.incidents.investigate import Sources, investigate
from handshake.incidents.table import IncidentTransaction
from handshake.incidents.topic import Topic

# Who changed an agent's record, where nobody did.
_TRIAGE: Final = "alarm_triage"

Outcome = Literal["opened", "recovered", "already told", "nothing to tell"]


@dataclass(frozen=True)
class Desk:
    """The sources and people that triage works with. ``service`` is the stack's name.

    ``stops_on_denial_alert`` are ids of agents that operators have named beforehand, to be stopped in all tenants: what
    is denied at the door names nobody who could be believed.
    """

    service: str
    sources: Sources
    people: Topic
    pauses_on_replay_guard_alert: bool = False
    stops_on_denial_alert: Sequence[str] = ()


@dataclass(frozen=True)
class Triaged:
    """The outcome of one change. ``notes`` say what could not be read or done."""

    incident_id: str
    outcome: Outcome
    notes: Sequence[str] = ()


def triage(context: Context, desk: Desk, change: AlarmChange) -> Triaged:
    """Handle one change of state; handling it again, after any failure or none, is harmless.

    Raises SourceUnavailableError where people could not be told: deliver the change again.
    """
    if change.state == "ALARM":
        return _fired(context, desk, change)
    if change.state == "OK":
        return _recovered(context, desk, change)
    return Triaged(change.incident_id, "nothing to tell")


def _fired(context: Context, desk: Desk, change: AlarmChange) -> Triaged:
    incident = Incident.of(change)
    done: list[str] = []
    try:
        stored = _open(context, desk, incident)
    except StoreUnavailableError:
        done.append("the incident could not be recorded: the store does not answer")
        if _pauses(desk, incident):
            done.append("privileged mutations could not be paused: python -m ops pause")
        if _to_stop(desk, incident):
            done.append("agents could not be stopped: python -m ops agents stop")
    else:
        if stored.notified:
            return Triaged(incident.id, "already told")
        if _pauses(desk, incident):
            done.append("privileged mutations were PAUSED; python -m ops resume is a person's to do")
        if named := _to_stop(desk, incident):
            done.append(f"agents were STOPPED: {', '.join(named)}; python -m ops agents resume is a person's to do")
    findings, unread = investigate(context, desk.sources, change, service=desk.service)
    incident = replace(incident, findings=findings, notes=(*done, *unread))
    desk.people.publish(
        notification.fired(incident, service=desk.service), alert=change.alert, state="ALARM", incident=incident.id
    )
    notes = [*incident.notes]
    tx = IncidentTransaction(_fresh(context))
    tx.add_findings(incident.id, findings, incident.notes, now_ms=context.now_ms())
    try:
        kept = tx.commit()
    except StoreUnavailableError:
        kept = False
    if not kept:
        notes.append("the findings could not be recorded")
    return Triaged(incident.id, "opened", notes)


def _open(context: Context, desk: Desk, incident: Incident) -> Incident:
    """Record the incident, and pause or stop agents where that is wanted; what is stored, if that was done before."""
    before = incidents.read_latest(_fresh(context).dynamo, context.tables.runtime_kv, incident.alert)
    tx = IncidentTransaction(_fresh(context))
    opens = tx.open_incident(incident)
    tx.name_latest(incident)
    if before is not None and before.id != incident.id and before.state == "open":
        tx.supersede(before.id, by=incident)
    if _pauses(desk, incident):
        # In the transaction that opens the incident: delivered again, it does not undo a person's resume.
        tx.set_paused(paused=True, now_ms=context.now_ms(), cause=incident.id)
    if named := _to_stop(desk, incident):
        _stop(tx, _fresh(context), named, incident)
    if tx.commit():
        return incident
    if opens.lost:
        return incidents.read(_fresh(context).dynamo, context.tables.runtime_kv, incident.id) or incident
    return _open(context, desk, incident)  # the one before was closed meanwhile, or an agent changed by an operator


def _stop(tx: IncidentTransaction, context: Context, named: Sequence[str], incident: Incident) -> None:
    """Add to ``tx`` that each of the agents ``named`` is stopped, but those whom operators have stopped for good."""
    agents = [Agent(agent_id) for agent_id in named]
    items = context.dynamo.batch_get([(context.tables.policy, record_key(agent)) for agent in agents])
    change = AgentChange(AgentState.STOPPED, f"incident {incident.id}", owner=None, until_ms=None)
    actor = Actor(_TRIAGE, "service", None, incident.id)
    for agent, record in zip(agents, map(agent_from, items), strict=True):
        if record is None or record.state is not AgentState.STOPPED or record.until_ms is not None:
            tx.change_agent(decide_change(change, agent, record, actor, now_ms=context.now_ms()))


def _recovered(context: Context, desk: Desk, change: AlarmChange) -> Triaged:
    notes: list[str] = []
    incident = None
    try:
        latest = incidents.read_latest(_fresh(context).dynamo, context.tables.runtime_kv, change.alert)
        if latest is None or latest.state != "open" or latest.opened_at_ms > change.at_ms:
            return Triaged(change.incident_id, "nothing to tell")
        incident = latest
    except StoreUnavailableError:
        if change.previous != "ALARM":
            return Triaged(change.incident_id, "nothing to tell", ["the store does not answer"])
        notes.append("the incident could not be read: the store does not answer")
    told = notification.recovered(
        change.alert, at_ms=change.at_ms, service=desk.service, incident=incident, notes=notes
    )
    desk.people.publish(told, alert=change.alert, state="OK", incident=incident.id if incident else "unknown")
    if incident is None:
        return Triaged(change.incident_id, "recovered", notes)
    tx = IncidentTransaction(_fresh(context))
    tx.recover(incident.id, at_ms=change.at_ms)
    try:
        tx.commit()  # lost, it was closed meanwhile by the same change, delivered twice
    except StoreUnavailableError:
        notes.append("the recovery could not be recorded")
    return Triaged(incident.id, "recovered", notes)


def _pauses(desk: Desk, incident: Incident) -> bool:
    return desk.pauses_on_replay_guard_alert and incident.alert == REPLAY_GUARD_ALERT


def _to_stop(desk: Desk, incident: Incident) -> Sequence[str]:
    return desk.stops_on_denial_alert if incident.alert == DENIAL_ALERT else ()


def _fresh(context: Context) -> Context:
    """Give a caller's patience from now: investigating may have taken longer than that."""
    return context.within(RETRY_BUDGET_S)
