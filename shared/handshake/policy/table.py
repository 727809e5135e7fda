"""The policy table: for each scope what is in force, its immutable versions and its audit trail.

ACTIVE is what a decision reads: the active policy and a shadow beside it, without Cedar's text, which stands in the
version. Where a shadow was the newest version, ACTIVE says which number and digest the next one follows.

An audit event holds the digest of the rules that it vouches for and that of the audit event before it; its own digest
stands in the version and in the active policy, so whatever is exchanged no longer agrees with the others.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from handshake.core.agents import Agent
from handshake.core.errors import StoreUnavailableError
from handshake.core.jsonio import canonical, digest
from handshake.core.paging import PageRequest, cursor_after
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, unread
from handshake.policy.budgets import budgets_of
from handshake.policy.change import Applied, Authority, StoredPolicy, StoredScope
from handshake.policy.members import Members
from handshake.policy.rule_keys import limits_of
from handshake.policy.rules import VERSION_DIGITS, PolicyInForce, Scope, ScopePolicy, partitions_of
from handshake.replay_guards.table import GuardTransaction

if TYPE_CHECKING:
    from handshake.trust.identity import Envelope
    from handshake.trust.token import TrustClaims

_ACTIVE: Final = "ACTIVE"
_MAX_VERSION: Final = 10**VERSION_DIGITS - 1


def partition(scope: Scope) -> str:
    """Give the partition of everything of a scope."""
    return scope.partition


def active_keys(agent: Agent) -> tuple[list[Scope], list[Key]]:
    """Give the scopes that apply to ``agent``, the widest first, and the key of what each has in force."""
    scopes, partitions = partitions_of(agent)
    return scopes, [{"pk": name, "sk": _ACTIVE} for name in partitions]


def active_key(scope: Scope) -> Key:
    """Give the key of what a scope has in force."""
    return {"pk": partition(scope), "sk": _ACTIVE}


def active_tools_key() -> Key:
    """Give the key of the active registry of tools, which ``tools_table`` keeps."""
    return {"pk": "TOOLS", "sk": _ACTIVE}


def version_key(scope: Scope, number: int) -> Key:
    """Give the key of one version of a scope's policy."""
    return {"pk": partition(scope), "sk": _version_key(number)}


def audit_key(scope: Scope, number: int) -> Key:
    """Give the key of the audit event of one version of a scope's policy."""
    return {"pk": partition(scope), "sk": f"AUDIT#{number:0{VERSION_DIGITS}d}"}


def policy_from(item: Item | None) -> StoredPolicy:
    """Give the policy that a VERSION item holds, or an ACTIVE one, which has no text of Cedar."""
    if item is None:
        return StoredPolicy()
    return StoredPolicy(
        number=int(item["number"]),
        members=Members(
            rules=tuple(json.loads(item["rules"])),
            cedar=item.get("cedar", ""),
            budgets=tuple(json.loads(item.get("budgets", "[]"))),
            unmatched=item.get("unmatched"),
            unmatched_tools=item.get("unmatched_tools"),
        ),
        applied_at_ms=int(item["applied_at"]),
        audit_event_id=item["audit_event_id"],
        audit_digest=item.get("audit_digest", ""),
        cedar_sha256=item.get("cedar_sha256", ""),
        mode=item.get("mode", "active"),
    )


def scope_from(item: Item | None) -> StoredScope:
    """Give all that the ACTIVE item of a scope holds."""
    if item is None:
        return StoredScope()
    active, shadow = policy_from(item), item.get("shadow")
    return StoredScope(
        active,
        replace(policy_from(shadow), mode="shadow") if shadow else None,
        int(item.get("latest", active.number)),
        item.get("latest_digest", active.audit_digest),
    )


def scope_item(scope: Scope, stored: StoredScope) -> Item:
    """Give the ACTIVE item that holds ``stored``. Where the active version is the newest, it does not say so."""
    newest = stored.latest == stored.active.number
    return {
        **active_key(scope),
        **policy_attributes(stored.active),
        "shadow": _present(policy_attributes(stored.shadow)) if stored.shadow else None,
        "latest": None if newest else stored.latest,
        "latest_digest": None if newest else stored.latest_digest or None,
    }


def policy_attributes(stored: StoredPolicy) -> Item:
    """Give the attributes of a policy without its text of Cedar; what it does not have is None."""
    members = stored.members
    return {
        "number": stored.number,
        "rules": canonical([dict(rule) for rule in members.rules]),
        "applied_at": stored.applied_at_ms,
        "audit_event_id": stored.audit_event_id,
        "audit_digest": stored.audit_digest or None,
        "budgets": canonical([dict(budget) for budget in members.budgets]) if members.budgets else None,
        "unmatched": members.unmatched,
        "unmatched_tools": members.unmatched_tools,
        "cedar_sha256": stored.cedar_sha256 or None,
    }


def in_force(stored: Iterable[tuple[Scope, Item | None]]) -> PolicyInForce:
    """Give the policy in force that the ACTIVE items of some scopes make together, the widest first."""
    return PolicyInForce(tuple(_scope_policy(scope, scope_from(item)) for scope, item in stored if item))


def policy_of(scope: Scope, stored: StoredPolicy) -> ScopePolicy:
    """Read a stored policy as far as it decides."""
    members = stored.members
    return ScopePolicy(
        scope=scope,
        number=stored.number,
        digest=stored.audit_digest,
        limits=limits_of(members.rules),
        budgets=budgets_of(scope, stored.version or "", members.budgets),
        unmatched=members.unmatched,
        unmatched_tools=members.unmatched_tools,
        cedar_sha256=stored.cedar_sha256,
    )


def _scope_policy(scope: Scope, stored: StoredScope) -> ScopePolicy:
    shadow = policy_of(scope, stored.shadow) if stored.shadow else None
    return replace(policy_of(scope, stored.active), shadow=shadow)


