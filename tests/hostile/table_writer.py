"""A table-writer's attacks: edits, drops, swaps, chains written anew, and what verification sees of them.

`python -m tests.hostile.table_writer [SEED]` makes HANDSHAKE_ATTACKS of them (10,000) and prints a table. Each kind is
either one that verification must see every time, or ``residual``: nothing else that is stored contradicts it.
"""

import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.dynamo.marshalling import Item
from handshake.requests.recording import CLAIMED, EXTENDED, REPORTED, REVOKED
from handshake.requests.verify import PAGES, Finding
from ops.local.dynamodb import dynamodb_local
from tests.hostile.attacks import (
    KEYS,
    Attack,
    copy_over,
    counting,
    drop,
    edit,
    evidence_of,
    of_table,
    places_of,
    policies,
    put_back,
    swap,
    uncounting,
    whole_actions,
)
from tests.hostile.forgeries import (
    copy_request,
    drop_everywhere,
    drop_newest_event,
    drop_refusal,
    drop_request,
    enable,
    everywhere,
    exchange_active,
    exchange_argument,
    exchange_argument_linked_anew,
    exchange_version,
    feign_lapse,
    frame,
    lengthen,
    lift_stop,
    put_request_back,
    raise_amount,
    remove_text,
    rename,
    reword_refusal,
    rewrite_change,
    rewrite_person,
    rewrite_policy,
    roll_policy_back,
    take_change_back,
    take_person_back,
    undo_newest,
)
from tests.hostile.grant_forgeries import (
    another_claimer,
    another_outcome,
    made_up,
    reporter_of_another_tenant,
    shorter_grant,
)
from tests.support import engines
from tests.support.worlds import InMemory, Place, Stored, a_world

# What an earlier release's evidence does not say of a request.
_UNSAID: Final = frozenset({"expires_at", "spend_amount", "spend_limit", "synthetic", "timestamp_ms", "trigger"})
_SHOWN: Final = 10


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


_any_of_request = evidence_of("")


def _shadowed(stored: Stored) -> list[Place]:
    return [place for place in counting(stored) if "shadows" in stored.items[place]]


def _earlier_state(stored: Stored) -> list[Place]:
    return places_of(stored, earlier=True, kind="STATE")


def _names_said(_place: Place, item: Item) -> list[str]:
    return sorted(item.keys() - set(KEYS) - _UNSAID)


def _names_unsaid(_place: Place, _item: Item) -> list[str]:
    return sorted(_UNSAID)


def _beyond(stored: Stored) -> list[Place]:
    return [at for at in places_of(stored, kind="REFC#") if "beyond" in stored.items[at]]


def _names_counted(_place: Place, item: Item) -> list[str]:
    return sorted(item.keys() - {*KEYS, "shadows"})


def _shadows(_place: Place, _item: Item) -> list[str]:
    return ["shadows"]


def _tools_in_force(stored: Stored) -> list[Place]:
    return [Place("policy", "TOOLS", "ACTIVE")] if Place("policy", "TOOLS", "ACTIVE") in stored.items else []


def _count(_place: Place, _item: Item) -> list[str]:
    return ["generation"]


def _generation(_place: Place, item: Item) -> list[str]:
    return sorted(item.keys() - {*KEYS, "generation"})


def _last(_place: Place, _item: Item) -> list[str]:
    return ["last_at"]


