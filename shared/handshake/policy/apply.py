"""Apply a policy: the trust token's jti, the active policy, its version and its audit event, all or nothing."""

from typing import Final

from handshake.core.errors import HandshakeError, ReplayGuardUnavailableError, StoreUnavailableError
from handshake.core.reasons import ReasonCode
from handshake.dynamo import runtime_kv as flags
from handshake.dynamo.client import ConditionFailedError, Item
from handshake.dynamo.context import Context
from handshake.policy import table as policies
from handshake.policy.change import PolicyChange, version_conflict, version_not_found
from handshake.replay_guards.table import claim, guard_key, stored_outcome
from handshake.trust.identity import Envelope
from handshake.trust.token import MIN_GUARD_LIFETIME_S, TrustClaims

# How many changes by others may come between reading the active version and replacing it.
_TRIES: Final = 4


def apply_policy(
    context: Context, change: PolicyChange, *, envelope: Envelope, claims: TrustClaims
) -> policies.Applied:
    """Apply ``change`` by the authority of ``claims``, whose jti it uses up.

    Raises HandshakeError: security_replay_detected (the jti was used), policy_version_conflict,
    policy_version_not_found, adapter_privileged_mutations_paused; ReplayGuardUnavailableError when the store, and
    with it the guard, cannot be consulted. In every case nothing has changed.
    """
    try:
        return _apply(context, change, envelope, claims)
    except StoreUnavailableError as unavailable:
        raise ReplayGuardUnavailableError from unavailable


def _apply(context: Context, change: PolicyChange, envelope: Envelope, claims: TrustClaims) -> policies.Applied:
    tables = context.tables
    guard = guard_key("policy_apply", claims.jti)
    keys = [
        (tables.replay_guards, guard),
        (tables.runtime_kv, flags.PAUSE_KEY),
        (tables.policy, policies.active_key(change.scope)),
    ]
    number = policies.version_number(change.reapply_version) if change.reapply_version is not None else None
    if number is not None:
        keys.append((tables.policy, policies.version_key(change.scope, number)))
    guard_item, pause, active_item, *earlier = context.dynamo.batch_get(keys)
    flags.ensure_not_paused(pause)
    _ensure_unused(guard_item, envelope, now_ms=context.now_ms())
    rules = change.rules
    if rules is None:
        if not any(earlier):
            raise version_not_found()
        rules = policies.policy_from(earlier[0]).rules
    active = policies.policy_from(active_item)
    for _ in range(_TRIES):
        if change.expected_version not in (None, active.version):
            # A batch reads its items one after another, so the jti may have been used before the version was read.
            [guard_item] = context.dynamo.batch_get([(tables.replay_guards, guard)])
            _ensure_unused(guard_item, envelope, now_ms=context.now_ms())
            raise version_conflict(active.version)
        now = context.now_ms()
        applied = policies.Applied(
            audit_event_id=context.new_id(),
            scope=change.scope,
            number=active.number + 1,
            rules=rules,
            at_ms=now,
            jti=claims.jti,
            issuer=claims.issuer,
            principal_id=envelope.principal_id,
            reapplied=change.reapply_version,
            correlation_id=context.correlation_id,
        )
        use_jti = claim(
            tables.replay_guards,
            guard,
            now_ms=now,
            # From now, not from when the token was verified: reading and losing races took its time.
            expires_at_ms=max(claims.guard_until_s * 1000, now + MIN_GUARD_LIFETIME_S * 1000),
            outcome={"principalId": envelope.principal_id, "policyVersion": applied.version},
        )
        writes = policies.apply(tables.policy, applied)
        try:
            context.dynamo.write(use_jti, *writes)
        except ConditionFailedError as lost:
            if lost.failed(use_jti):
                _ensure_unused(lost.stored(use_jti), envelope, now_ms=now)
            active = policies.policy_from(lost.stored(writes[0]))
        else:
            return applied
    raise version_conflict(active.version)


def _ensure_unused(guard_item: Item | None, envelope: Envelope, *, now_ms: int) -> None:
    """Refuse a used jti; the principal who used it is told what it did, so an ambiguous failure is settled."""
    outcome = stored_outcome(guard_item, now_ms=now_ms)
    if outcome is None:
        return
    own = outcome["principalId"] == envelope.principal_id
    detail = f" It applied policy version {outcome['policyVersion']}." if own else ""
    raise HandshakeError(ReasonCode.SECURITY_REPLAY_DETECTED, f"This trust token was already used.{detail}")
