"""Verifies the registry of tools: what is in force against its versions, these against the audit trail; its users."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from handshake.dynamo.marshalling import UNREADABLE, Item
from handshake.policy.rules import Scope, parse_scope
from handshake.policy.table import active_tools_key, audit_digest, scope_from
from handshake.policy.tools_table import (
    Use,
    active_tools_from,
    tools_audit_key,
    tools_from,
    tools_text,
    tools_version_key,
    use_from,
    use_item,
    use_key,
)

# What an audit event and its version say alike.
_ALIKE: Final = ("number", "digest", "applied_at", "audit_event_id")


def verify_tools(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of the registry: ``items``, in any order, are everything in its partition."""
    try:
        return list(_problems({item["sk"]: item for item in items}))
    except UNREADABLE:
        return ["what is kept of it cannot be read"]


def scopes_in(items: Sequence[Item]) -> list[Scope]:
    """Give the scopes that the registry says use it; what cannot be read names none."""
    scopes: list[Scope] = []
    for item in items:
        with suppress(Exception):  # whatever it is, verify_use tells of it
            scopes += [parse_scope(item, stored=True)] if item["sk"].startswith(use_key_prefix()) else []
    return scopes


def use_key_prefix() -> str:
    """Give the beginning of the sort keys of what says who uses the registry."""
    return use_key(Scope("global"))["sk"].partition("#")[0] + "#"


def verify_use(scope: Scope, active: Item | None, use: Item) -> str | None:
    """Hold what the registry says of a scope's use of it against what the scope has in force, in its ACTIVE item."""
    try:
        stored = scope_from(active)
        numbers = (
            policy.number if policy and policy.cedar_sha256 else None for policy in (stored.active, stored.shadow)
        )
        expected = Use(scope, *numbers)
        if use_from(use) != expected or _present(use_item(expected)) != use:
            return "the registry of tools says otherwise which of its versions have Cedar"
    except UNREADABLE:
        return "what the registry of tools says of it cannot be read"
    return None


def unknown_user(items: Sequence[Item], uses: Mapping[str, Item]) -> str | None:
    """Say that a scope, of which ``items`` are all there is, has Cedar and is not among ``uses``, which are by key."""
    active = next((item for item in items if item["sk"] == "ACTIVE"), None)
    try:
        is_user = scope_from(active).uses_cedar
    except UNREADABLE:
        return None  # verify_scope tells of it
    known = not is_user or f"{use_key_prefix()}{items[0]['pk']}" in uses
    return None if known else "the registry of tools does not know that it has Cedar"


def _problems(kept: Mapping[str, Item]) -> Iterator[str]:
    if not kept:
        return
    active = kept.get(active_tools_key()["sk"])
    if active is None:
        yield "it has versions or users and none is in force"
        return
    numbers = range(1, active_tools_from(active).number + 1)
    others = [name for name in kept if not name.startswith(use_key_prefix())]
    if len(others) != 1 + 2 * len(numbers):
        yield f"version {len(numbers)} is in force, and {len(others) - 1} items are its history"
        return
    for name, item in kept.items():
        if name.startswith(use_key_prefix()) and _named(item) != name:
            yield f"{name} names another scope"
    before: Item = {}
    for number in numbers:
        version, audit = kept.get(tools_version_key(number)["sk"]), kept.get(tools_audit_key(number)["sk"])
        if version is None or audit is None:
            yield f"version {number} or its audit event is missing"
            continue
        yield from (f"version {number} {problem}" for problem in _version_problems(number, version, audit, before))
        before = version
    written = {name: value for name, value in before.items() if name not in ("tools", "sk", "pk")}
    if {name: value for name, value in active.items() if name not in ("generation", "sk", "pk")} != written:
        yield f"what is in force is not version {len(numbers)} as it was registered"


def _named(use: Item) -> str | None:
    """Give the sort key that what a use says belongs under; None where it cannot be read."""
    try:
        return use_key(use_from(use).scope)["sk"]
    except Exception:  # noqa: BLE001 - parse_scope refuses it, or it holds what nothing reads
        return None


def _version_problems(number: int, version: Item, audit: Item, before: Item) -> Iterator[str]:
    if any(version[name] != audit[name] for name in _ALIKE) or int(version["number"]) != number:
        yield "and its audit event differ"
    tools = tools_from(version)
    if tools_text(tools) != version["tools"] or version.keys() != {"pk", "sk", *_ALIKE, "audit_digest", "tools"}:
        yield "is not as versions are written"
    if tools.digest != version["digest"]:
        yield "has other tools than were registered"
    if audit_digest(audit) != version["audit_digest"]:
        yield "was registered by another audit event than is there"
    if audit.get("previous") != before.get("audit_digest"):
        yield "does not follow the version before as it is now"


def _present(item: Item) -> Item:
    return {name: value for name, value in item.items() if value is not None}
