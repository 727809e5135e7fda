"""The policy table: for each scope the active policy, its immutable versions and its audit trail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from handshake.core.jsonio import canonical
from handshake.core.paging import PageRequest, cursor_after
from handshake.dynamo.client import Dynamo, Item, Key, Put, Write
from handshake.policy.rules import VERSION_DIGITS, PolicyInForce, Scope, limits_of

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule

_ACTIVE: Final = "ACTIVE"
_MAX_VERSION: Final = 10**VERSION_DIGITS - 1


@dataclass(frozen=True)
class StoredPolicy:
    """What a scope stores. ``number`` 0 is no policy yet; ``rules`` are as the operator wrote them."""

    number: int = 0
    rules: "list[StoredRule]" = field(default_factory=list)
    applied_at_ms: int = 0
    audit_event_id: str = ""

    @property
    def version(self) -> str | None:
        """The ``policyVersion`` callers see; None with no stored policy."""
        return version_name(self.number) if self.number else None


@dataclass(frozen=True)
class Applied:
    """One application of a policy, as its audit event names it. Times are epoch ms."""

    audit_event_id: str
    scope: Scope
    number: int
    rules: "Sequence[StoredRule]"
    at_ms: int
    jti: str
    issuer: str
    principal_id: str
    reapplied: str | None
    correlation_id: str

    @property
    def version(self) -> str:
        """The ``policyVersion`` it became."""
        return version_name(self.number)


def partition(scope: Scope) -> str:
    """Where everything of a scope is."""
    return "SCOPE#global" if scope.kind == "global" else f"SCOPE#agent#{scope.scope_id}"


def active_key(scope: Scope) -> Key:
    """Where the active policy of a scope is."""
    return {"pk": partition(scope), "sk": _ACTIVE}


def version_key(scope: Scope, number: int) -> Key:
    """Where one version of a scope's policy is."""
    return {"pk": partition(scope), "sk": _version_key(number)}


def version_name(number: int) -> str:
    """How callers name a version."""
    return f"v{number}"


def version_number(name: str) -> int | None:
    """The number of a version callers name, or None for a name no version has."""
    digits = name.removeprefix("v")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= VERSION_DIGITS
    return int(digits) if is_number and name == version_name(int(digits)) else None


def policy_from(item: Item | None) -> StoredPolicy:
    """The policy an ACTIVE or VERSION item holds."""
    if item is None:
        return StoredPolicy()
    return StoredPolicy(int(item["number"]), json.loads(item["rules"]), int(item["applied_at"]), item["audit_event_id"])


def in_force(global_item: Item | None, agent_item: Item | None) -> PolicyInForce:
    """What two ACTIVE items demand of a payment."""
    for_all, for_agent = policy_from(global_item), policy_from(agent_item)
    return PolicyInForce(limits_of(for_all.rules), limits_of(for_agent.rules), for_all.version, for_agent.version)


def apply(table: str, applied: Applied) -> list[Write]:
    """The writes of one application: active policy, version and audit event, in this order.

    They hold only if the version before ``applied.number`` is the active one, so no change is lost.
    """
    policy = {
        "number": applied.number,
        "rules": canonical([dict(rule) for rule in applied.rules]),
        "applied_at": applied.at_ms,
        "audit_event_id": applied.audit_event_id,
    }
    audit = {
        "pk": partition(applied.scope),
        "sk": f"AUDIT#{applied.number:08d}",
        "jti": applied.jti,
        "issuer": applied.issuer,
        "principal_id": applied.principal_id,
        "reapplied": applied.reapplied,
        "correlation_id": applied.correlation_id,
        **{name: value for name, value in policy.items() if name != "rules"},
    }
    first = applied.number == 1
    return [
        Put(
            table,
            {**active_key(applied.scope), **policy},
            condition="attribute_not_exists(pk)" if first else "#number = :before",
            values={} if first else {":before": applied.number - 1},
            names={} if first else {"#number": "number"},
        ),
        Put(
            table,
            {**version_key(applied.scope, applied.number), **policy},
            condition="attribute_not_exists(pk)",
        ),
        Put(table, audit, condition="attribute_not_exists(pk)"),
    ]


def versions(dynamo: Dynamo, table: str, scope: Scope, page: PageRequest) -> tuple[list[StoredPolicy], str | None]:
    """One page of a scope's versions, newest first, and the cursor of the next."""
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
