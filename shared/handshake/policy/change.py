"""A change of policy: new rules, or an earlier version named again (contract.md section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.policy.rules import Scope, parse_rules, parse_scope

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


def version_conflict(active: str | None) -> HandshakeError:
    """Refuse a change that was made against another version than the active one."""
    return HandshakeError(
        ReasonCode.POLICY_VERSION_CONFLICT,
        f"The active policy version is {active or 'none'}; nothing was changed.",
    )


def version_not_found() -> HandshakeError:
    """Refuse to apply again a version that the scope never had."""
    return HandshakeError(ReasonCode.POLICY_VERSION_NOT_FOUND, "This scope has no policy version of that name.")


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
