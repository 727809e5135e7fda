"""Attacks by whoever knows how digests are made: chains, counts and audit trails written anew around a forgery."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from handshake.agents.table import record_key
from handshake.core.agents import Agent
from handshake.core.jsonio import GENESIS, canonical, digest
from handshake.dynamo.changed_records import evidence_digest
from handshake.dynamo.marshalling import Item
from handshake.people.standing import Identity
from handshake.people.table import record_key as person_key
from handshake.policy.table import audit_digest, rules_digest
from handshake.requests.action import digest_of
from handshake.requests.evidence import Chain, EvidenceEvent
from handshake.requests.evidence_items import evidence_from, evidence_item
from handshake.requests.recording import EXTENDED
from handshake.requests.table import record_from
from handshake.requests.verification import verify_partition
from tests.hostile.attacks import Attack, of_table, places_of, requests_of, whole_actions
from tests.support.people import ALICE, BOB
from tests.support.worlds import Place, Stored, place_of

_A_RULE: Final[dict[str, Any]] = {"id": "forged", "key": "max_transaction", "value": 0}


def drop_request(dice: random.Random, stored: Stored, *, earlier: bool = False) -> None:
    pk = dice.choice(requests_of(stored, earlier=earlier))
    for place in stored.partition("workflow", pk):
        del stored.items[place]


def put_request_back(dice: random.Random, stored: Stored) -> None:
    """Put a whole request back as it was before something happened to it."""
    places = [place for place in places_of(stored, kind="STATE") if stored.versions(place)]
    pk = dice.choice(places).pk
    state = Place("workflow", pk, "STATE")
    past = dice.choice([then for then in stored.history if then.get(state) not in (None, stored.items[state])])
    for place in stored.partition("workflow", pk):
        del stored.items[place]
    stored.items |= {place: item for place, item in past.items() if place[:2] == ("workflow", pk)}


def copy_request(dice: random.Random, stored: Stored) -> None:
    """Make a request up: another's, with its evidence, under an id of its own and linked anew."""
    pk = dice.choice(requests_of(stored, earlier=False))
    made_up = f"{pk}-made-up"
    for place in stored.partition("workflow", pk):
        item = {**stored.items[place], "pk": made_up}
        stored.items[Place("workflow", made_up, place.sk)] = {
            name: made_up.removeprefix("REQ#") + value[len(pk) - 4 :] if name in ("request_id", "event_id") else value
            for name, value in item.items()
        }
    link_anew(stored, made_up)


def frame(dice: random.Random, stored: Stored, *, earlier: bool = False) -> tuple[str, Mapping[str, str]]:
    """Have evidence name another person or say another thing, and write the chain and what remembers it anew."""
    pk = dice.choice(requests_of(stored, earlier=earlier))
    place = dice.choice([place for place in stored.partition("workflow", pk) if place.sk.startswith("EVT#")])
    events = list(evidence_from(stored.items[place]))
    chosen = dice.randrange(len(events))
    names = sorted(events[chosen].detail.keys() & {"actor", "reason", "correlationId", "policyVersions", "signer"})
    name = dice.choice(names) if names else "correlationId"
    events[chosen] = replace(events[chosen], detail={**events[chosen].detail, name: "mallory"})
    if name == "policyVersions":
        events[chosen] = replace(
            events[chosen], detail={**events[chosen].detail, name: {"global": None, "agent": None}}
        )
    stored.items[place] = unlinked(events)
    return pk, link_anew(stored, pk)


def raise_amount(dice: random.Random, stored: Stored) -> tuple[str, Mapping[str, str]]:
    """Have a payment be of another amount and for somebody else, everywhere in its partition."""
    pk = dice.choice(requests_of(stored, earlier=False))
    state = Place("workflow", pk, "STATE")
    stored.items[state] = {**stored.items[state], "facts": '{"amount":1000000}', "principal_id": "mallory"}
    first = Place("workflow", pk, "EVT#000001")
    lineage, audit = evidence_from(stored.items[first])
    item = stored.items[state]
    hashed = [
        "mallory",
        item["agent_id"],
        item["action_type"],
        item["payload_ref"],
        {"amount": 1000000},
        int(item["timestamp_ms"]) // 60_000,
    ]
    says = {"facts": {"amount": 1000000}, "decisionContextHash": "ctx_" + digest(hashed)}
    audit = replace(
        audit, detail={**audit.detail, "principalId": "mallory", **{name: says[name] for name in list(says)[1:]}}
    )
    stored.items[first] = unlinked([replace(lineage, detail={**lineage.detail, **says}), audit])
    return pk, link_anew(stored, pk)