KINDS: Final[Sequence[Kind]] = (
    Kind("request: edit its state", edit(evidence_of("STATE"))),
    Kind("request: edit its evidence", edit(evidence_of("EVT#"))),
    Kind("request: edit a refused action", edit(evidence_of("REF#"))),
    Kind(
        "request: edit what counts refused actions",
        edit(evidence_of("REFC#"), lambda *_: ["kept", "beyond", "principal_id"]),
    ),
    Kind("request: edit its action", edit(whole_actions)),
    Kind("request: edit where history lists it", edit(evidence_of("LISTED#"))),
    Kind("request: drop where history lists it", drop(evidence_of("LISTED#"))),
    Kind("request: exchange where history lists two", swap(evidence_of("LISTED#"))),
    Kind("request: put an action back as it was, once erased", put_back(evidence_of("ACTION"))),
    Kind("request: take an action's text away", remove_text),
    Kind("request: feign a lapse, or hide one", feign_lapse),
    Kind("request: exchange two actions", swap(evidence_of("ACTION"))),
    Kind("request: another argument, its digest too", lambda dice, stored: void(exchange_argument(dice, stored))),
    Kind("request: another argument, linked anew", exchange_argument_linked_anew),
    Kind("request: drop an item", drop(_any_of_request)),
    Kind("request: exchange two items of a kind", swap(evidence_of("STATE"))),
    Kind("request: exchange two chains' items", swap(evidence_of("EVT#"))),
    Kind("request: exchange two refused actions", swap(evidence_of("REF#"))),
    Kind("request: copy an item to another", copy_over(_any_of_request)),
    Kind("request: put an item back as it was", put_back(_any_of_request)),
    Kind("request: put all of it back as it was", put_request_back),
    Kind("request: cut its chain off, head and state too", drop_newest_event),
    Kind("request: undo a revocation, head and state too", undo_newest(REVOKED)),
    Kind("request: undo an extension, head and state too", undo_newest(EXTENDED)),
    Kind("request: a later deadline, linked anew", lengthen),
    Kind("grant: undo a claim, head and state too", undo_newest(CLAIMED)),
    Kind("grant: undo an outcome, head and state too", undo_newest(REPORTED)),
    Kind("grant: another outcome, linked anew", another_outcome),
    Kind("grant: another claimer, linked anew", another_claimer),
    Kind("grant: a reporter of another tenant, linked anew", reporter_of_another_tenant),
    Kind("grant: a shorter life, linked anew", shorter_grant),
    Kind("grant: make a claim up, linked", made_up(CLAIMED, "claimed grant")),
    Kind("grant: make an outcome up, linked", made_up(REPORTED, "outcome_ reported")),
    Kind("request: drop all of it", drop_request),
    Kind("request: make one up, linked", copy_request),
    Kind("request: frame somebody, linked anew", lambda dice, stored: void(frame(dice, stored))),
    Kind("request: another amount and principal, linked anew", lambda dice, stored: void(raise_amount(dice, stored))),
    Kind("request: drop a refused action, counts too", drop_refusal),
    Kind("request: reword a refused action, sums too", reword_refusal),
    Kind("metrics: edit an event that counts evidence", edit(counting, _names_counted)),
    Kind("metrics: drop an event that counts evidence", drop(counting)),
    Kind("metrics: exchange two events that count evidence", swap(counting)),
    Kind("policy: edit an item", edit(policies)),
    Kind("policy: drop an item", drop(of_table("policy"))),
    Kind("policy: exchange two items", swap(policies)),
    Kind("policy: put an item back as it was", put_back(of_table("policy", "SCOPE#"))),
    Kind("policy: exchange the active one", exchange_active),
    Kind("policy: exchange the active one and its version", exchange_version),
    Kind("policy: take the newest version back that decided", roll_policy_back("SCOPE#global")),
    Kind("agent: edit an item", edit(of_table("policy", "AGENT"))),
    Kind("agent: drop an item", drop(of_table("policy", "AGENT"))),
    Kind("agent: exchange two items", swap(of_table("policy", "AGENT"))),
    Kind("agent: put an item back as it was", put_back(of_table("policy", "AGENT"))),
    Kind("agent: lift a stop in the record alone", lift_stop),
    Kind("agent: take a change back that decided", take_change_back("decides")),
    Kind("person: edit an item", edit(of_table("policy", "PERSON#"))),
    Kind("person: drop an item", drop(of_table("policy", "PERSON#"))),
    Kind("person: exchange two items", swap(of_table("policy", "PERSON#"))),
    Kind("person: put an item back as it was", put_back(of_table("policy", "PERSON#"))),
    Kind("person: enable somebody in the record alone", enable),
    Kind("person: another name, tenant or scope in the record alone", rename),
    Kind("policy: edit a tenant's, its shadow, its budgets or its Cedar", edit(of_table("policy", "SCOPE#tenant#"))),
    Kind("tools: edit an item", edit(of_table("policy", "TOOLS"), _generation)),
    Kind("tools: drop an item", drop(of_table("policy", "TOOLS"))),
    Kind("tools: exchange two items", swap(of_table("policy", "TOOLS"))),
    Kind("earlier release: edit what its evidence says", edit(_earlier_state, _names_said)),
    Kind("earlier release: edit evidence", edit(lambda stored: places_of(stored, earlier=True, kind="EVT#"))),
    Kind("earlier release: drop an item of a request", drop(lambda stored: places_of(stored, earlier=True))),
    # -- residual: nothing else that is stored says otherwise ---------------------------------------------------
    Kind("residual: a request rewritten, its metrics events too", everywhere, residual=True),
    Kind("residual: a request dropped, its metrics events too", drop_everywhere, residual=True),
    Kind("residual: a policy's newest version rewritten, audit too", rewrite_policy, residual=True),
    Kind(
        "residual: newest version taken back that decided nothing", roll_policy_back("SCOPE#agent#idle"), residual=True
    ),
    Kind("residual: an agent's newest change rewritten, its record too", rewrite_change, residual=True),
    Kind("residual: newest change taken back that decided nothing", take_change_back("idles"), residual=True),
    Kind("residual: a person's newest change rewritten, their record too", rewrite_person, residual=True),
    Kind("residual: a person's newest change taken back", take_person_back, residual=True),
    Kind("residual: when refused actions came beyond those kept", edit(_beyond, _last), residual=True),
    Kind("residual: metrics events that count no evidence", edit(uncounting), residual=True),
    Kind("residual: spend of a day", edit(of_table("workflow", "SPEND#")), residual=True),
    Kind("residual: tools: how often they or their users changed", edit(_tools_in_force, _count), residual=True),
    Kind("residual: counters of budgets", edit(of_table("workflow", "BUDGET#")), residual=True),
    Kind("residual: what shadows would have decided", edit(_shadowed, _shadows), residual=True),
    Kind("residual: escalation windows", edit(of_table("workflow", "ESC#")), residual=True),
    Kind("residual: replay guards", edit(of_table("replay_guards")), residual=True),
    Kind("residual: earlier release: deadline, spend, minute", edit(_earlier_state, _names_unsaid), residual=True),
    Kind(
        "residual: earlier release: a whole request dropped",
        lambda dice, stored: drop_request(dice, stored, earlier=True),
        residual=True,
    ),
    Kind(
        "residual: earlier release: evidence linked anew",
        lambda dice, stored: void(frame(dice, stored, earlier=True)),
        residual=True,
    ),
    Kind(
        "residual: earlier release: an active policy and its version",
        lambda dice, stored: exchange_version(dice, stored, earlier=True),
        residual=True,
    ),
    Kind(
        "residual: earlier release: policies, who applied them",
        edit(lambda stored: policies(stored, audited=False)),
        residual=True,
    ),
)


def void(_: object) -> None:
    """Give nothing back."""


def main(seed: int) -> int:
    """Make the attacks and print what was seen, by kind. 1 if any went unseen that must not."""
    count = int(os.environ.get("HANDSHAKE_ATTACKS", "10000"))
    # In memory the sweeps' threads would write while another's transaction copies the tables.
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        client = engines.client_of("dynamodb", endpoint)
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
