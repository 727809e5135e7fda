"""Gives what a service stores: filled through its API, kept in memory with its history, and verified there."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from handshake.dynamo.client import Page
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, marshal, unmarshal
from handshake.dynamo.tables import Tables
from handshake.people.standing import PersonState
from handshake.requests.erase_arguments import erase_arguments
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.lapse_unclaimed import lapse_unclaimed
from handshake.requests.submission import parse_recorded
from handshake.requests.submit import submit as submit_request
from handshake.trust.token import TOOLS_SUBJECT
from ops.local.settings import ROOT
from tests.support.agents import operator
from tests.support.agents import put as put_agent
from tests.support.people import ALICE, BOB, let_in, switch
from tests.support.policies import a_budget, a_count
from tests.support.service import (
    InProcess,
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    extend,
    for_agent,
    get,
    human,
    now_ms,
    own,
    post,
    report,
    reported_event,
    revoke,
    rules,
    submission,
    token,
)
from tests.support.workflow_requests import an_action

TABLES: Final = ("workflow", "policy", "metrics", "replay_guards", "runtime_kv")
# Everything that the release before this one stored, table by table, as it was on the wire.
EARLIER_RELEASE: Final = ROOT / "tests" / "support" / "earlier_release.json"
# What the last release before grants, agents and actions stored, of the same kinds.
BEFORE_GRANTS: Final = ROOT / "tests" / "support" / "before_grants.json"
_TTL_MS: Final = 300_000
_DAY_MS: Final = 24 * 60 * 60 * 1000
_FLOOD: Final = 22
_CEDAR: Final = '@id("mail")\nforbid (principal, action == Action::"mail", resource) when { context.hour == 25 };\n'


class Place(NamedTuple):
    """Names where an item is: its table and its key. A table without sort keys has ""."""

    table: str
    pk: str
    sk: str


Items = dict[Place, Item]


@dataclass
class Stored:
    """Everything in the tables, and how it came to be: what was there after each step that filled them."""

    items: Items
    history: list[Items] = field(default_factory=list)

    def copy(self) -> "Stored":
        """Give a copy, whose items can be exchanged. Items are never changed in place."""
        return replace(self, items=dict(self.items))

    def versions(self, place: Place) -> list[Item]:
        """Give the other items that were once at ``place``."""
        past = [then[place] for then in self.history if place in then]
        return [item for index, item in enumerate(past) if item != self.items.get(place) and item not in past[:index]]

    def partition(self, table: str, pk: str) -> list[Place]:
        """Give the places of a partition."""
        return [place for place in self.items if place[:2] == (table, pk)]


def populate(service: InProcess, *, flood: int = 2) -> Iterator[None]:
    """Fill the tables with requests of every kind, through the API; yields after each step."""
    paid = submission()
    yield from _governed(service, paid["agentId"])
    yield from _registered(service)
    escalated(service)
    yield
    expire_overdue(replace(service, now_ms=lambda: now_ms() + 2 * _TTL_MS).context)
    yield
    post(service, "/workflow/requests", paid)
    for decision in ("allow", "deny", "escalate"):
        decided(service, decision)
        decided(service, decision, tenantId=None)
    for sensitivity in ("low", "confidential", "ambiguous"):
        post(service, "/workflow/requests", submission("data_access", context={"sensitivity": sensitivity}))
    post(service, "/workflow/requests", submission("external_call"))
    yield from _actions(service)
    yield from _bounded(service)
    approved, rejected, refused = (escalated(service, action=action) for action in (an_action(), None, None))
    yield
    act(service, approved, key="approving", reason="it is due")
    act(service, rejected, "reject")
    yield
    for _ in range(flood):
        act(service, refused, envelope=human("stranger", tenantId="elsewhere"))
    act(service, refused, envelope=own(refused, subjectType="agent"))
    act(service, approved, key="approving")
    yield
    act(service, refused)
    yield
    yield from _moved(service)
    claim(service, approved, key="executing")
    yield from _executed(service)
    asked = parse_recorded(submission(tenantId=None))
    submit_request(service.context._replace(synthetic=True), asked, escalation_ttl_ms=_TTL_MS)
    get(service, f"/workflow/requests/{paid['requestId']}", envelope=human("stranger"))
    post(service, "/metrics/project", reported_event())
    yield


def _governed(service: InProcess, agent_id: str) -> Iterator[None]:
    """Policies of every scope, changed and rolled back."""
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=100)})
    yield
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=100, daily_spend_limit=4000)})
    yield
    apply_policy(service, for_agent(agent_id, max_transaction=50))
    apply_policy(service, for_agent("idle", max_transaction=1))
    apply_policy(service, for_agent("idle", max_transaction=2))
    apply_policy(service, {"scope": "agent", "scopeId": "idle", "policyVersion": "v1"})
    yield


def _registered(service: InProcess) -> Iterator[None]:
    """Agents' and people's records, and what is decided by them."""
    let_in(service, ALICE, scopes=())
    let_in(service, BOB)
    put_agent(service, "decides")
    put_agent(service, "decides", envelope=operator(None), state="active", owner="everybody's")
    put_agent(service, "idles", state="active", owner="a team")
    yield
    put_agent(service, "idles", until=now_ms() + _DAY_MS)
    let_in(service, ALICE)
    switch(service, BOB, PersonState.DISABLED)
    post(service, "/workflow/requests", submission(agentId="decides", tenantId="acme"))
    put_agent(service, "decides", state="escalate_all", reason="it is watched")
    yield
    post(service, "/workflow/requests", submission(agentId="decides", tenantId="acme"))
    yield


def _bounded(service: InProcess) -> Iterator[None]:
    """Fill the tables with what a tenant's policy of every member decides, beside a shadow; yields after each step."""
    bounded = {"scope": "tenant", "scopeId": "bounded"}
    budgets = [a_budget(per="tenant", max=10**6), a_count(per="principal", window="month", max=1, over="escalate")]
    lists = {"actionType": "external_call", "tools": [{"name": "mail", "inputSchema": {"type": "object"}}]}
    for _ in range(2):
        post(service, "/policy/tools", lists, envelope=human("operator"), token=token(service, subject=TOOLS_SUBJECT))
    apply_policy(service, bounded | {"rules": rules(max_transaction=50), "budgets": budgets, "cedar": _CEDAR})
    yield
    apply_policy(service, bounded | {"rules": rules(max_transaction=40), "mode": "shadow"})
    apply_policy(service, {"scope": "tenant", "scopeId": "tried", "budgets": budgets, "mode": "shadow"})
    apply_policy(service, {"scope": "tenant", "scopeId": "tried", "budgets": [], "mode": "shadow"})
    yield
    over = {"tenantId": "bounded", "principalId": "over"}
    decided(service, "allow", **over)
    decided(service, "deny", tenantId="bounded", context={"amount": 10, "category": "casino"})
    held, taken, _ = (escalated(service, **over) for _ in range(3))
    yield
    act(service, held, "reject")
    yield
    act(service, taken)
    post(service, "/workflow/requests", submission(**over))
    yield


