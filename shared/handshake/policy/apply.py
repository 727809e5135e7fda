"""Apply a policy: the trust token's jti, the active policy, its version and its audit event, all or nothing."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple, assert_never

from handshake.core.errors import (
    Conflict,
    HandshakeError,
    Refusal,
    Refuse,
    Replay,
    ReplayGuardUnavailableError,
    StoreUnavailableError,
)
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused
from handshake.policy.cedar.tools import NO_TOOLS
from handshake.policy.change import (
    Applied,
    Apply,
    PolicyChange,
    StoredPolicy,
    StoredScope,
    decide_change,
    version_conflict,
)
from handshake.policy.check import Sound, check_members
from handshake.policy.members import Members
from handshake.policy.rules import Scope, version_number
from handshake.policy.table import (
    active_key,
    active_tools_key,
    authority_of,
    policy_from,
    scope_from,
    version_key,
    with_text,
)
from handshake.policy.tools_table import ToolsTransaction, Use, with_tools
from handshake.replay_guards.table import guard_key, read_outcome, stored_outcome
from handshake.trust.identity import Envelope
from handshake.trust.token import MIN_GUARD_LIFETIME_S, TrustClaims

# How many changes by others may come between reading the active version and replacing it.
_TRIES: Final = 4


class _Seen(NamedTuple):
    used: Mapping[str, Any] | None
    before: StoredScope
    earlier: StoredPolicy | None
    registry: Item | None


def apply_policy(context: Context, change: PolicyChange, *, envelope: Envelope, claims: TrustClaims) -> Applied:
    """Apply ``change`` by the authority of ``claims``, whose jti it uses up.

    Raises HandshakeError: security_replay_detected (the jti was used), policy_version_conflict,
    policy_version_not_found, adapter_privileged_mutations_paused; ReplayGuardUnavailableError when the store, and
    with it the guard, cannot be consulted. In every case nothing has changed.
    """
    try:
        return _apply(context, change, envelope, claims)
    except StoreUnavailableError as unavailable:
        raise ReplayGuardUnavailableError from unavailable


def _apply(context: Context, change: PolicyChange, envelope: Envelope, claims: TrustClaims) -> Applied:
    guard = guard_key("policy_apply", claims.jti)
    used, before, earlier, registry = _read(context, change, guard)
    for _ in range(_TRIES):
        by = authority_of(context, envelope, claims)
        before = _with_text(context, change, before)
        decide = partial(
            decide_change,
            change,
            before,
            earlier,
            check=partial(_check, context, change.scope, registry),
            authority=by,
        )
        decided = decide(used)
        if isinstance(decided, Conflict):
            # A batch reads its items one after another, so the jti may have been used before the version was read.
            used = read_outcome(context, guard)
            decided = decide(used)
        match decided:
            case Refuse(refusal) | Conflict(refusal) | Replay(refusal):
                raise HandshakeError.of(refusal)
            case Apply(applied):
                pass
            case _:
                assert_never(decided)
        tx = ToolsTransaction(context)
        key = tx.claim_key(
            guard,
            now_ms=by.at_ms,
            # From now, not from when the token was verified: reading and losing races took its time.
            expires_at_ms=max(claims.guard_until_s * 1000, by.at_ms + MIN_GUARD_LIFETIME_S * 1000),
            outcome={"principalId": envelope.principal_id, "policyVersion": applied.version},
        )
        replaced, use = tx.apply_policy(applied), None
        if before.uses_cedar or applied.after.uses_cedar:
            use = tx.use_tools(_use_of(applied), registry)
        if tx.commit():
            return applied
        used = key.found if key.lost else used
        before = replaced.found if replaced.lost else before
        registry = use.found if use and use.lost else registry
    raise HandshakeError.of(version_conflict(before.active.version))


def _check(context: Context, scope: Scope, registry: Item | None, members: Members) -> Sound | Refusal:
    """Check members; where they have Cedar, beside the registered tools, which one more call reads."""
    tools = with_tools(context.dynamo, context.tables.policy, registry).tools if members.cedar else NO_TOOLS
    return check_members(scope, members, tools)


def _use_of(applied: Applied) -> Use:
    """Say which versions of the scope have Cedar from now on: lists of tools are held against these."""
    after = applied.after
    active, shadow = (
        stored.number if stored and stored.cedar_sha256 else None for stored in (after.active, after.shadow)
    )
    return Use(applied.scope, active, shadow)


def _read(context: Context, change: PolicyChange, guard: Key) -> _Seen:
    tables, scope = context.tables, change.scope
    keys = [
        (tables.replay_guards, guard),
        (tables.runtime_kv, PAUSE_KEY),
        (tables.policy, active_key(scope)),
        (tables.policy, active_tools_key()),
    ]
    number = version_number(change.reapply_version) if change.reapply_version is not None else None
    if number is not None:
        keys.append((tables.policy, version_key(scope, number)))
    guard_item, pause, active, registry, *earlier = context.dynamo.batch_get(keys)
    ensure_not_paused(pause)
    used = stored_outcome(guard_item, now_ms=context.now_ms())
    return _Seen(used, scope_from(active), policy_from(earlier[0]) if any(earlier) else None, registry)


def _with_text(context: Context, change: PolicyChange, before: StoredScope) -> StoredScope:
    """Give ``before`` with the text of Cedar that ``change`` leaves as it is; only then is it read."""
    base = before.base(change.mode)
    if change.given is None or "cedar" in change.given:
        return before
    whole = with_text(context.dynamo, context.tables.policy, change.scope, base)
    return replace(before, shadow=whole) if base is before.shadow else replace(before, active=whole)
