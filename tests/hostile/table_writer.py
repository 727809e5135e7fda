"""A table-writer's attacks: edits, drops, swaps, chains written anew, and what verification sees of them.

`python -m tests.hostile.table_writer [SEED]` makes HANDSHAKE_ATTACKS of them (10,000) and prints a table. Each kind is
either one that verification must see every time, or ``residual``: nothing else that is stored contradicts it.
"""

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from moto import mock_aws
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.core.jsonio import canonical, digest
from handshake.dynamo.marshalling import Item
from handshake.policy.table import audit_digest, rules_digest
from handshake.requests.evidence import GENESIS, Chain, EvidenceEvent
from handshake.requests.evidence_items import evidence_from, evidence_item
from handshake.requests.verification import verify_partition
from handshake.requests.verify import PAGES, Finding
from tests.hostile.stored import InMemory, Place, Stored, a_world, place_of
from tests.support import engines

# What an earlier release's evidence does not say of a request.
_UNSAID: Final = frozenset({"expires_at", "spend_amount", "spend_limit", "synthetic", "timestamp_ms", "trigger"})
_KEYS: Final = ("pk", "sk", "guard_key", "kv_key")
_SHOWN: Final = 10

Attack = Callable[[random.Random, Stored], None]


class Kind(NamedTuple):
    """A kind of attack. A ``residual`` one may go unseen, and the documents say so."""

    name: str
    attack: Attack
    residual: bool = False


def verify(stored: Stored) -> list[Finding]:
    """Verify everything, by the functions that `ops evidence verify` calls."""
    context = InMemory(stored).context()
    return [finding for page_of in PAGES.values() for finding in page_of(context).findings]


def attacks(world: Stored, *, seed: int) -> Iterator[tuple[Kind, Stored]]:
    """Make attacks on ``world`` without end, each on a copy of its own, of every kind in turn."""
    dice = random.Random(seed)  # noqa: S311 - dice, not secrecy
    while True:
        for kind in KINDS:
            stored = world.copy()
            kind.attack(dice, stored)
            if stored.items != world.items:  # a value may have been exchanged for itself
                yield kind, stored


# -- where -------------------------------------------------------------------------------------------------------


def _requests(stored: Stored, *, earlier: bool) -> list[str]:
    """The partitions of the requests that this release wrote, or an ``earlier`` one."""
    first = {
        at.pk: '"event":' in item["detail"]
        for at, item in stored.items.items()
        if at.table == "workflow" and at.sk == "EVT#000001"
    }
    return sorted(pk for pk, ours in first.items() if ours != earlier)


def _places(stored: Stored, *, earlier: bool = False, kind: str = "") -> list[Place]:
    """Where the items of such requests are, of one ``kind`` (the beginning of their sort key) or of all."""
    partitions = set(_requests(stored, earlier=earlier))
    return sorted(at for at in stored.items if at.pk in partitions and at.sk.startswith(kind))


def _evidence(kind: str) -> Callable[[Stored], list[Place]]:
    return lambda stored: _places(stored, kind=kind)


def _counting(stored: Stored) -> list[Place]:
    """Where metrics events are that count evidence."""
    return sorted(at for at, item in stored.items.items() if at.table == "metrics" and "evidence" in item)


def _uncounting(stored: Stored) -> list[Place]:
    return sorted(at for at, item in stored.items.items() if at.table == "metrics" and "evidence" not in item)


def _of_table(name: str, prefix: str = "") -> Callable[[Stored], list[Place]]:
    return lambda stored: sorted(at for at in stored.items if at.table == name and at.pk.startswith(prefix))


def _policies(stored: Stored, *, audited: bool = True) -> list[Place]:
    """Where the active policies, versions and audit events are, with digests or of an earlier release."""
    heads = {(*at[:2], at.sk.partition("#")[2]) for at, item in stored.items.items() if "rules_digest" in item}
    return sorted(
        at
        for at in stored.items
        if at.table == "policy" and (at.sk == "ACTIVE" or ((*at[:2], at.sk.partition("#")[2]) in heads)) == audited
    )


# -- what --------------------------------------------------------------------------------------------------------