def remove_text(dice: random.Random, stored: Stored) -> None:
    """Have an action look erased, in STATE too."""
    place = dice.choice(whole_actions(stored))
    stored.items[place] = {"pk": place.pk, "sk": place.sk}
    state = Place("workflow", place.pk, "STATE")
    stored.items[state] = {**stored.items[state], "arguments_erased_at": Decimal(1_772_720_700_000)}


def feign_lapse(dice: random.Random, stored: Stored) -> None:
    """Have a request look lapsed, so that what it spent seems to be there again; or one that did, not."""
    states = [at for at in places_of(stored, kind="STATE") if "bound" in stored.items[at]]
    place = dice.choice(states)
    item = dict(stored.items[place])
    if item.pop("lapsed_at", None) is None:
        item["lapsed_at"] = item["decided_at"] + dice.choice((1, 300_000, 86_400_000))
    stored.items[place] = item


def exchange_argument(dice: random.Random, stored: Stored) -> str:
    """Have an action be of another argument, and STATE of its digest; gives its partition."""
    place = dice.choice(whole_actions(stored))
    canonical_text = stored.items[place]["canonical"].replace('"arguments":{', '"arguments":{"!":"mallory",')
    stored.items[place] = {**stored.items[place], "canonical": canonical_text}
    state = Place("workflow", place.pk, "STATE")
    stored.items[state] = {**stored.items[state], "action_digest": digest_of(canonical_text)}
    return place.pk


def exchange_argument_linked_anew(dice: random.Random, stored: Stored) -> None:
    """Have an action be of another argument everywhere in its partition."""
    pk = exchange_argument(dice, stored)
    state = record_from(stored.items[Place("workflow", pk, "STATE")])
    assert state is not None
    submission = state.submission
    says = {"actionDigest": submission.action_digest, "decisionContextHash": submission.decision_context_hash}
    for place in [place for place in stored.partition("workflow", pk) if place.sk.startswith("EVT#")]:
        events = [
            replace(event, detail={**event.detail, **{name: says[name] for name in event.detail.keys() & says}})
            for event in evidence_from(stored.items[place])
        ]
        stored.items[place] = unlinked(events)
    link_anew(stored, pk)


def unlinked(events: Sequence[EvidenceEvent]) -> Item:
    """An item of events, the later of which follow the earlier as these are now."""
    linked = [events[0]]
    for event in events[1:]:
        linked.append(replace(event, previous=linked[-1].digest))
    return _written(linked)


def _written(events: Sequence[EvidenceEvent]) -> Item:
    """The item of ``events`` as it is read back."""
    return {name: value for name, value in evidence_item(events).items() if value is not None}


def link_anew(stored: Stored, pk: str) -> dict[str, str]:
    """Write a partition's hashes anew, as whoever knows the code can; gives the new digest of each old head."""
    places = sorted(place for place in stored.partition("workflow", pk) if place.sk.startswith("EVT#"))
    renamed, chain = {GENESIS: GENESIS}, Chain()
    for place in places:
        before = list(evidence_from(stored.items[place]))
        after = [replace(before[0], previous=chain.head)]
        for event in before[1:]:
            after.append(replace(event, previous=after[-1].digest))
        renamed |= {old.digest: new.digest for old, new in zip(before, after, strict=True)}
        stored.items[place] = _written(after)
        chain = chain.extended_by(after)
    tally = 0
    for place in [place for place in stored.partition("workflow", pk) if place.sk.startswith("REF#")]:
        [refusal] = evidence_from(stored.items[place])
        moved = replace(refusal, previous=renamed.get(refusal.previous, chain.head))
        stored.items[place] = _written([moved])
        tally += moved.tally
    state = Place("workflow", pk, "STATE")
    counted = {"refusal_tally": Decimal(tally)} if "refusals" in stored.items[state] else {}
    stored.items[state] = {**stored.items[state], "chain_head": chain.head, **counted}
    return renamed


def drop_refusal(dice: random.Random, stored: Stored) -> None:
    """Drop a refused action, and have whatever counts it count one less."""
    place = dice.choice(places_of(stored, kind="REF#"))
    [refusal] = evidence_from(stored.items.pop(place))
    state = Place("workflow", place.pk, "STATE")
    item = dict(stored.items[state])
    item["refusals"] -= 1
    item["refusal_tally"] -= refusal.tally
    stored.items[state] = {name: value for name, value in item.items() if value or not name.startswith("refusal")}
    for counter in places_of(stored, kind="REFC#"):
        counts = stored.items[counter]
        if counter.pk == place.pk and counts["principal_id"] == refusal.detail["actor"]:
            stored.items[counter] = {**counts, "kept": counts["kept"] - 1}


