"""A change of policy: new rules, or an earlier version named again, and what becomes of it (contract.md section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handshake.core.errors import Conflict, HandshakeError, Refusal, Refuse, Replay, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.policy.rules import Scope, parse_rules, parse_scope, version_name
from handshake.trust.identity import Envelope
from handshake.trust.token import TrustClaims

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule


@dataclass(frozen=True)
class PolicyChange:
    """Rules to apply to ``scope``, or the version to re-apply when ``rules`` is None.

    ``expected_version`` is the version the caller believes active; None is no belief.
    """

    scope: Scope
    rules: "Sequence[StoredRule] | None"
    reapply_version: str | None
    expected_version: str | None


@dataclass(frozen=True)
class StoredPolicy:
    """A policy as a scope stores it. ``number`` 0 is no policy yet; ``rules`` are as the operator wrote them.

    ``audit_digest`` is that of its audit event, "" where an earlier release applied it.
    """

    number: int = 0
    rules: "list[StoredRule]" = field(default_factory=list)
    applied_at_ms: int = 0
    audit_event_id: str = ""
    audit_digest: str = ""

    @property
    def version(self) -> str | None:
        """Give the ``policyVersion`` callers see; None with no stored policy."""
        return version_name(self.number) if self.number else None


@dataclass(frozen=True)
class Applied:
    """One application of a policy, as its audit event names it. Times are epoch ms.

    ``previous`` is the digest of the audit event of the version before, "" where there is none. ``signer`` and
    ``gateway_request_id`` name the call, as ``Context`` has them.
    """

    audit_event_id: str
    scope: Scope
    number: int
    rules: Sequence[Mapping[str, Any]]
    at_ms: int
    jti: str
    issuer: str
    principal_id: str
    reapplied: str | None
    correlation_id: str
    previous: str = ""
    signer: str = ""
    gateway_request_id: str = ""

    @property
    def version(self) -> str:
        """Give the ``policyVersion`` it became."""
        return version_name(self.number)


@dataclass(frozen=True)
class Apply:
    """Put ``applied`` in force."""

    applied: Applied


ChangeDecision = Apply | Refuse | Conflict | Replay


def parse_change(body: Any) -> PolicyChange:
    """Check the body of a policy apply in the contract's order.

    Raises HandshakeError: trust_context_invalid_request_shape, trust_context_missing_binding, or
    policy_invalid_policy for rules without meaning.
    """
    fields = parse_body(body)
    scope = parse_scope(fields)
    expected, earlier = fields.get("expectedPolicyVersion"), fields.get("policyVersion")
    for name, value in (("expectedPolicyVersion", expected), ("policyVersion", earlier)):
        if not (value is None or isinstance(value, str)):
            raise _bad_shape(f"{name} must be a string.")
    if earlier is None:
        return PolicyChange(scope, parse_rules(fields.get("rules")), None, expected)
    if "rules" in fields:
        raise _bad_shape("Give rules or policyVersion, not both.")
    return PolicyChange(scope, None, earlier, expected)


def parse_body(body: Any) -> dict[str, Any]:
    """Give ``body`` as an object. Raises HandshakeError trust_context_invalid_request_shape if it is none."""
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.")
    return body


def decide_change(
    change: PolicyChange,
    active: StoredPolicy,
    earlier: StoredPolicy | None,
    guard: Mapping[str, Any] | None,
    *,
    envelope: Envelope,
    claims: TrustClaims,
    now_ms: int,
    audit_event_id: str,
    correlation_id: str,
    signer: str = "",
    gateway_request_id: str = "",
) -> ChangeDecision:
    """Decide what becomes of ``change`` at ``now_ms`` (epoch ms), where ``active`` is its scope's policy.

    ``earlier`` is the version to re-apply, None where the scope never had it; ``guard`` the outcome of an earlier use
    of the token's jti, None where it was not used.
    """
    if guard is not None:
        return Replay(_replayed(guard, envelope))
    if change.reapply_version is None:
        rules = change.rules or ()
    elif earlier is not None:
        rules = earlier.rules
    else:
        code, message = ReasonCode.POLICY_VERSION_NOT_FOUND, "This scope has no policy version of that name."
        return Refuse(refusal_of(code, message))
    if change.expected_version not in (None, active.version):
        return Conflict(version_conflict(active.version))
    return Apply(
        Applied(
            audit_event_id=audit_event_id,
            scope=change.scope,
            number=active.number + 1,
            rules=rules,
            at_ms=now_ms,
            jti=claims.jti,
            issuer=claims.issuer,
            principal_id=envelope.principal_id,
            reapplied=change.reapply_version,
            correlation_id=correlation_id,
            previous=active.audit_digest,
            signer=signer,
            gateway_request_id=gateway_request_id,
        )
    )


def version_conflict(active: str | None) -> Refusal:
    """Give the refusal of a change made against another version than the active one."""
    message = f"The active policy version is {active or 'none'}; nothing was changed."
    return refusal_of(ReasonCode.POLICY_VERSION_CONFLICT, message)


def _replayed(outcome: Mapping[str, Any], envelope: Envelope) -> Refusal:
    """Refuse a used jti; the principal who used it is told what it did, so an ambiguous failure is settled."""
    own = outcome["principalId"] == envelope.principal_id
    detail = f" It applied policy version {outcome['policyVersion']}." if own else ""
    return refusal_of(ReasonCode.SECURITY_REPLAY_DETECTED, f"This trust token was already used.{detail}")


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
