"""Verifies a scope's policy: the active one against the version it says it is, and versions against the audit trail."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from handshake.core.jsonio import canonical
from handshake.dynamo.marshalling import Item
from handshake.policy.rules import Scope, version_number
from handshake.policy.table import active_key, audit_digest, audit_key, rules_digest, version_key

UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, IndexError, RecursionError)
# What an audit event and its version say alike.
_ALIKE: Final = ("number", "applied_at", "audit_event_id")
_VERSION: Final = {"pk", "sk", "rules", *_ALIKE}


def verify_scope(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of a scope: ``items``, in any order, are everything in its partition.

    Audit events of earlier releases hold no digests: of these only what they say is held against their versions.
    """
    try:
        return _problems({item["sk"]: item for item in items})
    except UNREADABLE:
        return ["what is kept of it cannot be read"]


def _problems(kept: Mapping[str, Item]) -> list[str]:
    anywhere = Scope("global")  # only its sort keys matter here
    active = kept.get(active_key(anywhere)["sk"])
    if active is None:
        return ["it has versions and no active policy"]
    numbers = range(1, int(active["number"]) + 1)
    if len(kept) != 1 + 2 * len(numbers):
        return [f"version {active['number']} is active, and {len(kept) - 1} items are its history"]
    problems: list[str] = []
    before: Item = {}
    for number in numbers:
        version = kept.get(version_key(anywhere, number)["sk"])
        audit = kept.get(audit_key(anywhere, number)["sk"])
        if version is None or audit is None:
            problems.append(f"version {number} or its audit event is missing")
            continue
        problems += (f"version {number} {problem}" for problem in _version_problems(version, audit, before, kept))
        before = version
    if {**active, "sk": before.get("sk")} != before:
        problems.append(f"what is active is not version {active['number']} as it was applied")
    return problems


def _version_problems(version: Item, audit: Item, before: Item, kept: Mapping[str, Item]) -> list[str]:
    """Name what is wrong with a version, whose predecessor is ``before`` ({} of the first)."""
    problems: list[str] = []
    others = [name for name in _ALIKE if version[name] != audit[name]]
    if others or version["sk"].rpartition("#")[2] != audit["sk"].rpartition("#")[2]:
        problems.append(f"and its audit event differ at {', '.join(others)}")
    if int(version["sk"].rpartition("#")[2]) != version["number"]:
        problems.append(f"says that it is version {version['number']}")
    if version.keys() - {"audit_digest"} != _VERSION or canonical(json.loads(version["rules"])) != version["rules"]:
        problems.append("is not as versions are written")
    if "audit_digest" in version or "audit_digest" in before:
        if audit_digest(audit) != version.get("audit_digest"):
            problems.append("was applied by another audit event than is there")
        if rules_digest(version["rules"]) != audit.get("rules_digest"):
            problems.append("has other rules than were applied")
        if audit.get("previous") != before.get("audit_digest"):
            problems.append("does not follow the version before as it is now")
    reapplied = audit.get("reapplied")
    if reapplied is not None and _rules_of(kept, reapplied) != json.loads(version["rules"]):
        problems.append(f"has other rules than {reapplied}, which it says it brought back")
    return problems


def _rules_of(kept: Mapping[str, Item], name: str) -> Any:
    number = version_number(name)
    earlier = kept.get(version_key(Scope("global"), number)["sk"]) if number is not None else None
    return json.loads(earlier["rules"]) if earlier else None
