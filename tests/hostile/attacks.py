"""Attacks on items as they are: values exchanged, items dropped, swapped, copied, or put back as they once were."""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from handshake.dynamo.marshalling import Item
from tests.support import engines
from tests.support.worlds import Place, Stored

Attack = Callable[[random.Random, Stored], None]

KEYS: Final = ("pk", "sk", "guard_key", "kv_key")
# Keys of tables and indexes, with the type that DynamoDB demands of each.
TYPED: Final = {
    one["AttributeName"]: Decimal if one["AttributeType"] == "N" else str
    for table in engines.described_tables().values()
    for one in table["AttributeDefinitions"]
}


# -- where -------------------------------------------------------------------------------------------------------


def requests_of(stored: Stored, *, earlier: bool) -> list[str]:
    """The partitions of the requests that this release wrote, or an ``earlier`` one."""
    first = {
        at.pk: '"event":' in item["detail"]
        for at, item in stored.items.items()
        if at.table == "workflow" and at.sk == "EVT#000001"
    }
    return sorted(pk for pk, ours in first.items() if ours != earlier)


def places_of(stored: Stored, *, earlier: bool = False, kind: str = "") -> list[Place]:
    """Find the items of such requests, of one ``kind`` (the beginning of their sort key) or of all."""
    partitions = set(requests_of(stored, earlier=earlier))
    return sorted(at for at in stored.items if at.pk in partitions and at.sk.startswith(kind))


def evidence_of(kind: str) -> Callable[[Stored], list[Place]]:
    return lambda stored: places_of(stored, kind=kind)


def whole_actions(stored: Stored) -> list[Place]:
    """Find the actions that are kept whole: not erased."""
    return [at for at in places_of(stored, kind="ACTION") if "canonical" in stored.items[at]]


def counting(stored: Stored) -> list[Place]:
    """Find the metrics events that count evidence."""
    return sorted(at for at, item in stored.items.items() if at.table == "metrics" and "evidence" in item)


def uncounting(stored: Stored) -> list[Place]:
    return sorted(at for at, item in stored.items.items() if at.table == "metrics" and "evidence" not in item)


def of_table(name: str, prefix: str = "") -> Callable[[Stored], list[Place]]:
    return lambda stored: sorted(at for at in stored.items if at.table == name and at.pk.startswith(prefix))


def policies(stored: Stored, *, audited: bool = True) -> list[Place]:
    """Find the active policies, versions and audit events, with digests or of an earlier release."""
    heads = {(*at[:2], at.sk.partition("#")[2]) for at, item in stored.items.items() if "rules_digest" in item}
    return sorted(
        at
        for at in stored.items
        if (at.table == "policy" and at.pk.startswith("SCOPE#"))
        and (at.sk == "ACTIVE" or ((*at[:2], at.sk.partition("#")[2]) in heads)) == audited
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


def edit(at: Callable[[Stored], list[Place]], names: Callable[[Place, Item], list[str]] | None = None) -> Attack:
    """Exchange an attribute, take one away, or add one."""

    def attack(dice: random.Random, stored: Stored) -> None:
        places = at(stored)
        place = dice.choice(places)
        item = dict(stored.items[place])
        name = dice.choice(sorted(names(place, item) if names else item.keys() - set(KEYS)))
        alike = [stored.items[other].get(name) for other in places if other.sk[:3] == place.sk[:3]]
        how = dice.random()
        if names is None and how < 0.1:
            donor = stored.items[dice.choice(places)]
            item |= dice.choice([{"forged": True}, {name: donor[name]} if name in donor else {"forged": "yes"}])
        elif how < 0.2:
            item.pop(name, None)
        else:
            item[name] = _another(dice, item.get(name), [value for value in alike if value is not None])
            if name in TYPED and (not isinstance(item[name], TYPED[name]) or item[name] == ""):
                del item[name]  # no table takes it as an index's key, and without it the item is in no index either
        stored.items[place] = item

    return attack


def drop(at: Callable[[Stored], list[Place]]) -> Attack:
    def attack(dice: random.Random, stored: Stored) -> None:
        del stored.items[dice.choice(at(stored))]

    return attack


def swap(at: Callable[[Stored], list[Place]]) -> Attack:
    """Exchange two items, each under the other's key."""

    def attack(dice: random.Random, stored: Stored) -> None:
        one, other = dice.sample(at(stored), 2)
        first, second = stored.items[one], stored.items[other]
        stored.items[one], stored.items[other] = _under(second, first), _under(first, second)

    return attack


def copy_over(at: Callable[[Stored], list[Place]]) -> Attack:
    """Put a copy of an item where there is none: under a key of another's partition."""

    def attack(dice: random.Random, stored: Stored) -> None:
        one, other = dice.sample(at(stored), 2)
        kind, _, number = one.sk.partition("#")
        moved = Place(one.table, other.pk, one.sk)
        if moved in stored.items:
            moved = moved._replace(sk=f"{kind}#{int(number) + 40:06d}" if kind == "EVT" else f"{one.sk}-again")
        stored.items[moved] = {**stored.items[one], "pk": moved.pk, "sk": moved.sk}

    return attack


def put_back(at: Callable[[Stored], list[Place]]) -> Attack:
    """Put an item back as it once was."""

    def attack(dice: random.Random, stored: Stored) -> None:
        changed = [place for place in at(stored) if stored.versions(place)]
        place = dice.choice(changed)
        stored.items[place] = dice.choice(stored.versions(place))

    return attack


def _under(item: Item, key_of: Item) -> Item:
    """Give ``item`` with the key of another."""
    return {**item, **{name: key_of[name] for name in KEYS if name in key_of}}