def _another(dice: random.Random, value: Any, others: Sequence[Any]) -> Any:
    """A value to put in place of ``value``, most of the times one that an item of its kind has."""
    unlike = [other for other in others if other != value]
    if unlike and dice.random() < 0.6:
        return dice.choice(unlike)
    if isinstance(value, bool):
        return not value
    if isinstance(value, Decimal):
        return dice.choice([value + 1, value - 1, value * 1000, -value - 1, str(value)])
    if isinstance(value, str):
        place = dice.randrange(len(value) + 1)
        return dice.choice([value[:place] + "x" + value[place:], value[:place], value + " ", Decimal(7), ""])
    return "forged"


def _edit(at: Callable[[Stored], list[Place]], names: Callable[[Place, Item], list[str]] | None = None) -> Attack:
    """Exchange an attribute, take one away, or add one."""

    def attack(dice: random.Random, stored: Stored) -> None:
        places = at(stored)
        place = dice.choice(places)
        item = dict(stored.items[place])
        name = dice.choice(sorted(names(place, item) if names else item.keys() - set(_KEYS)))
        alike = [stored.items[other].get(name) for other in places if other.sk[:3] == place.sk[:3]]
        how = dice.random()
        if names is None and how < 0.1:
            donor = stored.items[dice.choice(places)]
            item |= dice.choice([{"forged": True}, {name: donor[name]} if name in donor else {"forged": "yes"}])
        elif how < 0.2:
            item.pop(name, None)
        else:
            item[name] = _another(dice, item.get(name), [value for value in alike if value is not None])
        stored.items[place] = item

    return attack


def _drop(at: Callable[[Stored], list[Place]]) -> Attack:
    def attack(dice: random.Random, stored: Stored) -> None:
        del stored.items[dice.choice(at(stored))]

    return attack


def _swap(at: Callable[[Stored], list[Place]]) -> Attack:
    """Exchange two items, each under the other's key."""

    def attack(dice: random.Random, stored: Stored) -> None:
        one, other = dice.sample(at(stored), 2)
        first, second = stored.items[one], stored.items[other]
        stored.items[one], stored.items[other] = _under(second, first), _under(first, second)

    return attack


def _copy(at: Callable[[Stored], list[Place]]) -> Attack:
    """Put a copy of an item where there is none: under a key of another's partition."""

    def attack(dice: random.Random, stored: Stored) -> None:
        one, other = dice.sample(at(stored), 2)
        kind, _, number = one.sk.partition("#")
        moved = Place(one.table, other.pk, one.sk)
        if moved in stored.items:
            moved = moved._replace(sk=f"{kind}#{int(number) + 40:06d}" if kind == "EVT" else f"{one.sk}-again")
        stored.items[moved] = {**stored.items[one], "pk": moved.pk, "sk": moved.sk}

    return attack


def _put_back(at: Callable[[Stored], list[Place]]) -> Attack:
    """Put an item back as it once was."""

    def attack(dice: random.Random, stored: Stored) -> None:
        changed = [place for place in at(stored) if stored.versions(place)]
        place = dice.choice(changed)
        stored.items[place] = dice.choice(stored.versions(place))

    return attack


def _under(item: Item, key_of: Item) -> Item:
    """Give ``item`` with the key of another."""
    return {**item, **{name: key_of[name] for name in _KEYS if name in key_of}}


def _drop_request(dice: random.Random, stored: Stored, *, earlier: bool = False) -> None:
    pk = dice.choice(_requests(stored, earlier=earlier))
    for place in stored.partition("workflow", pk):
        del stored.items[place]


def _put_request_back(dice: random.Random, stored: Stored) -> None:
    """Put a whole request back as it was before something happened to it."""
    places = [place for place in _places(stored, kind="STATE") if stored.versions(place)]
    pk = dice.choice(places).pk
    state = Place("workflow", pk, "STATE")
    past = dice.choice([then for then in stored.history if then.get(state) not in (None, stored.items[state])])
    for place in stored.partition("workflow", pk):
        del stored.items[place]
    stored.items |= {place: item for place, item in past.items() if place[:2] == ("workflow", pk)}


