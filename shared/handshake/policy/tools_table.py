"""The policy table's registry of tools: the active one, its immutable versions, its audit trail, and who uses it.

Whatever is validated by the registry, and whatever changes it, replaces ACTIVE under the condition that its
``generation`` is the one that was read. So of a policy and a list of tools that would disarm it, applied at once, one
finds the other: a request is judged by a policy that was validated by the tools in force, or was refused.
"""

import json
from typing import Final, NamedTuple

from handshake.core.jsonio import canonical
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, unread
from handshake.policy.cedar.tools import NO_TOOLS, Tool, Tools
from handshake.policy.rules import VERSION_DIGITS, Scope, parse_scope
from handshake.policy.table import PolicyTransaction, active_tools_key, audit_digest, authority_attributes, partition
from handshake.policy.tool_change import StoredTools, ToolsApplied

PARTITION: Final = active_tools_key()["pk"]
_USE: Final = "USE#"


class ActiveTools(NamedTuple):
    """What ACTIVE says of the registry: its version, 0 for none, and the ``digest`` of that version's tools."""

    number: int = 0
    digest: str = NO_TOOLS.digest
    generation: int = 0


class Use(NamedTuple):
    """The versions of a scope's policy whose Cedar is in force, and in its shadow; None where it has none."""

    scope: Scope
    active: int | None = None
    shadow: int | None = None


def tools_version_key(number: int) -> Key:
    """Give the key of one version of the registry."""
    return {"pk": PARTITION, "sk": f"VERSION#{number:0{VERSION_DIGITS}d}"}


def tools_audit_key(number: int) -> Key:
    """Give the key of the audit event of one version of the registry."""
    return {"pk": PARTITION, "sk": f"AUDIT#{number:0{VERSION_DIGITS}d}"}


def use_key(scope: Scope) -> Key:
    """Give the key of a scope's use of the registry."""
    return {"pk": PARTITION, "sk": f"{_USE}{partition(scope)}"}


def active_tools_from(item: Item | None) -> ActiveTools:
    """Give what the ACTIVE item says; without one, that there are no tools."""
    if item is None:
        return ActiveTools()
    return ActiveTools(int(item.get("number", 0)), item.get("digest", NO_TOOLS.digest), int(item["generation"]))


def tools_from(item: Item) -> Tools:
    """Give the tools that a VERSION item holds."""
    listed = json.loads(item["tools"])
    tools = [Tool(given["name"], kind, given["inputSchema"], given.get("version")) for kind, given in listed]
    return Tools(int(item["number"]), {tool.name: tool for tool in tools})


def tools_text(tools: Tools) -> str:
    """Give the text that a version keeps of its tools."""
    return canonical([[tool.action_type, tool.as_given()] for tool in tools.by_name.values()])


def uses(dynamo: Dynamo, table: str) -> list[Use]:
    """Give every scope whose policy has Cedar, in force or in its shadow."""
    items = dynamo.query_all(
        table, "pk = :pk AND begins_with(sk, :use)", {":pk": PARTITION, ":use": _USE}, ConsistentRead=True
    )
    found = list(map(use_from, items))
    return [use for use in found if use.active is not None or use.shadow is not None]


def use_from(item: Item) -> Use:
    """Give what an item says of a scope's use of the registry."""
    return Use(parse_scope(item, stored=True), _number(item, "active"), _number(item, "shadow"))


def use_item(use: Use) -> Item:
    """Give the item that says which versions of a scope have Cedar."""
    scope = {"scope": use.scope.kind, "scopeId": use.scope.scope_id, "tenantId": use.scope.tenant_id}
    return {**use_key(use.scope), **scope, "active": use.active, "shadow": use.shadow}


def _number(item: Item, name: str) -> int | None:
    return int(item[name]) if item.get(name) is not None else None


class ToolsTransaction(PolicyTransaction):
    """Writes of the registry, with those of a policy that is validated by it."""

    def use_tools(self, use: Use, seen: Item | None) -> Step[Item | None]:
        """Note which versions of a scope's policy have Cedar, if the registry is as it was ``seen``."""
        step = self._replace_active({**(seen or {})}, seen)
        self._add(Put(self._context.tables.policy, use_item(use)), unread)
        return step

    def register_tools(self, applied: ToolsApplied, seen: Item | None) -> Step[Item | None]:
        """Put a registry in force: ACTIVE, immutable version and audit event, if it is as it was ``seen``."""
        common: Item = {
            "number": applied.tools.number,
            "digest": applied.tools.digest,
            "applied_at": applied.by.at_ms,
            "audit_event_id": applied.by.audit_event_id,
        }
        audit = {
            **tools_audit_key(applied.tools.number),
            **common,
            **authority_attributes(applied.by),
            "action_type": applied.action_type,
            "previous": applied.previous or None,
        }
        common["audit_digest"] = audit_digest({name: value for name, value in audit.items() if value is not None})
        step = self._replace_active(common, seen)
        version = {**tools_version_key(applied.tools.number), **common, "tools": tools_text(applied.tools)}
        for item in (version, audit):
            self._add(Put(self._context.tables.policy, item, condition="attribute_not_exists(pk)"), unread)
        return step

    def _replace_active(self, active: Item, seen: Item | None) -> Step[Item | None]:
        generation = active_tools_from(seen).generation
        put = Put(
            self._context.tables.policy,
            {**active, **active_tools_key(), "generation": generation + 1},
            condition="generation = :seen" if seen else "attribute_not_exists(pk)",
            values={":seen": generation} if seen else {},
        )
        return self._add(put, lambda item: item)


def read_registry(dynamo: Dynamo, table: str) -> StoredTools:
    """Read the registry: ACTIVE, and where there is one its version."""
    [active] = dynamo.batch_get([(table, active_tools_key())])
    return with_tools(dynamo, table, active)


def with_tools(dynamo: Dynamo, table: str, active: Item | None) -> StoredTools:
    """Read the version that ACTIVE names."""
    number = active_tools_from(active).number
    [version] = dynamo.batch_get([(table, tools_version_key(number))]) if number else [None]
    return stored_tools(active, version)


def stored_tools(active: Item | None, version: Item | None) -> StoredTools:
    """Give the registry that ACTIVE and its version hold together."""
    tools = tools_from(version) if version else NO_TOOLS
    return StoredTools(tools, (active or {}).get("audit_digest", ""))
