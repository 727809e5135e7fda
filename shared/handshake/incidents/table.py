"""Incidents in the runtime key-value table: one item each, and one for each alert that names its latest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handshake.dynamo.client import Dynamo, Item, Key, Put, Update
from handshake.incidents.incident import Incident


def opened(table: str, incident: Incident) -> Put:
    """The write that records an incident, if that change of its alarm did not open one already."""
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
    return Put(table, item, condition="attribute_not_exists(kv_key)")


def latest_is(table: str, incident: Incident) -> Put:
    """The write that names ``incident`` as its alert's latest."""
    return Put(table, {**_latest_key(incident.alert), "incident_id": incident.id})


def investigated(
    table: str, incident_id: str, findings: Mapping[str, Any], notes: Sequence[str], *, now_ms: int
) -> Update:
    """The write that adds what was found, and that people were notified."""
    return _update(
        table,
        incident_id,
        "SET notified = :true, findings = :findings, notes = :notes",
        {":true": True, ":findings": json.dumps(findings), ":notes": list(notes)},
        update=(now_ms, "people notified"),
    )


def recovered(table: str, incident_id: str, *, at_ms: int) -> Update:
    """The write that closes an incident, if it is open."""
    return _update(
        table,
        incident_id,
        "SET incident_state = :recovered, recovered_at = :at",
        {":recovered": "recovered", ":open": "open", ":at": at_ms},
        update=(at_ms, "alarm OK again"),
        condition="incident_state = :open",
    )


def superseded(table: str, incident_id: str, *, by: Incident) -> Update:
    """The write that closes an incident whose alarm fired again without having been seen to recover."""
    return _update(
        table,
        incident_id,
        "SET incident_state = :superseded",
        {":superseded": "superseded", ":open": "open"},
        update=(by.opened_at_ms, f"fired again: {by.id}"),
        condition="incident_state = :open",
    )


def read(dynamo: Dynamo, table: str, incident_id: str) -> Incident | None:
    """One incident; None where there is none of that id."""
    [item] = dynamo.batch_get([(table, _key(incident_id))])
    return _incident(item) if item else None


def read_latest(dynamo: Dynamo, table: str, alert: str) -> Incident | None:
    """The latest incident of an alert."""
    [item] = dynamo.batch_get([(table, _latest_key(alert))])
    return read(dynamo, table, item["incident_id"]) if item else None


def read_all(dynamo: Dynamo, table: str) -> Iterator[Incident]:
    """Every incident, in no order. Scans the table, which is small."""
    where = "begins_with(kv_key, :incident) AND attribute_exists(opened_at)"
    yield from map(_incident, dynamo.scan(table, where, {":incident": "incident#"}))


def _update(
    table: str,
    incident_id: str,
    expression: str,
    values: Mapping[str, Any],
    *,
    update: tuple[int, str],
    condition: str = "attribute_exists(kv_key)",
) -> Update:
    return Update(
        table,
        _key(incident_id),
        f"{expression}, updates = list_append(updates, :update)",
        {**values, ":update": [list(update)]},
        condition=condition,
    )


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