def _copy_request(dice: random.Random, stored: Stored) -> None:
    """Make a request up: another's, with its evidence, under an id of its own and linked anew."""
    pk = dice.choice(_requests(stored, earlier=False))
    made_up = f"{pk}-made-up"
    for place in stored.partition("workflow", pk):
        item = {**stored.items[place], "pk": made_up}
        stored.items[Place("workflow", made_up, place.sk)] = {
            name: made_up.removeprefix("REQ#") + value[len(pk) - 4 :] if name in ("request_id", "event_id") else value
            for name, value in item.items()
        }
    _link_anew(stored, made_up)


def _frame(dice: random.Random, stored: Stored, *, earlier: bool = False) -> tuple[str, Mapping[str, str]]:
    """Have evidence name another person or say another thing, and write the chain and what remembers it anew."""
    pk = dice.choice(_requests(stored, earlier=earlier))
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
    stored.items[place] = _unlinked(events)
    return pk, _link_anew(stored, pk)


def _raise_amount(dice: random.Random, stored: Stored) -> tuple[str, Mapping[str, str]]:
    """Have a payment be of another amount and for somebody else, everywhere in its partition."""
    pk = dice.choice(_requests(stored, earlier=False))
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
    stored.items[first] = _unlinked([replace(lineage, detail={**lineage.detail, **says}), audit])
    return pk, _link_anew(stored, pk)


def _unlinked(events: Sequence[EvidenceEvent]) -> Item:
    """An item of events, the later of which follow the earlier as these are now."""
    linked = [events[0]]
    for event in events[1:]:
        linked.append(replace(event, previous=linked[-1].digest))
    return _written(linked)


def _written(events: Sequence[EvidenceEvent]) -> Item:
    """The item of ``events`` as it is read back."""
    return {name: value for name, value in evidence_item(events).items() if value is not None}


def _link_anew(stored: Stored, pk: str) -> dict[str, str]:
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


def _drop_refusal(dice: random.Random, stored: Stored) -> None:
    """Drop a refused action, and have whatever counts it count one less."""
    place = dice.choice(_places(stored, kind="REF#"))
    [refusal] = evidence_from(stored.items.pop(place))
    state = Place("workflow", place.pk, "STATE")
    item = dict(stored.items[state])
    item["refusals"] -= 1
    item["refusal_tally"] -= refusal.tally
    stored.items[state] = {name: value for name, value in item.items() if value or not name.startswith("refusal")}
    for counter in _places(stored, kind="REFC#"):
        counts = stored.items[counter]
        if counter.pk == place.pk and counts["principal_id"] == refusal.detail["actor"]:
            stored.items[counter] = {**counts, "kept": counts["kept"] - 1}


def _reword_refusal(dice: random.Random, stored: Stored) -> None:
    """Have a refused action say something else, and have the request remember that."""
    place = dice.choice(_places(stored, kind="REF#"))
    [refusal] = evidence_from(stored.items[place])
    stored.items[place] = _written([replace(refusal, detail={**refusal.detail, "action": "reject"})])
    _link_anew(stored, place.pk)


def _everywhere(dice: random.Random, stored: Stored) -> None:
    """Frame somebody, and write the metrics events anew too, so that nothing contradicts it."""
    pk, _ = _frame(dice, stored)
    for at, item in list(stored.items.items()):
        if at.table == "metrics" and item["request_id"] == pk.removeprefix("REQ#"):
            del stored.items[at]
    for event in verify_partition(pk, [stored.items[at] for at in stored.partition("workflow", pk)]).events.values():
        stored.items[place_of("metrics", event)] = event


def _drop_everywhere(dice: random.Random, stored: Stored) -> None:
    """Drop a request, and the metrics events that count it."""
    pk = dice.choice(_requests(stored, earlier=False))
    for place, item in list(stored.items.items()):
        if place[:2] == ("workflow", pk) or (
            place.table == "metrics" and item["request_id"] == pk.removeprefix("REQ#")
        ):
            del stored.items[place]


def _exchange_active(dice: random.Random, stored: Stored) -> None:
    """Exchange the active policy under the version that vouches for it."""
    place = dice.choice([at for at in stored.items if at.table == "policy" and at.sk == "ACTIVE"])
    stored.items[place] = {**stored.items[place], "rules": canonical([_A_RULE | {"value": dice.randrange(10**6)}])}


def _active(stored: Stored, *, audited: bool = True) -> list[Place]:
    """Where the active policies are that this release applied, or an earlier one."""
    return [
        at
        for at in _of_table("policy")(stored)
        if at.sk == "ACTIVE" and ("audit_digest" in stored.items[at]) == audited
    ]


