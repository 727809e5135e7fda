"""Verifies a scope's policy: what is in force against its versions, and these against the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from handshake.dynamo.marshalling import UNREADABLE, Item
from handshake.policy.change import StoredScope
from handshake.policy.rules import GLOBAL, version_number
from handshake.policy.table import (
    active_key,
    audit_digest,
    audit_key,
    members_named,
    policy_from,
    rules_digest,
    scope_from,
    scope_item,
    version_attributes,
    version_key,
)

# What an audit event and its version say alike.
_ALIKE: Final = ("number", "applied_at", "audit_event_id")
# What one application of a policy has of its own.
_OWN: Final = ("number", "applied_at", "audit_event_id", "audit_digest")
_ANYWHERE: Final = GLOBAL  # only its sort keys matter here


def verify_scope(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of a scope: ``items``, in any order, are everything in its partition.

    Audit events of earlier releases hold no digests: of these only what they say is held against their versions.
    """
    try:
        return _problems({item["sk"]: item for item in items})
    except UNREADABLE:
        return ["what is kept of it cannot be read"]


def _problems(kept: Mapping[str, Item]) -> list[str]:
    active = kept.get(active_key(_ANYWHERE)["sk"])
    if active is None:
        return ["it has versions and no active policy"]
    latest = scope_from(active).latest
    if len(kept) != 1 + 2 * latest:
        return [f"version {latest} is its newest, and {len(kept) - 1} items are its history"]
    problems: list[str] = []
    before: Item = {}
    expected = StoredScope()
    for number in range(1, latest + 1):
        version, audit = _version(kept, number), kept.get(audit_key(_ANYWHERE, number)["sk"])
        if version is None or audit is None:
            problems.append(f"version {number} or its audit event is missing")
            continue
        problems += (f"version {number} {problem}" for problem in _version_problems(version, audit, before, kept))
        expected = expected.after(policy_from(version), ends_shadow=bool(audit.get("ends_shadow")))
        before = version
    if _differ(active, {**scope_item(_ANYWHERE, expected), "pk": active["pk"]}):
        problems.append("what is in force is not the versions of it as they were applied")
    return problems


def _version_problems(version: Item, audit: Item, before: Item, kept: Mapping[str, Item]) -> list[str]:
    """Name what is wrong with a version, whose predecessor is ``before`` ({} of the first)."""
    problems: list[str] = []
    others = [name for name in _ALIKE if version[name] != audit[name]]
    if others or version["sk"].rpartition("#")[2] != audit["sk"].rpartition("#")[2]:
        problems.append(f"and its audit event differ at {', '.join(others)}")
    if int(version["sk"].rpartition("#")[2]) != version["number"]:
        problems.append(f"says that it is version {version['number']}")
    stored = policy_from(version)
    written = {"pk": version["pk"], "sk": version["sk"], **version_attributes(stored)}
    if _differ(version, written) or stored.lacks_text:
        problems.append("is not as versions are written")
    if "audit_digest" in version or "audit_digest" in before:
        if audit_digest(audit) != version.get("audit_digest"):
            problems.append("was applied by another audit event than is there")
        if rules_digest(version["rules"]) != audit.get("rules_digest"):
            problems.append("has other rules than were applied")
        if audit.get("previous") != before.get("audit_digest"):
            problems.append("does not follow the version before as it is now")
    if any(audit.get(name) != value for name, value in members_named(stored).items()):
        problems.append("has other members than were applied")
    reapplied = audit.get("reapplied")
    if reapplied is not None and _members_of(_named(kept, reapplied)) != _members_of(version):
        problems.append(f"has other members than {reapplied}, which it says it brought back")
    return problems


def _version(kept: Mapping[str, Item], number: int) -> Item | None:
    return kept.get(version_key(_ANYWHERE, number)["sk"])


def _named(kept: Mapping[str, Item], name: str) -> Item | None:
    number = version_number(name)
    return _version(kept, number) if number is not None else None


def _members_of(version: Item | None) -> Item | None:
    """Give the members of a version, without what is its own."""
    if version is None:
        return None
    stored = replace(policy_from(version), mode="active")
    return {name: value for name, value in version_attributes(stored).items() if name not in _OWN}


def _differ(stored: Item, written: Mapping[str, Any]) -> bool:
    return stored != {name: value for name, value in written.items() if value is not None}