def _present(item: Item) -> Item:
    return {name: value for name, value in item.items() if value is not None}


def audit_digest(audit: Item) -> str:
    """Give the digest of everything that an audit event says."""
    return digest({name: int(value) if isinstance(value, Decimal) else value for name, value in audit.items()})


def rules_digest(rules: str) -> str:
    """Give the digest of rules, as a version stores them."""
    return digest(json.loads(rules))


class PolicyTransaction(GuardTransaction):
    """Writes of the policy table, with the guard of the token that allows them."""

    def apply_policy(self, applied: Applied) -> Step[StoredScope]:
        """Put a policy in force, or in the shadow of the active one: the scope, immutable version and audit event.

        It holds only if the version before ``applied.number`` is the newest one, so no change is lost; where it is
        not, what the scope holds is found.
        """
        table, scope, before = self._context.tables.policy, applied.scope, applied.scope_before
        policy = applied.policy
        audit = _audit_item(applied, policy)
        policy = replace(policy, audit_digest=audit_digest(_present(audit)))
        after = before.after(policy, ends_shadow=applied.ends_shadow)
        condition, values, names = _unchanged(before)
        step = self._add(Put(table, scope_item(scope, after), condition, values, names), scope_from)
        version = {**version_key(scope, applied.number), **version_attributes(policy)}
        for item in (version, audit):
            self._add(Put(table, item, condition="attribute_not_exists(pk)"), unread)
        return step


def version_attributes(stored: StoredPolicy) -> Item:
    """Give the attributes of a version: all of the policy, and what it was applied as where that was as a shadow."""
    return {
        **policy_attributes(stored),
        "cedar": stored.members.cedar or None,
        "mode": stored.mode if stored.mode != "active" else None,
    }


def members_named(stored: StoredPolicy) -> Item:
    """Give what an audit event says of a version's members beside its rules; None of what the version has not."""
    budgets = stored.members.budgets
    return {
        "mode": stored.mode if stored.mode != "active" else None,
        "cedar_sha256": stored.cedar_sha256 or None,
        "budgets_digest": digest([dict(budget) for budget in budgets]) if budgets else None,
        "unmatched": stored.members.unmatched,
        "unmatched_tools": stored.members.unmatched_tools,
    }


def authority_of(context: Context, envelope: "Envelope", claims: "TrustClaims") -> Authority:
    """Name, for one change, who makes it by which token, in this call and now."""
    return Authority(
        audit_event_id=context.new_id(),
        at_ms=context.now_ms(),
        jti=claims.jti,
        issuer=claims.issuer,
        principal_id=envelope.principal_id,
        correlation_id=context.correlation_id,
        signer=context.signer,
        gateway_request_id=context.gateway_request_id,
    )


def authority_attributes(by: Authority) -> Item:
    """Give what an audit event says of who made a change."""
    return {
        "applied_at": by.at_ms,
        "audit_event_id": by.audit_event_id,
        "jti": by.jti,
        "issuer": by.issuer,
        "principal_id": by.principal_id,
        "correlation_id": by.correlation_id,
        "signer": by.signer or None,
        "gateway_request_id": by.gateway_request_id or None,
    }


def _audit_item(applied: Applied, policy: StoredPolicy) -> Item:
    return {
        **audit_key(applied.scope, applied.number),
        "number": applied.number,
        "reapplied": applied.reapplied,
        **authority_attributes(applied.by),
        "rules_digest": rules_digest(policy_attributes(policy)["rules"]),
        "previous": applied.previous or None,
        "ends_shadow": True if applied.ends_shadow else None,
        **members_named(policy),
    }


def _unchanged(before: StoredScope) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Give the condition that the newest version of a scope is still the one that was seen."""
    if before.latest == 0:
        return "attribute_not_exists(pk)", {}, {}
    if before.latest != before.active.number:
        return "latest = :before", {":before": before.latest}, {}
    return "attribute_not_exists(latest) AND #number = :before", {":before": before.latest}, {"#number": "number"}


def read_version(dynamo: Dynamo, table: str, scope: Scope, number: int) -> StoredPolicy | None:
    """Give one version of a scope's policy, its text of Cedar with it; None where there is none."""
    [item] = dynamo.batch_get([(table, version_key(scope, number))])
    return policy_from(item) if item else None


def with_text(dynamo: Dynamo, table: str, scope: Scope, stored: StoredPolicy) -> StoredPolicy:
    """Give ``stored`` with its text of Cedar, which one call reads where it is not there yet.

    Raises StoreUnavailableError where the version is not there or has another text: then nothing can be judged by it.
    """
    if not stored.lacks_text:
        return stored
    whole = read_version(dynamo, table, scope, stored.number)
    if whole is None or whole.cedar_sha256 != stored.cedar_sha256 or whole.lacks_text:
        raise StoreUnavailableError
    return whole


def versions(dynamo: Dynamo, table: str, scope: Scope, page: PageRequest) -> tuple[list[StoredPolicy], str | None]:
    """Give one page of a scope's versions, newest first, and the cursor of the next."""
    newest = min(int(page.after[0]) - 1, _MAX_VERSION) if page.after else _MAX_VERSION
    if newest < 1:
        return [], None
    found = dynamo.query(
        table,
        "pk = :scope AND sk BETWEEN :oldest AND :newest",
        {":scope": partition(scope), ":oldest": _version_key(1), ":newest": _version_key(newest)},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=page.limit,
    )
    stored = [policy_from(item) for item in found.items]
    return stored, cursor_after(stored[-1].number) if stored and found.next_key else None


def _version_key(number: int) -> str:
    return f"VERSION#{number:0{VERSION_DIGITS}d}"