def _moved(service: InProcess) -> Iterator[None]:
    """Revoke, withdraw and extend requests; yields after each step."""
    revoked, withdrawn, extended, allowed = (*(escalated(service) for _ in range(3)), decided(service, "allow"))
    yield
    act(service, revoked)
    extend(service, withdrawn, 60)
    extend(service, extended, key="extending", reason="they are at lunch")
    yield
    revoke(service, revoked, reason="the payee is another")
    revoke(service, allowed)
    act(service, withdrawn, "withdraw")
    extend(service, extended, 86_400)
    yield
    extend(service, extended, 60)
    yield
    extend(service, extended)
    revoke(service, withdrawn)
    yield


def _executed(service: InProcess) -> Iterator[None]:
    """Claim grants, of which some are reported; yields after each step."""
    executed, failed = decided(service, "allow"), decided(service, "allow")
    claimed = decided(service, "allow", tenantId=None)
    yield
    grants = [claim(service, request).body["grantId"] for request in (executed, failed, claimed)]
    yield
    report(service, grants[0], envelope=own(executed), detail="it was paid")
    report(service, grants[1], envelope=own(failed), status="failed", resultDigest="sha256:" + "0" * 64)
    yield


def _actions(service: InProcess) -> Iterator[None]:
    """Fill them with actions: whole, erased, claimed by nobody in time, and waiting."""
    for payee in ("ACME Ltd", "Umbrella Corp"):
        post(service, "/workflow/requests", submission("external_call", action=an_action(arguments={"payee": payee})))
        escalated(service, action=an_action(arguments={"payee": payee, "amount": 150}))
    yield
    bound = replace(service, settings={**service.settings, "binds_actions": True})
    for _ in range(2):
        decided(bound, "allow", action=an_action())
    yield
    with service.runtime.invocation() as later:
        lapse_unclaimed(later._replace(now_ms=lambda: now_ms() + _DAY_MS))
        erase_arguments(later._replace(now_ms=lambda: now_ms() + 2 * _DAY_MS), kept_days=1)
    yield
    decided(bound, "allow", action=an_action())
    yield
    for payee in ("Initech", "Hooli"):
        post(service, "/workflow/requests", submission("external_call", action=an_action(arguments={"payee": payee})))
    yield


