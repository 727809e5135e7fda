"""Tests who may read and who may resolve: over every envelope that a few names can make."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product
from typing import Any

import pytest

from handshake.requests.access import (
    decide_submitter,
    ensure_may_read,
    may_resolve,
    other_tenant,
    resolves_for_tenant,
    same_tenant,
)
from handshake.trust.identity import Envelope
from tests.support.refusals import answer
from tests.support.workflow_requests import an_envelope

SCOPES = ("workflow:read:any", "workflow:read:tenant", "workflow:resolve")
OWNER = "alice"
TENANTS = (None, "t-1", "t-2")
DENIED = "security_read_scope_denied"
MISMATCH = "security_read_tenant_mismatch"


def _subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)))


ENVELOPES: list[dict[str, Any]] = [
    {"principal_id": principal, "tenantId": tenant, "scopes": list(scopes), "roles": roles, "subjectType": kind}
    for principal, tenant, scopes, roles, kind in product(
        (OWNER, "bob"), TENANTS, _subsets(SCOPES), ([], ["admin"], ["auditor"]), ("human", "agent")
    )
]


def _envelope(fields: dict[str, Any]) -> Envelope:
    return an_envelope(**fields)


def _told(fields: dict[str, Any], tenant: str | None) -> str | None:
    return answer(lambda: ensure_may_read(_envelope(fields), request_id="req-1", principal_id=OWNER, tenant_id=tenant))


def _contract(fields: dict[str, Any], tenant: str | None) -> str | None:
    """The contract's read scope, by its words."""
    apart = None not in (tenant, fields["tenantId"]) and tenant != fields["tenantId"]  # two people of one name
    if fields["principal_id"] == OWNER and not apart:
        return None
    if "workflow:read:any" in fields["scopes"] and "admin" in fields["roles"]:
        return None
    if "workflow:read:any" in fields["scopes"] or "workflow:read:tenant" in fields["scopes"]:
        both_present_and_equal = tenant is not None and fields["tenantId"] == tenant
        return None if both_present_and_equal else MISMATCH
    return MISMATCH if fields["principal_id"] == OWNER else DENIED


def _cases() -> Iterator[tuple[dict[str, Any], str | None]]:
    yield from product(ENVELOPES, TENANTS)


def test_reads_are_decided_by_the_contracts_words_for_every_envelope() -> None:
    for fields, tenant in _cases():
        assert _told(fields, tenant) == _contract(fields, tenant), (fields, tenant)


def test_a_scope_or_a_role_that_is_added_never_takes_a_read_away() -> None:
    for fields, tenant in _cases():
        if _told(fields, tenant) is None:
            for scope in SCOPES:
                assert _told(fields | {"scopes": [*fields["scopes"], scope]}, tenant) is None
            assert _told(fields | {"roles": ["admin"]}, tenant) is None


def test_self_is_within_tenant_and_tenant_within_any() -> None:
    def readable(scopes: list[str], roles: list[str]) -> set[tuple[str, str | None]]:
        envelope = an_envelope("bob", tenantId="t-1", scopes=scopes, roles=roles)
        return {
            (principal, tenant)
            for principal, tenant in product(("alice", "bob"), TENANTS)
            if answer(
                lambda: ensure_may_read(envelope, request_id="req-1", principal_id=principal, tenant_id=tenant)  # noqa: B023 - called at once
            )
            is None
        }

    own = readable([], [])
    of_tenant = readable(["workflow:read:tenant"], [])
    of_any_tenant = readable(["workflow:read:any"], [])
    everything = readable(["workflow:read:any"], ["admin"])

    assert own == {("bob", None), ("bob", "t-1")}
    assert own < of_tenant == of_any_tenant < everything
    assert everything == set(product(("alice", "bob"), TENANTS))


def test_nobody_but_an_admin_reads_another_tenants_request() -> None:
    for fields, tenant in _cases():
        if fields["principal_id"] != OWNER and fields["tenantId"] != tenant and "admin" not in fields["roles"]:
            assert _told(fields, tenant) in {DENIED, MISMATCH}


def test_a_request_is_resolved_by_its_own_principal_or_by_its_tenants_resolvers() -> None:
    for fields, tenant in _cases():
        resolver = "workflow:resolve" in fields["scopes"] and tenant is not None and fields["tenantId"] == tenant
        apart = None not in (tenant, fields["tenantId"]) and tenant != fields["tenantId"]

        assert may_resolve(_envelope(fields), principal_id=OWNER, tenant_id=tenant) == (
            (fields["principal_id"] == OWNER and not apart) or resolver
        )


def test_two_named_tenants_that_differ_are_kept_apart_and_an_unnamed_one_where_it_is_bound() -> None:
    for ours, theirs, bound in product(TENANTS, TENANTS, (False, True)):
        envelope = replace(an_envelope(OWNER, tenantId=ours), tenant_bound=bound)
        apart = theirs is not None and (ours != theirs if ours else bound)

        assert other_tenant(envelope, theirs) == apart
        assert may_resolve(envelope, principal_id=OWNER, tenant_id=theirs) != apart
        told = answer(lambda: ensure_may_read(envelope, request_id="r", principal_id=OWNER, tenant_id=theirs))  # noqa: B023 - called at once
        assert told == (MISMATCH if apart else None)


def test_an_agent_and_the_principal_submit_for_themselves_and_a_scope_for_anybody() -> None:
    for name, kind, scopes, ours, theirs in product(
        (OWNER, "robot", "bob"), ("human", "agent", "service"), ([], ["workflow:submit:any"]), TENANTS, TENANTS
    ):
        envelope = an_envelope(name, subjectType=kind, scopes=scopes, tenantId=ours)
        refused = decide_submitter(envelope, principal_id=OWNER, agent_id="robot", tenant_id=theirs)

        if not (name == OWNER or (name == "robot" and kind == "agent") or scopes):
            assert refused
            assert refused[0] == "security_identity_subject_mismatch"
        else:
            assert (refused and refused[0]) == (MISMATCH if other_tenant(envelope, theirs) else None)


def test_whoever_sees_a_tenants_queue_may_resolve_what_is_in_it() -> None:
    for fields in ENVELOPES:
        envelope = _envelope(fields)
        if resolves_for_tenant(envelope):
            assert may_resolve(envelope, principal_id="somebody", tenant_id=envelope.tenant_id)
        else:
            assert not any(may_resolve(envelope, principal_id="somebody", tenant_id=tenant) for tenant in TENANTS)


@pytest.mark.parametrize("tenant", [None, ""])
def test_two_unnamed_tenants_are_not_the_same(tenant: str | None) -> None:
    assert not same_tenant(an_envelope(tenantId=None), tenant)
