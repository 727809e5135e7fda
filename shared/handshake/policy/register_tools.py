"""Register tools: the trust token's jti, the active registry, its version and its audit event, all or nothing."""

from functools import partial
from typing import Any, Final, NamedTuple, assert_never

from handshake.core.errors import HandshakeError, Refuse, Replay, ReplayGuardUnavailableError, StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused
from handshake.policy.cedar.tools import Tools
from handshake.policy.table import active_tools_key, authority_of, version_key
from handshake.policy.tool_change import Disarmed, Register, StoredTools, ToolChange, ToolsApplied, decide_tools
from handshake.policy.tools_table import (
    ToolsTransaction,
    Use,
    read_registry,
    uses,
    with_tools,
)
from handshake.replay_guards.table import guard_key, stored_outcome
from handshake.trust.identity import Envelope
from handshake.trust.token import MIN_GUARD_LIFETIME_S, TrustClaims

# How many changes of policies or tools by others may come between reading and writing.
_TRIES: Final = 4
_BATCH: Final = 100


class _Seen(NamedTuple):
    used: dict[str, Any] | None
    active: Item | None
    stored: StoredTools


def register_tools(context: Context, change: ToolChange, *, envelope: Envelope, claims: TrustClaims) -> ToolsApplied:
    """Replace the tools of a type by the authority of ``claims``, whose jti it uses up.

    Raises HandshakeError: security_replay_detected (the jti was used), policy_invalid_policy (the list may not be, or
    would disarm a stored policy), or
    adapter_privileged_mutations_paused; ReplayGuardUnavailableError when the store cannot be consulted. In every case
    nothing has changed.
    """
    try:
        return _register(context, change, envelope, claims)
    except StoreUnavailableError as unavailable:
        raise ReplayGuardUnavailableError from unavailable


def read_tools(context: Context) -> Tools:
    """Give the registered tools."""
    return read_registry(context.dynamo, context.tables.policy).tools


def _register(context: Context, change: ToolChange, envelope: Envelope, claims: TrustClaims) -> ToolsApplied:
    guard = guard_key("policy_apply", claims.jti)
    for _ in range(_TRIES):
        seen = _read(context, guard)
        by = authority_of(context, envelope, claims)
        decided = partial(decide_tools, change, seen.stored, guard=seen.used, authority=by)
        # What may not be anyway is refused before any policy is read.
        decision = decided(())
        if isinstance(decision, Register):
            decision = decided(_disarmed(context, seen.stored.tools, decision.applied.tools))
        match decision:
            case Refuse(refusal) | Replay(refusal):
                raise HandshakeError.of(refusal)
            case Register(applied):
                pass
            case _:
                assert_never(decision)
        tx = ToolsTransaction(context)
        tx.claim_key(
            guard,
            now_ms=by.at_ms,
            expires_at_ms=max(claims.guard_until_s * 1000, by.at_ms + MIN_GUARD_LIFETIME_S * 1000),
            outcome={"principalId": envelope.principal_id, "policyVersion": applied.version},
        )
        tx.register_tools(applied, seen.active)
        if tx.commit():
            return applied
    raise StoreUnavailableError


def _read(context: Context, guard: Key) -> _Seen:
    tables = context.tables
    keys = [(tables.replay_guards, guard), (tables.runtime_kv, PAUSE_KEY), (tables.policy, active_tools_key())]
    guard_item, pause, active = context.dynamo.batch_get(keys)
    ensure_not_paused(pause)
    used = stored_outcome(guard_item, now_ms=context.now_ms())
    return _Seen(used, active, with_tools(context.dynamo, tables.policy, active))


def _disarmed(context: Context, before: Tools, after: Tools) -> list[Disarmed]:
    """Hold the Cedar of every scope, shadows included, against the tools ``after``."""
    versions = [(use, number) for use in uses(context.dynamo, context.tables.policy) for number in _numbers(use)]
    if not versions:
        return []
    from handshake.policy.cedar.validate import faults_after  # noqa: PLC0415 - it brings the engine

    found: list[Disarmed] = []
    for start in range(0, len(versions), _BATCH):
        batch = versions[start : start + _BATCH]
        items = context.dynamo.batch_get(
            [(context.tables.policy, version_key(use.scope, number)) for use, number in batch]
        )
        for (use, _), item in zip(batch, items, strict=True):
            text = (item or {}).get("cedar")
            if text and (faults := faults_after(text, before, after)):
                found.append(Disarmed(use.scope, faults))
    return found


def _numbers(use: Use) -> list[int]:
    return [number for number in dict.fromkeys((use.active, use.shadow)) if number is not None]
