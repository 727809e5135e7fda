"""Incidents in the runtime key-value table: one item each, and one for each alert that names its latest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handshake.agents.table import AgentTransaction
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key, Put, Update
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.dynamo.transaction import Step, unread
from handshake.incidents.incident import Incident


class IncidentTransaction(RuntimeTransaction, AgentTransaction):
    """Writes of incidents, and the pause and the stopped agents that one may bring."""

    def open_incident(self, incident: Incident) -> Step[None]:
        """Record an incident, if that change of its alarm did not open one already."""
        item: Item = {
            **_key(incident.id),
            "incident_id": incident.id,
            "alert": incident.alert,
            "incident_state": incident.state,
            "opened_at": incident.opened_at_ms,
            "reason": incident.reason,
            "first_steps": incident.first_steps,
            "updates": [list(update) for update in incident.updates],
        }
        return self._add(Put(self._table, item, condition="attribute_not_exists(kv_key)"), unread)

    def name_latest(self, incident: Incident) -> None:
        """Name ``incident`` as its alert's latest."""
        self._add(Put(self._table, {**_latest_key(incident.alert), "incident_id": incident.id}), unread)

    def add_findings(self, incident_id: str, findings: Mapping[str, Any], notes: Sequence[str], *, now_ms: int) -> None:
        """Add what was found, and that people were notified."""
        self._update(
            incident_id,
            "SET notified = :true, findings = :findings, notes = :notes",
            {":true": True, ":findings": json.dumps(findings), ":notes": list(notes)},
            update=(now_ms, "people notified"),
        )

    def recover(self, incident_id: str, *, at_ms: int) -> None:
        """Close an incident, if it is open."""
        self._update(
            incident_id,
            "SET incident_state = :recovered, recovered_at = :at",
            {":recovered": "recovered", ":open": "open", ":at": at_ms},
            update=(at_ms, "alarm OK again"),
            condition="incident_state = :open",
        )

    def supersede(self, incident_id: str, *, by: Incident) -> None:
        """Close an open incident whose alarm fired again without having been seen to recover."""
        self._update(
            incident_id,
            "SET incident_state = :superseded",
            {":superseded": "superseded", ":open": "open"},
            update=(by.opened_at_ms, f"fired again: {by.id}"),
            condition="incident_state = :open",
        )

    @property
    def _table(self) -> str:
        return self._context.tables.runtime_kv

    def _update(
        self,
        incident_id: str,
        expression: str,
        values: Mapping[str, Any],
        *,
        update: tuple[int, str],
        condition: str = "attribute_exists(kv_key)",
    ) -> None:
        expression = f"{expression}, updates = list_append(updates, :update)"
        values = {**values, ":update": [list(update)]}
        self._add(Update(self._table, _key(incident_id), expression, values, condition=condition), unread)


def read(dynamo: Dynamo, table: str, incident_id: str) -> Incident | None:
    """Give one incident; None where there is none of that id."""
    [item] = dynamo.batch_get([(table, _key(incident_id))])
    return _incident(item) if item else None


def read_latest(dynamo: Dynamo, table: str, alert: str) -> Incident | None:
    """Give the latest incident of an alert."""
    [item] = dynamo.batch_get([(table, _latest_key(alert))])
    return read(dynamo, table, item["incident_id"]) if item else None


def read_all(dynamo: Dynamo, table: str) -> Iterator[Incident]:
    """Give every incident, in no order. Scans the table, which is small."""
    where = "begins_with(kv_key, :incident) AND attribute_exists(opened_at)"
    yield from map(_incident, dynamo.scan(table, where, {":incident": "incident#"}))


def _key(incident_id: str) -> Key:
    return {"kv_key": f"incident#{incident_id}"}


def _latest_key(alert: str) -> Key:
    return {"kv_key": f"incident#latest#{alert}"}


def _incident(item: Item) -> Incident:
    return Incident(
        id=item["incident_id"],
        alert=item["alert"],
        opened_at_ms=int(item["opened_at"]),
        reason=item["reason"],
        first_steps=item["first_steps"],
        state=item["incident_state"],
        recovered_at_ms=int(item["recovered_at"]) if "recovered_at" in item else None,
        notified=item.get("notified", False),
        findings=json.loads(item.get("findings", "{}")),
        notes=tuple(item.get("notes", ())),
        updates=tuple((int(at), what) for at, what in item["updates"]),
    )