def dumped(client: Any, tables: Tables) -> Items:
    """Give everything in ``tables``."""
    return {place_of(table, item): item for table in TABLES for item in _scanned(client, getattr(tables, table))}


def place_of(table: str, item: Item) -> Place:
    """Say where ``item`` belongs."""
    key = [item[name] for name in ("pk", "sk", "guard_key", "kv_key") if name in item]
    return Place(table, key[0], key[1] if len(key) > 1 else "")


def load_earlier_release(client: Any, tables: Tables, kept_in: Path = EARLIER_RELEASE) -> Items:
    """Store what the release before this one stored, or another that was kept."""
    kept: Mapping[str, Sequence[Mapping[str, Any]]] = json.loads(kept_in.read_text())
    for table, items in kept.items():
        for item in items:
            client.put_item(TableName=getattr(tables, table), Item=item)
    return dumped(client, tables)


def a_world(client: Any, tables: Tables, *, flood: int = _FLOOD) -> Stored:
    """Fill ``tables``, on top of what the release before stored, and give all of it with its history."""
    stored = Stored(load_earlier_release(client, tables))
    for _ in populate(InProcess(client, tables), flood=flood):
        stored = Stored(dumped(client, tables), [*stored.history, stored.items])
    return stored


def _scanned(client: Any, table: str) -> list[Item]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [unmarshal(item) for page in pages for item in page["Items"]]


@dataclass
class InMemory:
    """Stands in for ``Dynamo`` where it only reads: as much of it as verification asks for."""

    stored: Stored

    def within(self, _seconds: float) -> "InMemory":
        """Take as long as it likes."""
        return self

    def scan_page(self, table: str, where: str, values: Mapping[str, Any], **options: Any) -> Page:  # noqa: ARG002 - one page is all
        """Give the whole table, by partition."""
        holds = _FILTERS[where]
        items = [item for at, item in sorted(self.stored.items.items(), key=_key) if at.table == table]
        return Page([item for item in items if holds(item, values)], None)

    def query_all(self, table: str, condition: str, values: Mapping[str, Any], **options: Any) -> list[Item]:  # noqa: ARG002 - there is one way to ask
        """Give a partition."""
        [pk] = values.values()
        return [self.stored.items[at] for at in sorted(self.stored.partition(table, pk))]

    def batch_get(self, keys: Sequence[tuple[str, Mapping[str, str]]]) -> list[Item | None]:
        """Give items by their keys."""
        return [self.stored.items.get(Place(table, key["pk"], key["sk"])) for table, key in keys]

    def context(self) -> Context:
        """Give the context of an operator who verifies."""
        store: Any = self
        return Context(store, Tables(**{name: name for name in TABLES}), now_ms, lambda: "unused")


def _key(entry: tuple[Place, Item]) -> Place:
    return entry[0]


_FILTERS: Final[Mapping[str, Callable[[Item, Mapping[str, Any]], bool]]] = {
    "begins_with(pk, :prefix)": lambda item, values: item["pk"].startswith(values[":prefix"]),
    "attribute_type(evidence, :text)": lambda item, _values: isinstance(item.get("evidence"), str),
}


def write_earlier_release(client: Any, tables: Tables, to: Path = EARLIER_RELEASE) -> None:
    """Keep what this release stores, for the releases after it: run it on the release that is to be kept."""
    for _ in populate(InProcess(client, tables)):
        pass
    kept: dict[str, list[str]] = {table: [] for table in TABLES}
    for at, item in sorted(dumped(client, tables).items(), key=_key):
        kept[at.table].append(json.dumps(marshal(item), sort_keys=True))
    lines = (f'"{table}": [\n' + ",\n".join(items) + "\n]" for table, items in kept.items())
    to.write_text("{\n" + ",\n".join(lines) + "\n}\n")  # an item a line