def reword_refusal(dice: random.Random, stored: Stored) -> None:
    """Have a refused action say something else, and have the request remember that."""
    place = dice.choice(places_of(stored, kind="REF#"))
    [refusal] = evidence_from(stored.items[place])
    stored.items[place] = _written([replace(refusal, detail={**refusal.detail, "action": "reject"})])
    link_anew(stored, place.pk)


def everywhere(dice: random.Random, stored: Stored) -> None:
    """Frame somebody, and write the metrics events anew too, so that nothing contradicts it."""
    pk, _ = frame(dice, stored)
    for at, item in list(stored.items.items()):
        if at.table == "metrics" and item["request_id"] == pk.removeprefix("REQ#"):
            del stored.items[at]
    for event in verify_partition(pk, [stored.items[at] for at in stored.partition("workflow", pk)]).events.values():
        stored.items[place_of("metrics", event)] = event


def drop_everywhere(dice: random.Random, stored: Stored) -> None:
    """Drop a request, and the metrics events that count it."""
    pk = dice.choice(requests_of(stored, earlier=False))
    for place, item in list(stored.items.items()):
        if place[:2] == ("workflow", pk) or (
            place.table == "metrics" and item["request_id"] == pk.removeprefix("REQ#")
        ):
            del stored.items[place]


def exchange_active(dice: random.Random, stored: Stored) -> None:
    """Exchange the active policy under the version that vouches for it."""
    place = dice.choice([at for at in of_table("policy", "SCOPE#")(stored) if at.sk == "ACTIVE"])
    stored.items[place] = {**stored.items[place], "rules": canonical([_A_RULE | {"value": dice.randrange(10**6)}])}


def _active(stored: Stored, *, audited: bool = True) -> list[Place]:
    """Find the active policies, with a digest or of an earlier release; a scope may have a shadow alone."""
    return [
        at
        for at in of_table("policy", "SCOPE#")(stored)
        if at.sk == "ACTIVE" and stored.items[at]["number"] and ("audit_digest" in stored.items[at]) == audited
    ]


def exchange_version(dice: random.Random, stored: Stored, *, earlier: bool = False) -> None:
    """Exchange the active policy and its version alike."""
    place = dice.choice(_active(stored, audited=not earlier))
    rules = canonical([_A_RULE | {"value": dice.randrange(10**6)}])
    version = place._replace(sk=f"VERSION#{int(stored.items[place]['number']):08d}")
    for at in (place, version):
        stored.items[at] = {**stored.items[at], "rules": rules}


def rewrite_policy(dice: random.Random, stored: Stored) -> None:
    """Exchange the active policy, its version and its audit event, digests and all."""
    place = dice.choice(_active(stored))
    number = int(stored.items[place]["number"])
    rules = canonical([_A_RULE | {"value": dice.randrange(10**6)}])
    audit = place._replace(sk=f"AUDIT#{number:08d}")
    says = {**stored.items[audit], "rules_digest": rules_digest(rules), "principal_id": "mallory"}
    says.pop("reapplied", None)
    stored.items[audit] = says
    for at in (place, place._replace(sk=f"VERSION#{number:08d}")):
        stored.items[at] = {**stored.items[at], "rules": rules, "audit_digest": audit_digest(says)}


def roll_policy_back(scope: str) -> Attack:
    """Drop the newest version of a scope, and have the one before be active again."""

    def attack(_dice: random.Random, stored: Stored) -> None:
        place = Place("policy", scope, "ACTIVE")
        number = int(stored.items[place]["number"])
        for kind in ("VERSION", "AUDIT"):
            del stored.items[place._replace(sk=f"{kind}#{number:08d}")]
        stored.items[place] = {**stored.items[place._replace(sk=f"VERSION#{number - 1:08d}")], "sk": "ACTIVE"}

    return attack


def lift_stop(_dice: random.Random, stored: Stored) -> None:
    """Have a stopped agent's record say that it is active."""
    place = _record_of("idles")
    stored.items[place] = {**stored.items[place], "state": "active"}


def take_change_back(agent_id: str) -> Attack:
    """Drop the newest change of an agent, and have its record be as it was before."""

    def attack(_dice: random.Random, stored: Stored) -> None:
        place = _record_of(agent_id)
        newest = int(stored.items[place]["version"])
        del stored.items[place._replace(sk=f"CHANGED#{newest:08d}")]
        [past] = [item for item in stored.versions(place) if int(item["version"]) == newest - 1]
        stored.items[place] = past

    return attack


