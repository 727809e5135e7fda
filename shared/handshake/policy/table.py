"""The policy table: for each scope the active policy, its immutable versions and its audit trail.

An audit event holds the digest of the rules that it vouches for and that of the audit event before it; its own digest
stands in the version and in the active policy, so whatever is exchanged no longer agrees with the others.
"""

import json
from decimal import Decimal
from typing import Final

from handshake.core.agents import Agent
from handshake.core.jsonio import canonical, digest
from handshake.core.paging import PageRequest, cursor_after
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, unread
from handshake.policy.change import Applied, StoredPolicy
from handshake.policy.rules import VERSION_DIGITS, PolicyInForce, Scope, StoredRules, policy_in_force
from handshake.replay_guards.table import GuardTransaction

_ACTIVE: Final = "ACTIVE"
_GLOBAL: Final = "SCOPE#global"
_AGENT: Final = "SCOPE#agent"
_MAX_VERSION: Final = 10**VERSION_DIGITS - 1


def partition(scope: Scope) -> str:
    """Give the partition of everything of a scope."""
    return f"{_AGENT}{scope.agent.key}" if scope.agent else _GLOBAL


def active_key(scope: Scope) -> Key:
    """Give the key of a scope's active policy."""
    return {"pk": partition(scope), "sk": _ACTIVE}


def active_keys(agent: Agent) -> list[Key]:
    """Give the keys of the active policies that apply to an agent: global, its own, its own in its tenant if any."""
    partitions = [_GLOBAL, f"{_AGENT}#{agent.agent_id}"]
    if agent.tenant_id is not None:
        partitions.append(f"{_AGENT}{agent.key}")
    return [{"pk": partition, "sk": _ACTIVE} for partition in partitions]


def version_key(scope: Scope, number: int) -> Key:
    """Give the key of one version of a scope's policy."""
    return {"pk": partition(scope), "sk": _version_key(number)}


def audit_key(scope: Scope, number: int) -> Key:
    """Give the key of the audit event of one version of a scope's policy."""
    return {"pk": partition(scope), "sk": f"AUDIT#{number:0{VERSION_DIGITS}d}"}


def policy_from(item: Item | None) -> StoredPolicy:
    """Give the policy an ACTIVE or VERSION item holds."""
    if item is None:
        return StoredPolicy()
    return StoredPolicy(
        int(item["number"]),
        json.loads(item["rules"]),
        int(item["applied_at"]),
        item["audit_event_id"],
        item.get("audit_digest", ""),
    )


def in_force(
    global_item: Item | None = None, agent_item: Item | None = None, agent_in_tenant_item: Item | None = None
) -> PolicyInForce:
    """Give the policy in force that the ACTIVE items of ``active_keys`` make together."""
    return policy_in_force(_stored(global_item), _stored(agent_item), _stored(agent_in_tenant_item))


def audit_digest(audit: Item) -> str:
    """Give the digest of everything that an audit event says."""
    return digest({name: int(value) if isinstance(value, Decimal) else value for name, value in audit.items()})


def rules_digest(rules: str) -> str:
    """Give the digest of rules, as a version stores them."""
    return digest(json.loads(rules))


def _stored(item: Item | None) -> StoredRules | None:
    return StoredRules(int(item["number"]), json.loads(item["rules"])) if item else None


class PolicyTransaction(GuardTransaction):
    """Writes of the policy table, with the guard of the token that allows them."""

    def apply_policy(self, applied: Applied) -> Step[StoredPolicy]:
        """Put a policy in force: active policy, immutable version and audit event.

        It holds only if the version before ``applied.number`` is the active one, so no change is lost; where it is
        not, the active one is found.
        """
        table = self._context.tables.policy
        policy: Item = {
            "number": applied.number,
            "rules": canonical([dict(rule) for rule in applied.rules]),
            "applied_at": applied.at_ms,
            "audit_event_id": applied.audit_event_id,
        }
        audit = {
            **audit_key(applied.scope, applied.number),
            "jti": applied.jti,
            "issuer": applied.issuer,
            "principal_id": applied.principal_id,
            "reapplied": applied.reapplied,
            "correlation_id": applied.correlation_id,
            "signer": applied.signer or None,
            "gateway_request_id": applied.gateway_request_id or None,
            "rules_digest": rules_digest(policy["rules"]),
            "previous": applied.previous or None,
            **{name: value for name, value in policy.items() if name != "rules"},
        }
        policy["audit_digest"] = audit_digest({name: value for name, value in audit.items() if value is not None})
        first = applied.number == 1
        active = Put(
            table,
            {**active_key(applied.scope), **policy},
            condition="attribute_not_exists(pk)" if first else "#number = :before",
            values={} if first else {":before": applied.number - 1},
            names={} if first else {"#number": "number"},
        )
        step = self._add(active, policy_from)
        version = {**version_key(applied.scope, applied.number), **policy}
        for item in (version, audit):
            self._add(Put(table, item, condition="attribute_not_exists(pk)"), unread)
        return step


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