def _exchange_version(dice: random.Random, stored: Stored, *, earlier: bool = False) -> None:
    """Exchange the active policy and its version alike."""
    place = dice.choice(_active(stored, audited=not earlier))
    rules = canonical([_A_RULE | {"value": dice.randrange(10**6)}])
    version = place._replace(sk=f"VERSION#{int(stored.items[place]['number']):08d}")
    for at in (place, version):
        stored.items[at] = {**stored.items[at], "rules": rules}


def _rewrite_policy(dice: random.Random, stored: Stored) -> None:
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


def _roll_policy_back(scope: str) -> Attack:
    """Drop the newest version of a scope, and have the one before be active again."""

    def attack(_dice: random.Random, stored: Stored) -> None:
        place = Place("policy", scope, "ACTIVE")
        number = int(stored.items[place]["number"])
        for kind in ("VERSION", "AUDIT"):
            del stored.items[place._replace(sk=f"{kind}#{number:08d}")]
        stored.items[place] = {**stored.items[place._replace(sk=f"VERSION#{number - 1:08d}")], "sk": "ACTIVE"}

    return attack


def _drop_newest_event(dice: random.Random, stored: Stored) -> None:
    """Cut a chain off, with everything that the request remembers of it: a rejection never happened."""
    closed = [place for place in _places(stored, kind="EVT#") if place.sk != "EVT#000001"]
    place = dice.choice(closed)
    state = Place("workflow", place.pk, "STATE")
    pasts = [then[state] for then in stored.history if then.get(state, {}).get("chain_length") == 2]
    refused = {name: value for name, value in stored.items[state].items() if name.startswith("refusal")}
    del stored.items[place]
    stored.items[state] = {**pasts[-1], **refused}


_A_RULE: Final[dict[str, Any]] = {"id": "forged", "key": "max_transaction", "value": 0}

_any_of_request = _evidence("")
_earlier_state: Callable[[Stored], list[Place]] = lambda stored: _places(stored, earlier=True, kind="STATE")  # noqa: E731 - a row of a table


def _names_said(_place: Place, item: Item) -> list[str]:
    return sorted(item.keys() - set(_KEYS) - _UNSAID)


def _names_unsaid(_place: Place, _item: Item) -> list[str]:
    return sorted(_UNSAID)


def _times_beyond(place: Place, _item: Item) -> list[str]:
    return ["last_at"] if place.sk.startswith("REFC#") else ["correlation_id"]


