"""The policy table: what one application writes, and how versions are named and listed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.agents import Agent
from handshake.core.paging import MAX_LIMIT, PageRequest, parse_page
from handshake.dynamo.client import ConditionFailedError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.policy import table as policies
from handshake.policy.answers import StoredRule
from handshake.policy.change import Applied, Authority, StoredPolicy, StoredScope
from handshake.policy.members import NO_MEMBERS, Members
from handshake.policy.rule_keys import MAX_TRANSACTION
from handshake.policy.rules import GLOBAL, PolicyInForce, Scope, scopes_of, version_name, version_number
from handshake.policy.table import PolicyTransaction
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import context_on

AGENT = Scope("agent", "agent-1")
RULES: list[StoredRule] = [{"id": "r", "key": "max_transaction", "value": 0.1}]


@pytest.fixture
def store(moto_tables: Engine) -> Context:
    return context_on(moto_tables)


def _applied(number: int, *, scope: Scope = GLOBAL, rules: Any = RULES, by: str = "operator") -> Applied:
    return Applied(
        Authority(f"audit-{number}", NOW_MS + number, f"jti-{number}", "handshake-edge", by, f"call-{number}"),
        scope=scope,
        number=number,
        members=Members(tuple(rules)),
        reapplied=None,
        scope_before=StoredScope(StoredPolicy(number - 1), latest=number - 1),
    )


def _apply(store: Context, number: int, **changes: Any) -> None:
    tx = PolicyTransaction(store)
    tx.apply_policy(_applied(number, **changes))
    assert tx.commit()


def _read(store: Context, *keys: Key) -> list[Item | None]:
    return store.dynamo.batch_get([(store.tables.policy, key) for key in keys])


def _scope(store: Context, scope: Scope = GLOBAL) -> StoredScope:
    return policies.scope_from(_read(store, policies.active_key(scope))[0])


def _active(store: Context, scope: Scope = GLOBAL) -> StoredPolicy:
    return _scope(store, scope).active


def _in_force(store: Context, agent: Agent) -> PolicyInForce:
    scopes = scopes_of(agent)
    return policies.in_force(zip(scopes, _read(store, *map(policies.active_key, scopes)), strict=True))


def test_the_keys_of_what_applies_to_an_agent_are_those_of_its_scopes() -> None:
    for agent in (Agent("agent-1"), Agent("agent-1", "tenant-a")):
        scopes = scopes_of(agent)
        assert policies.active_keys(agent) == (scopes, [policies.active_key(scope) for scope in scopes])


def _names(found: list[StoredPolicy]) -> list[str | None]:
    return [policy.version for policy in found]


def _page(
    store: Context, limit: int = 25, cursor: str | None = None, scope: Scope = GLOBAL
) -> tuple[list[Any], str | None]:
    page = parse_page(str(limit), cursor, parts=(int,))
    found, following = policies.versions(store.dynamo, store.tables.policy, scope, page)
    return _names(found), following


def test_an_application_is_an_active_policy_its_version_and_its_audit_event(store: Context) -> None:
    _apply(store, 1)

    version, audit = _read(store, policies.version_key(GLOBAL, 1), {"pk": "SCOPE#global", "sk": "AUDIT#00000001"})
    assert audit is not None
    stored = StoredPolicy(1, Members(tuple(RULES)), NOW_MS + 1, "audit-1", policies.audit_digest(audit))
    assert _active(store) == stored
    assert policies.policy_from(version) == stored
    assert audit["rules_digest"] == policies.rules_digest(json.dumps(RULES))
    assert {name: audit[name] for name in ("jti", "issuer", "principal_id", "audit_event_id")} == {
        "jti": "jti-1",
        "issuer": "handshake-edge",
        "principal_id": "operator",
        "audit_event_id": "audit-1",
    }


def test_nothing_stored_is_version_none() -> None:
    assert policies.policy_from(None) == StoredPolicy(0, NO_MEMBERS, 0, "")
    assert policies.policy_from(None).version is None


@pytest.mark.parametrize("number", [1, 3])
def test_a_change_of_anything_but_the_active_version_is_lost_and_sees_what_is_active(
    store: Context, number: int
) -> None:
    _apply(store, 1)
    tx = PolicyTransaction(store)
    change = tx.apply_policy(_applied(number, by="late"))

    assert not tx.commit()

    assert change.lost
    assert change.found == _scope(store)
    assert _active(store).number == 1
    _apply(store, 2)
    assert _active(store).number == 2


def test_a_version_and_its_audit_event_are_never_overwritten(store: Context) -> None:
    _apply(store, 1)
    tx = PolicyTransaction(store)
    tx.apply_policy(_applied(1, rules=[], by="forger"))
    [_, version, audit] = tx.writes

    for write in (version, audit):
        with pytest.raises(ConditionFailedError):
            store.dynamo.write(write)


def test_scopes_never_share_a_policy(store: Context) -> None:
    in_tenants = [Scope("agent", "agent-1", tenant_id) for tenant_id in ("tenant-a", "agent-1")]
    for scope in (
        GLOBAL,
        AGENT,
        Scope("agent", "global"),
        Scope("agent", "agent-1#x"),
        Scope("tenant", "agent-1"),
        *in_tenants,
    ):
        assert _active(store, scope).number == 0
        _apply(store, 1, scope=scope, rules=[{"id": scope.scope_id or "-", "key": "max_transaction", "value": 1}])

    assert _active(store, AGENT).members.rules[0]["id"] == "agent-1"
    assert _active(store).members.rules[0]["id"] == "-"
    assert _page(store, scope=AGENT) == (["v1"], None)


def test_what_is_in_force_names_the_versions_it_came_from(store: Context) -> None:
    _apply(store, 1)

    in_force = _in_force(store, Agent("agent-1"))

    assert in_force.versions == {"global": "v1", "agent": None}
    assert str(in_force.limits[MAX_TRANSACTION]) == "0.1"


def test_an_agents_policy_is_in_force_in_every_tenant_and_that_of_one_tenant_in_that_one(store: Context) -> None:
    for number, scope in ((1, AGENT), (1, Scope("agent", "agent-1", "tenant-a")), (2, AGENT)):
        _apply(store, number, scope=scope, rules=[{"id": "r", "key": "max_transaction", "value": 10 * number}])

    def versions(agent: Agent) -> dict[str, str | None]:
        return {name: version for name, version in _in_force(store, agent).versions.items() if version}

    assert versions(Agent("agent-1")) == {"agent": "v2"}
    assert versions(Agent("agent-1", "tenant-a")) == {"agent": "v2", "agentInTenant": "v1"}
    assert versions(Agent("agent-1", "tenant-b")) == {"agent": "v2"}
    assert versions(Agent("agent-2", "tenant-a")) == {}


def test_a_tenants_policy_is_in_force_for_each_agent_in_it_and_for_nobody_else(store: Context) -> None:
    _apply(store, 1, scope=Scope("tenant", "tenant-a"))

    versions = {agent: _in_force(store, Agent("agent-1", agent)).versions for agent in ("tenant-a", "tenant-b", None)}

    nobodys = {"global": None, "agent": None}
    assert versions == {"tenant-a": {**nobodys, "tenant": "v1"}, "tenant-b": nobodys, None: nobodys}


# -- names ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 99_999_999))
def test_a_version_is_found_by_its_name(number: int) -> None:
    assert version_number(version_name(number)) == number


@given(st.text(max_size=12) | st.from_regex(r"v?[0-9+\-_ ]{0,10}", fullmatch=True))
def test_any_other_name_is_no_versions(name: str) -> None:
    number = version_number(name)

    assert number is None or version_name(number) == name


@pytest.mark.parametrize(
    "name", ["", "v", "1", "V1", "v01", "v-1", "v+1", "v1 ", "v1_0", "v\u0661", "v\u00b2", "v" + "9" * 9]
)
def test_names_that_look_like_versions_are_none(name: str) -> None:
    assert version_number(name) is None


# -- lists ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seven_versions(store: Context) -> Context:
    for number in range(1, 8):
        _apply(store, number)
    _apply(store, 1, scope=AGENT)
    return store


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, MAX_LIMIT])
def test_pages_of_any_size_make_up_the_whole_list_newest_first(seven_versions: Context, limit: int) -> None:
    listed, pages, cursor = [], 0, None
    while pages <= 7:
        names, cursor = _page(seven_versions, limit, cursor)
        assert len(names) <= limit
        listed += names
        pages += 1
        if cursor is None:
            break

    assert listed == [f"v{number}" for number in range(7, 0, -1)]
    assert pages <= 7 // limit + 1


def test_a_version_that_is_added_while_paging_disturbs_no_page(seven_versions: Context) -> None:
    names, cursor = _page(seven_versions, 3)
    _apply(seven_versions, 8)

    assert names + _page(seven_versions, 25, cursor)[0] == [f"v{number}" for number in range(7, 0, -1)]


@pytest.mark.parametrize("after", [-(10**17), -1, 0, 1, 4, 5, 8, 10**8, 10**17])
@pytest.mark.parametrize("limit", [1, 2, 25])
def test_a_cursor_this_list_never_gave_shows_at_most_a_page_of_older_versions(
    seven_versions: Context, after: int, limit: int
) -> None:
    names, _ = policies.versions(
        seven_versions.dynamo, seven_versions.tables.policy, GLOBAL, PageRequest(limit, [after])
    )

    expected = [f"v{number}" for number in range(7, 0, -1) if number < after]
    assert _names(names) == expected[:limit]


def test_a_scope_without_versions_lists_none(store: Context) -> None:
    assert _page(store, scope=Scope("agent", "nobody")) == ([], None)


def test_versions_are_written_in_an_order_in_which_they_sort() -> None:
    keys = [policies.version_key(GLOBAL, number)["sk"] for number in (1, 9, 10, 99_999_999)]

    assert keys == sorted(keys)
