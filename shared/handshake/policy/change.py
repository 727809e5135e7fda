"""A change of policy: new members, or an earlier version named again, and what becomes of it (contract.md 4 and 15)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.core.errors import Conflict, HandshakeError, Refusal, Refuse, Replay, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.policy.check import Sound
from handshake.policy.members import MEMBERS, NO_MEMBERS, Given, Members, Mode, parse_members, parse_mode
from handshake.policy.rules import Scope, parse_scope, version_name

MAX_POLICY_BYTES: Final = 256 * 1024
"""Bytes of a body that holds a policy, or a list of tools."""

Check = Callable[[Members], Sound | Refusal]
"""Refuses members that hold well by themselves and not together, or not beside the registered tools."""


@dataclass(frozen=True)
class PolicyChange:
    """Members to apply to ``scope``, by their names in Members, or the version to re-apply when ``given`` is None.

    ``expected_version`` is the version the caller believes active; None is no belief.
    """

    scope: Scope
    given: Given | None
    reapply_version: str | None
    expected_version: str | None
    mode: Mode = "active"


@dataclass(frozen=True)
class StoredPolicy:
    """A policy as a scope stores it. ``number`` 0 is no policy yet; ``members`` are as the operator wrote them.

    ``cedar_sha256`` is that of its text of Cedar, which is in ``members`` only where the version itself was read.
    ``audit_digest`` is that of its audit event, "" where an earlier release applied it.
    """

    number: int = 0
    members: Members = NO_MEMBERS
    applied_at_ms: int = 0
    audit_event_id: str = ""
    audit_digest: str = ""
    cedar_sha256: str = ""
    mode: Mode = "active"

    @property
    def version(self) -> str | None:
        """Give the ``policyVersion`` callers see; None with no stored policy."""
        return version_name(self.number) if self.number else None

    @property
    def lacks_text(self) -> bool:
        """Say whether it has a text of Cedar that was not read with it."""
        return self.cedar_sha256 != self.members.cedar_sha256


@dataclass(frozen=True)
class StoredScope:
    """All that a scope has in force: its active policy, a shadow beside it, and the newest version there is.

    ``latest`` is that version's number, and ``latest_digest`` the digest of its audit event.
    """

    active: StoredPolicy = StoredPolicy()
    shadow: StoredPolicy | None = None
    latest: int = 0
    latest_digest: str = ""

    def base(self, mode: Mode) -> StoredPolicy:
        """Give the policy whose members stay as they are where a change in ``mode`` does not name them."""
        return self.shadow if mode == "shadow" and self.shadow else self.active

    def after(self, applied: StoredPolicy, *, ends_shadow: bool) -> "StoredScope":
        """Give what the scope holds once ``applied``, its newest version, was put in force in its mode."""
        active, shadow = (self.active, applied) if applied.mode == "shadow" else (applied, self.shadow)
        return StoredScope(active, None if ends_shadow else shadow, applied.number, applied.audit_digest)

    @property
    def uses_cedar(self) -> bool:
        """Say whether its active policy, or its shadow, has a text of Cedar."""
        return bool(self.active.cedar_sha256 or (self.shadow and self.shadow.cedar_sha256))


@dataclass(frozen=True)
class Authority:
    """Names who changes policy or tools, by which trust token, in which call and when (epoch ms), as evidence does.

    ``signer`` and ``gateway_request_id`` name the call, as ``Context`` has them.
    """

    audit_event_id: str
    at_ms: int
    jti: str
    issuer: str
    principal_id: str
    correlation_id: str
    signer: str = ""
    gateway_request_id: str = ""


@dataclass(frozen=True)
class Applied:
    """One application of a policy, as its audit event names it.

    ``previous`` is the digest of the audit event of the version before, "" where there is none. ``scope_before`` is
    what the scope held, and ``ends_shadow`` says that it has no shadow after this.
    """

    by: Authority
    scope: Scope
    number: int
    members: Members
    reapplied: str | None
    previous: str = ""
    mode: Mode = "active"
    ends_shadow: bool = False
    scope_before: StoredScope = StoredScope()
    warnings: tuple[str, ...] = ()

    @property
    def policy(self) -> StoredPolicy:
        """Give the policy as it is stored, but for the digest of this application's audit event."""
        return StoredPolicy(
            number=self.number,
            members=self.members,
            applied_at_ms=self.by.at_ms,
            audit_event_id=self.by.audit_event_id,
            cedar_sha256=self.members.cedar_sha256,
            mode=self.mode,
        )

    @property
    def after(self) -> StoredScope:
        """Give what the scope holds then."""
        return self.scope_before.after(self.policy, ends_shadow=self.ends_shadow)

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
    policy_invalid_policy for members without meaning.
    """
    fields = parse_body(body)
    scope = parse_scope(fields)
    expected, earlier = fields.get("expectedPolicyVersion"), fields.get("policyVersion")
    for name, value in (("expectedPolicyVersion", expected), ("policyVersion", earlier)):
        if not (value is None or isinstance(value, str)):
            raise _bad_shape(f"{name} must be a string.")
    mode = parse_mode(fields)
    if earlier is None:
        return PolicyChange(scope, parse_members(fields, scope), None, expected, mode)
    if fields.keys() & set(MEMBERS):
        raise _bad_shape("Give members of a policy or policyVersion, not both.")
    return PolicyChange(scope, None, earlier, expected, mode)


def parse_body(body: Any) -> dict[str, Any]:
    """Give ``body`` as an object. Raises HandshakeError trust_context_invalid_request_shape if it is none."""
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.")
    return body


def decide_change(
    change: PolicyChange,
    before: StoredScope,
    earlier: StoredPolicy | None,
    guard: Mapping[str, Any] | None,
    *,
    check: Check,
    authority: Authority,
) -> ChangeDecision:
    """Decide what becomes of ``change``, made by ``authority``, where its scope held ``before``.

    ``earlier`` is the version to re-apply, None where the scope never had it; ``guard`` the outcome of an earlier use
    of the token's jti, None where it was not used. ``check`` refuses members without meaning.
    """
    if guard is not None:
        # Before the members: what these mean depends on what others have stored since the token was used.
        return Replay(_replayed(guard, authority))
    members = _proposed(change, before, earlier)
    checked = check(members) if members is not None else Sound()
    if isinstance(checked, Refusal):
        return Refuse(checked)
    if members is None:
        code, message = ReasonCode.POLICY_VERSION_NOT_FOUND, "This scope has no policy version of that name."
        return Refuse(refusal_of(code, message))
    active, shadow = before.active, before.shadow
    if change.expected_version not in (None, active.version):
        return Conflict(version_conflict(active.version))
    if change.mode == "shadow":
        ends_shadow = members.empty or members.same_as(active.members, cedar_sha256=active.cedar_sha256)
    else:
        ends_shadow = shadow is not None and change.reapply_version == shadow.version
    return Apply(
        Applied(
            by=authority,
            scope=change.scope,
            number=before.latest + 1,
            members=members,
            reapplied=change.reapply_version,
            previous=before.latest_digest,
            mode=change.mode,
            ends_shadow=ends_shadow,
            scope_before=before,
            warnings=checked.warnings,
        )
    )


def _proposed(change: PolicyChange, before: StoredScope, earlier: StoredPolicy | None) -> Members | None:
    """Give all members that ``change`` would have the scope hold; None where it names a version that never was."""
    if change.given is not None:
        return before.base(change.mode).members.changed_by(change.given)
    return earlier.members if earlier is not None else None


def version_conflict(active: str | None) -> Refusal:
    """Give the refusal of a change made against another version than the active one."""
    message = f"The active policy version is {active or 'none'}; nothing was changed."
    return refusal_of(ReasonCode.POLICY_VERSION_CONFLICT, message)


def _replayed(outcome: Mapping[str, Any], by: Authority) -> Refusal:
    """Refuse a used jti; the principal who used it is told what it did, so an ambiguous failure is settled."""
    own = outcome["principalId"] == by.principal_id
    detail = f" It applied policy version {outcome['policyVersion']}." if own else ""
    return refusal_of(ReasonCode.SECURITY_REPLAY_DETECTED, f"This trust token was already used.{detail}")


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