KINDS: Final[Sequence[Kind]] = (
    Kind("request: edit its state", _edit(_evidence("STATE"))),
    Kind("request: edit its evidence", _edit(_evidence("EVT#"))),
    Kind("request: edit a refused action", _edit(_evidence("REF#"))),
    Kind(
        "request: edit what counts refused actions",
        _edit(_evidence("REFC#"), lambda *_: ["kept", "beyond", "principal_id"]),
    ),
    Kind("request: drop an item", _drop(_any_of_request)),
    Kind("request: exchange two items of a kind", _swap(_evidence("STATE"))),
    Kind("request: exchange two chains' items", _swap(_evidence("EVT#"))),
    Kind("request: exchange two refused actions", _swap(_evidence("REF#"))),
    Kind("request: copy an item to another", _copy(_any_of_request)),
    Kind("request: put an item back as it was", _put_back(_any_of_request)),
    Kind("request: put all of it back as it was", _put_request_back),
    Kind("request: cut its chain off, head and state too", _drop_newest_event),
    Kind("request: drop all of it", _drop_request),
    Kind("request: make one up, linked", _copy_request),
    Kind("request: frame somebody, linked anew", lambda dice, stored: void(_frame(dice, stored))),
    Kind("request: another amount and principal, linked anew", lambda dice, stored: void(_raise_amount(dice, stored))),
    Kind("request: drop a refused action, counts too", _drop_refusal),
    Kind("request: reword a refused action, sums too", _reword_refusal),
    Kind("metrics: edit an event that counts evidence", _edit(_counting)),
    Kind("metrics: drop an event that counts evidence", _drop(_counting)),
    Kind("metrics: exchange two events that count evidence", _swap(_counting)),
    Kind("policy: edit an item", _edit(_policies)),
    Kind("policy: drop an item", _drop(_of_table("policy"))),
    Kind("policy: exchange two items", _swap(_policies)),
    Kind("policy: put an item back as it was", _put_back(_of_table("policy"))),
    Kind("policy: exchange the active one", _exchange_active),
    Kind("policy: exchange the active one and its version", _exchange_version),
    Kind("policy: take the newest version back that decided", _roll_policy_back("SCOPE#global")),
    Kind("earlier release: edit what its evidence says", _edit(_earlier_state, _names_said)),
    Kind("earlier release: edit evidence", _edit(lambda stored: _places(stored, earlier=True, kind="EVT#"))),
    Kind("earlier release: drop an item of a request", _drop(lambda stored: _places(stored, earlier=True))),
    # -- residual: nothing else that is stored says otherwise ---------------------------------------------------
    Kind("residual: a request rewritten, its metrics events too", _everywhere, residual=True),
    Kind("residual: a request dropped, its metrics events too", _drop_everywhere, residual=True),
    Kind("residual: a policy's newest version rewritten, audit too", _rewrite_policy, residual=True),
    Kind(
        "residual: newest version taken back that decided nothing", _roll_policy_back("SCOPE#agent#idle"), residual=True
    ),
    Kind(
        "residual: when refused actions beyond those kept came", _edit(_evidence("REFC#"), _times_beyond), residual=True
    ),
    Kind("residual: metrics events that count no evidence", _edit(_uncounting), residual=True),
    Kind("residual: spend of a day", _edit(_of_table("workflow", "SPEND#")), residual=True),
    Kind("residual: escalation windows", _edit(_of_table("workflow", "ESC#")), residual=True),
    Kind("residual: replay guards", _edit(_of_table("replay_guards")), residual=True),
    Kind("residual: earlier release: deadline, spend, minute", _edit(_earlier_state, _names_unsaid), residual=True),
    Kind(
        "residual: earlier release: a whole request dropped",
        lambda dice, stored: _drop_request(dice, stored, earlier=True),
        residual=True,
    ),
    Kind(
        "residual: earlier release: evidence linked anew",
        lambda dice, stored: void(_frame(dice, stored, earlier=True)),
        residual=True,
    ),
    Kind(
        "residual: earlier release: an active policy and its version",
        lambda dice, stored: _exchange_version(dice, stored, earlier=True),
        residual=True,
    ),
    Kind(
        "residual: earlier release: policies, who applied them",
        _edit(lambda stored: _policies(stored, audited=False)),
        residual=True,
    ),
)


def void(_: object) -> None:
    """Give nothing back."""


def main(seed: int) -> int:
    """Make the attacks and print what was seen, by kind. 1 if any went unseen that must not."""
    count = int(os.environ.get("HANDSHAKE_ATTACKS", "10000"))
    with mock_aws():
        client = engines.client_of("dynamodb")
        world = a_world(client, engines.create_tables(client))
    made, seen = Counter[str](), Counter[str]()
    missed: list[str] = []
    for number, (kind, stored) in enumerate(attacks(world, seed=seed)):
        if number == count:
            break
        made[kind.name] += 1
        if verify(stored):
            seen[kind.name] += 1
        elif not kind.residual:
            missed.append(f"attack {number}, {kind.name}: {changed(world, stored)}")
    table = Table("kind", "attacks", "seen", "residual", box=SIMPLE_HEAD)
    for kind in KINDS:
        unseen = made[kind.name] - seen[kind.name]
        table.add_row(kind.name, str(made[kind.name]), str(seen[kind.name]), str(unseen if kind.residual else 0))
    console = Console(width=100)
    console.print(table)
    console.print(f"{sum(made.values())} attacks (seed {seed}), {len(missed)} missed", highlight=False)
    for text in missed[:_SHOWN]:
        console.print(text, style="red", markup=False)
    return int(bool(missed))


def changed(world: Stored, stored: Stored) -> str:
    """Say what an attack changed."""
    places = {at for at in world.items.keys() | stored.items.keys() if world.items.get(at) != stored.items.get(at)}
    return "; ".join(f"{at}: {world.items.get(at)} -> {stored.items.get(at)}" for at in sorted(places)[:3])


if __name__ == "__main__":
    import logging

    logging.disable()
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