def rewrite_change(dice: random.Random, stored: Stored) -> None:
    """Exchange what the newest change of an agent says, and its record, digests and all."""
    place = _record_of(dice.choice(["idles", "decides"]))
    record = stored.items[place]
    newest = place._replace(sk=f"CHANGED#{int(record['version']):08d}")
    says = {"changed_by": "mallory", "state": dice.choice(["active", "escalate_all", "stopped"])}
    stored.items[newest] = stored.items[newest] | says
    stored.items[place] = {**record, **says, "head": evidence_digest(stored.items[newest])}


def enable(_dice: random.Random, stored: Stored) -> None:
    """Have the record of somebody who was disabled say that they are active."""
    place = _record_of_person(BOB)
    stored.items[place] = {**stored.items[place], "state": "active"}


def rename(dice: random.Random, stored: Stored) -> None:
    """Have a person's record say that they are somebody else, or of another tenant, or may do more."""
    place = _record_of_person(dice.choice([ALICE, BOB]))
    name, value = dice.choice(
        [
            ("principal_id", "mallory"),
            ("tenant_id", "globex"),
            ("scopes", ["workflow:read:any"]),
            ("subject", "mallory"),
        ]
    )
    stored.items[place] = {**stored.items[place], name: value}


def take_person_back(_dice: random.Random, stored: Stored) -> None:
    """Drop the newest change of a person, and have their record be as it was before."""
    place = _record_of_person(BOB)
    newest = int(stored.items[place]["version"])
    del stored.items[place._replace(sk=f"CHANGED#{newest:08d}")]
    [past] = [item for item in stored.versions(place) if int(item["version"]) == newest - 1]
    stored.items[place] = past


def rewrite_person(dice: random.Random, stored: Stored) -> None:
    """Exchange what the newest change of a person says, and their record, digests and all."""
    place = _record_of_person(dice.choice([ALICE, BOB]))
    record = stored.items[place]
    newest = place._replace(sk=f"CHANGED#{int(record['version']):08d}")
    says = {"changed_by": "mallory", "tenant_id": "globex"}
    stored.items[newest] = stored.items[newest] | says
    stored.items[place] = {**record, **says, "head": evidence_digest(stored.items[newest])}


def _record_of_person(identity: Identity) -> Place:
    return Place("policy", person_key(identity)["pk"], "RECORD")


def _record_of(agent_id: str) -> Place:
    return Place("policy", record_key(Agent(agent_id, "acme"))["pk"], "RECORD")


def drop_newest_event(dice: random.Random, stored: Stored) -> None:
    """Cut a chain off, with everything that the request remembers of it: a rejection never happened."""
    closed = [place for place in places_of(stored, kind="EVT#") if place.sk != "EVT#000001"]
    place = dice.choice(closed)
    state = Place("workflow", place.pk, "STATE")
    pasts = [then[state] for then in stored.history if then.get(state, {}).get("chain_length") == 2]
    refused = {name: value for name, value in stored.items[state].items() if name.startswith("refusal")}
    del stored.items[place]
    stored.items[state] = {**pasts[-1], **refused}


def undo_newest(kind: str) -> Attack:
    """Cut the newest step off a chain that ends in ``kind``, and have the request be as it was: it never happened."""

    def attack(dice: random.Random, stored: Stored) -> None:
        place = dice.choice(ending_in(stored, kind))
        state = Place("workflow", place.pk, "STATE")
        length = stored.items[state]["chain_length"] - 2
        pasts = [then[state] for then in stored.history if then.get(state, {}).get("chain_length") == length]
        refused = {name: value for name, value in stored.items[state].items() if name.startswith("refusal")}
        del stored.items[place]
        stored.items[state] = {**pasts[-1], **refused}

    return attack


def lengthen(dice: random.Random, stored: Stored) -> None:
    """Have an extension have given more than it did, and write the chain and what remembers it anew."""
    place = dice.choice(ending_in(stored, EXTENDED))
    state = Place("workflow", place.pk, "STATE")
    lineage, audit = evidence_from(stored.items[place])
    later = lineage.detail["to"] + 1000 * dice.randrange(1, 600)
    stored.items[place] = unlinked([replace(lineage, detail={**lineage.detail, "to": later}), audit])
    waits = {"expires_at": Decimal(later), "pending_deadline": Decimal(later)}
    stored.items[state] = {**stored.items[state], **waits}
    link_anew(stored, place.pk)


def ending_in(stored: Stored, kind: str) -> list[Place]:
    """Find the newest evidence of each request whose chain ends in ``kind``."""
    newest = {place.pk: place for place in sorted(places_of(stored, kind="EVT#"))}
    return [place for place in newest.values() if next(evidence_from(stored.items[place])).detail["event"] == kind]
