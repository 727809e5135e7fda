"""Attacks on grants: claims and outcomes undone, made up, or written anew as somebody else's."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from handshake.dynamo.marshalling import Item
from handshake.dynamo.sharding import shard
from handshake.requests.evidence_items import evidence_from
from handshake.requests.grant import ReportedOutcome
from handshake.requests.recording import CLAIMED, REPORTED
from handshake.requests.table import PENDING_SHARDS, record_from, unreported_shard
from tests.hostile.attacks import Attack, places_of
from tests.hostile.forgeries import ending_in, link_anew, unlinked
from tests.support.worlds import Place, Stored

Says = Mapping[str, Any]


def another_outcome(dice: random.Random, stored: Stored) -> None:
    """Have an effect have come out otherwise, and write the chain and what remembers it anew."""
    place = dice.choice(ending_in(stored, REPORTED))
    outcome: Literal["failed", "unknown"] = dice.choice(["failed", "unknown"])
    [lineage, _] = evidence_from(stored.items[place])
    request_id = place.pk.removeprefix("REQ#")
    reported = ReportedOutcome(request_id, outcome, lineage.detail.get("resultDigest"), lineage.detail.get("detail"))
    sets = {"outcome_status": outcome, "outcome_digest": reported.digest}
    _rewrite(stored, place, {"outcome": outcome}, lambda _: sets)


def another_claimer(dice: random.Random, stored: Stored) -> None:
    """Have somebody else have claimed a grant, and write the chain and what remembers it anew."""
    place = dice.choice(ending_in(stored, CLAIMED))
    _rewrite(stored, place, {"actor": "mallory"}, lambda _: {"claimed_by": "mallory"})


def reporter_of_another_tenant(dice: random.Random, stored: Stored) -> None:
    """Have a claimer's namesake in another tenant have reported, and write the chain anew."""
    place = dice.choice(ending_in(stored, REPORTED))
    [lineage, audit] = evidence_from(stored.items[place])
    events = [lineage, replace(audit, detail={**audit.detail, "tenantId": "elsewhere"})]
    stored.items[place] = {**stored.items[place], **unlinked(events)}
    link_anew(stored, place.pk)


def shorter_grant(dice: random.Random, stored: Stored) -> None:
    """Have a grant hold for less long than it did, and write the chain and what remembers it anew."""
    place = dice.choice(ending_in(stored, CLAIMED))
    more = -1000 * dice.randrange(1, 30)
    [lineage, _] = evidence_from(stored.items[place])
    until = lineage.detail["expiresAt"] + more
    _rewrite(stored, place, {"expiresAt": until}, lambda state: {"grant_expires_at": state["grant_expires_at"] + more})


def made_up(kind: str, named: str) -> Attack:
    """Have a request be claimed, or reported, that never was: another's evidence of it, under its name and linked.

    ``named`` is what the attributes of STATE begin with that the evidence sets.
    """

    def attack(dice: random.Random, stored: Stored) -> None:
        donor = dice.choice(ending_in(stored, kind))
        before = _lengths(stored)[donor.pk] - 2
        states = {at.pk: at for at in places_of(stored, kind="STATE")}
        free = [
            pk
            for pk, at in states.items()
            if pk != donor.pk
            and stored.items[at]["outcome"] == "allow"
            and not _has(stored.items[at], f"{named} revoked lapsed")
        ]
        pk = dice.choice([pk for pk in free if kind == CLAIMED or "claimed_at" in stored.items[states[pk]]])
        length = _lengths(stored)[pk]
        request_id = pk.removeprefix("REQ#")
        record = record_from(stored.items[states[pk]])
        assert record is not None
        says = {
            "grantId": record.grant_id,
            "actionDigest": record.submission.action_digest,
            "actor": record.submission.principal_id,
            "tenantId": record.submission.tenant_id,
            "state": record.state.value,
            "decisionContextHash": record.submission.decision_context_hash,
        }
        events = [
            replace(
                event,
                request_id=request_id,
                sequence=event.sequence - before + length,
                detail={**event.detail, **{name: says[name] for name in event.detail.keys() & says}},
            )
            for event in evidence_from(stored.items[donor])
        ]
        stored.items[Place("workflow", pk, f"EVT#{length + 1:06d}")] = {
            **unlinked(events),
            "pk": pk,
            "sk": f"EVT#{length + 1:06d}",
        }
        taken = {name: value for name, value in stored.items[states[donor.pk]].items() if _sets(name, named)}
        if kind == CLAIMED:
            taken["claimed_by"] = record.submission.principal_id
        if "pending_lane" in taken:
            taken["pending_lane"] = unreported_shard(shard(request_id, PENDING_SHARDS))
        kept = {name: value for name, value in stored.items[states[pk]].items() if not name.startswith("pending")}
        stored.items[states[pk]] = {**kept, **taken, "chain_length": length + len(events)}
        link_anew(stored, pk)

    return attack


def _rewrite(stored: Stored, place: Place, says: Says, sets: Callable[[Item], Says]) -> None:
    """Exchange what the evidence at ``place`` says, where it says it, and what STATE has of it; then link anew."""
    events = [
        replace(event, detail={**event.detail, **{name: says[name] for name in event.detail.keys() & says}})
        for event in evidence_from(stored.items[place])
    ]
    stored.items[place] = unlinked(events)
    state = Place("workflow", place.pk, "STATE")
    stored.items[state] = {**stored.items[state], **sets(stored.items[state])}
    link_anew(stored, place.pk)


def _lengths(stored: Stored) -> dict[str, int]:
    return {at.pk: int(stored.items[at]["chain_length"]) for at in places_of(stored, kind="STATE")}


def _has(state: Item, named: str) -> bool:
    return any(_sets(name, named) for name in state if not name.startswith("pending"))


def _sets(name: str, named: str) -> bool:
    return name.startswith((*named.split(), "pending"))
