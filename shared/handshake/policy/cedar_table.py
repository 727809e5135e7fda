"""Reads texts of Cedar and registered tools from their versions, each once per process (contract.md section 15)."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.policy.cedar.tools import NO_TOOLS, Tools
from handshake.policy.rules import ScopePolicy
from handshake.policy.table import version_key
from handshake.policy.tools_table import active_tools_from, tools_from, tools_version_key

if TYPE_CHECKING:
    from handshake.policy.cedar.engine import CedarSet

_TOOLS_KEPT: Final = 4
# Texts of 64 KB that one call reads; DynamoDB answers 16 MB at a time.
_AT_ONCE: Final = 100

_tools: "OrderedDict[str, Tools]" = OrderedDict()


def load(
    context: Context, stored: Iterable[ScopePolicy], registry: Item | None
) -> "tuple[Tools | None, dict[str, CedarSet | None]]":
    """Give the registered tools, and the prepared text of each of ``stored`` by its SHA-256.

    A text that is not there, or is not the one that was applied, is None. So are the tools, and with them every text,
    where what is stored of them is not what was registered: nothing can be judged then.
    """
    active, table = active_tools_from(registry), context.tables.policy
    tools = _kept_tools(active.digest) if active.number else NO_TOOLS
    further = [] if tools is not None else [(table, tools_version_key(active.number))]
    sets, others = _load(context, stored, further)
    if tools is None:
        tools = _read_tools(others[0], active.digest)
    return (tools, sets) if tools is not None else (None, dict.fromkeys(sets))


def load_sets(context: Context, stored: Iterable[ScopePolicy]) -> "dict[str, CedarSet | None]":
    """Give the prepared text of each of ``stored`` by its SHA-256, None where it is not the one that was applied."""
    return _load(context, stored, [])[0]


def prepared(sha256: str, text: str) -> "CedarSet | None":
    """Prepare a text; None where it is not the one with this SHA-256, or may not be applied."""
    from handshake.policy.cedar.engine import UnfitTextError, prepare_set  # noqa: PLC0415 - it brings the library

    try:
        return prepare_set(sha256, text)
    except UnfitTextError:
        return None


def _load(
    context: Context, stored: Iterable[ScopePolicy], further: Sequence[tuple[str, Key]]
) -> "tuple[dict[str, CedarSet | None], list[Item | None]]":
    """Prepare what this process has not yet, and read ``further`` items along with the texts."""
    sets, missing = _kept_sets(stored)
    keys = [(context.tables.policy, version_key(policy.scope, policy.number)) for policy in missing.values()]
    keys += further
    items = [
        item
        for start in range(0, len(keys), _AT_ONCE)
        for item in context.dynamo.batch_get(keys[start : start + _AT_ONCE])
    ]
    texts = zip(missing, items, strict=False)
    sets |= {sha256: prepared(sha256, (version or {}).get("cedar", "")) for sha256, version in texts}
    return sets, items[len(missing) :]


def _kept_sets(stored: Iterable[ScopePolicy]) -> "tuple[dict[str, CedarSet | None], dict[str, ScopePolicy]]":
    """Give the sets that this process has prepared, and of each text that it has not a policy that stores it."""
    sets: dict[str, CedarSet | None] = {}
    missing: dict[str, ScopePolicy] = {}
    for policy in stored:
        from handshake.policy.cedar.engine import kept_set  # noqa: PLC0415 - it brings the engine's library

        kept = kept_set(policy.cedar_sha256)
        if kept is None:
            missing[policy.cedar_sha256] = policy
        else:
            sets[policy.cedar_sha256] = kept
    return sets, missing


def _kept_tools(digest: str) -> Tools | None:
    if digest in _tools:
        _tools.move_to_end(digest)
    return _tools.get(digest)


def _read_tools(version: Item | None, digest: str) -> Tools | None:
    tools = tools_from(version) if version else NO_TOOLS
    if tools.digest != digest:
        return None
    _tools[digest] = tools
    while len(_tools) > _TOOLS_KEPT:
        _tools.popitem(last=False)
    return tools
