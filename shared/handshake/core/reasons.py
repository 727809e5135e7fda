"""The registry of reason codes: the one home of each code's family, status, class and retry advice.

Rules from contract.md section 1. A code that is not here is ``unknown`` and is never retried.
"""

from enum import StrEnum, auto
from typing import Final, Literal, NamedTuple

REGISTRY_VERSION: Final = "v2"

ResponseClass = Literal["ok", "retryable", "blocked", "unknown"]
RetryAdvice = Literal["do_not_retry", "retry_after_remediation", "retry_with_backoff"]

UNKNOWN_FAMILY: Final = "unknown"
FAMILIES: Final = ("trust_context", "security", "policy", "hitl", "adapter")


class ReasonCode(StrEnum):
    """Every reason code a caller can see, in the order of the contract's table."""

    TRUST_CONTEXT_INVALID_REQUEST_SHAPE = auto()
    TRUST_CONTEXT_MISSING_BINDING = auto()
    TRUST_CONTEXT_INVALID_TIMESTAMP = auto()
    TRUST_CONTEXT_TIMESTAMP_SKEW_FAIL_CLOSED = auto()
    POLICY_ALLOW = auto()
    SECURITY_MISSING_IDENTITY_ENVELOPE = auto()
    SECURITY_INVALID_IDENTITY_ENVELOPE = auto()
    SECURITY_IDENTITY_ENVELOPE_REQUIRED = auto()
    SECURITY_MISSING_INTERNAL_TRUST_CONTEXT = auto()
    SECURITY_INVALID_INTERNAL_TRUST_CONTEXT = auto()
    SECURITY_INTERNAL_TRUST_CONTEXT_EXPIRED = auto()
    SECURITY_INTERNAL_TRUST_CONFIG_MISSING = auto()
    SECURITY_MISSING_AUTHORIZATION_HEADER = auto()
    SECURITY_IDENTITY_CLAIM_MISSING = auto()
    SECURITY_TOKEN_INVALID = auto()
    SECURITY_IDENTITY_PROVIDER_NOT_CONFIGURED = auto()
    SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED = auto()
    SECURITY_SIDE_CHANNEL_DENIED = auto()
    SECURITY_ESCALATION_FLOOD_THROTTLED = auto()
    SECURITY_MISSING_DECISION_ARTIFACT = auto()
    SECURITY_NON_ALLOW_ARTIFACT = auto()
    SECURITY_ARTIFACT_AUTHORIZED = auto()
    SECURITY_IDENTITY_SUBJECT_MISMATCH = auto()
    SECURITY_READ_SCOPE_DENIED = auto()
    SECURITY_READ_TENANT_MISMATCH = auto()
    HITL_APPROVAL_UNAUTHORIZED = auto()
    SECURITY_GRANT_UNAUTHORIZED = auto()
    SECURITY_ARTIFACT_REQUEST_NOT_FOUND = auto()
    HITL_REQUEST_NOT_FOUND = auto()
    POLICY_VERSION_NOT_FOUND = auto()
    SECURITY_GRANT_NOT_FOUND = auto()
    SECURITY_AGENT_STOPPED = auto()
    SECURITY_IDENTITY_ASSURANCE_INSUFFICIENT = auto()
    SECURITY_PERSON_UNKNOWN = auto()
    SECURITY_PERSON_DISABLED = auto()
    SECURITY_SCOPE_MISSING = auto()
    SECURITY_AGENT_NOT_FOUND = auto()
    SECURITY_DECISION_CONTEXT_MISMATCH = auto()
    SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED = auto()
    SECURITY_GRANT_REQUIRED = auto()
    SECURITY_REPLAY_DETECTED = auto()
    HITL_SENSITIVE_AMBIGUOUS_ESCALATED = auto()
    HITL_BOUNDARY_ESCALATED = auto()
    HITL_POLICY_ESCALATED = auto()
    HITL_REQUEST_MISMATCH = auto()
    HITL_TERMINAL_STATE_IMMUTABLE = auto()
    HITL_TIMEOUT_FAIL_CLOSED = auto()
    HITL_DEADLINE_NOT_EXTENDABLE = auto()
    HITL_REJECTED = auto()
    HITL_APPROVED = auto()
    POLICY_VERSION_CONFLICT = auto()
    SECURITY_GRANT_CONSUMED = auto()
    SECURITY_GRANT_EXPIRED = auto()
    SECURITY_POLICY_CHANGED = auto()
    SECURITY_OUTCOME_ALREADY_REPORTED = auto()
    HITL_AGENT_RESTRICTED_ESCALATED = auto()
    HITL_BUDGET_ESCALATED = auto()
    POLICY_SENSITIVE_SCOPE_DENIED = auto()
    POLICY_INVALID_POLICY = auto()
    POLICY_INVALID_REQUEST = auto()
    POLICY_DAILY_LIMIT_EXCEEDED = auto()
    POLICY_CATEGORY_NOT_ALLOWED = auto()
    POLICY_OUTSIDE_ALLOWED_HOURS = auto()
    POLICY_MAX_TRANSACTION_EXCEEDED = auto()
    POLICY_DENIED = auto()
    POLICY_EVALUATION_FAILED = auto()
    POLICY_UNMATCHED_DENIED = auto()
    POLICY_BUDGET_EXCEEDED = auto()
    SECURITY_REPLAY_GUARD_UNAVAILABLE = auto()
    ADAPTER_STORE_UNAVAILABLE = auto()
    ADAPTER_PRIVILEGED_MUTATIONS_PAUSED = auto()
    ADAPTER_SIGNER_UNAVAILABLE = auto()


class Reason(NamedTuple):
    """One registry row. ``status`` is the HTTP status when the code is sent as an error."""

    code: str
    family: str
    status: int
    response_class: ResponseClass
    retry: RetryAdvice


_STATUS: Final[dict[int, tuple[ReasonCode, ...]]] = {
    400: (
        ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
        ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
        ReasonCode.TRUST_CONTEXT_INVALID_TIMESTAMP,
        ReasonCode.TRUST_CONTEXT_TIMESTAMP_SKEW_FAIL_CLOSED,
        ReasonCode.POLICY_ALLOW,
    ),
    401: (
        ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE,
        ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE,
        ReasonCode.SECURITY_IDENTITY_ENVELOPE_REQUIRED,
        ReasonCode.SECURITY_MISSING_INTERNAL_TRUST_CONTEXT,
        ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT,
        ReasonCode.SECURITY_INTERNAL_TRUST_CONTEXT_EXPIRED,
        ReasonCode.SECURITY_INTERNAL_TRUST_CONFIG_MISSING,
        ReasonCode.SECURITY_MISSING_AUTHORIZATION_HEADER,
        ReasonCode.SECURITY_IDENTITY_CLAIM_MISSING,
        ReasonCode.SECURITY_TOKEN_INVALID,
        ReasonCode.SECURITY_IDENTITY_PROVIDER_NOT_CONFIGURED,
    ),
    403: (
        ReasonCode.SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED,
        ReasonCode.SECURITY_SIDE_CHANNEL_DENIED,
        ReasonCode.SECURITY_ESCALATION_FLOOD_THROTTLED,
        ReasonCode.SECURITY_MISSING_DECISION_ARTIFACT,
        ReasonCode.SECURITY_NON_ALLOW_ARTIFACT,
        ReasonCode.SECURITY_ARTIFACT_AUTHORIZED,
        ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
        ReasonCode.SECURITY_READ_SCOPE_DENIED,
        ReasonCode.SECURITY_READ_TENANT_MISMATCH,
        ReasonCode.HITL_APPROVAL_UNAUTHORIZED,
        ReasonCode.SECURITY_GRANT_UNAUTHORIZED,
        ReasonCode.SECURITY_AGENT_STOPPED,
        ReasonCode.SECURITY_IDENTITY_ASSURANCE_INSUFFICIENT,
        ReasonCode.SECURITY_PERSON_UNKNOWN,
        ReasonCode.SECURITY_PERSON_DISABLED,
        ReasonCode.SECURITY_SCOPE_MISSING,
    ),
    404: (
        ReasonCode.SECURITY_ARTIFACT_REQUEST_NOT_FOUND,
        ReasonCode.HITL_REQUEST_NOT_FOUND,
        ReasonCode.POLICY_VERSION_NOT_FOUND,
        ReasonCode.SECURITY_GRANT_NOT_FOUND,
        ReasonCode.SECURITY_AGENT_NOT_FOUND,
    ),
    409: (
        ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
        ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED,
        ReasonCode.SECURITY_GRANT_REQUIRED,
        ReasonCode.SECURITY_REPLAY_DETECTED,
        ReasonCode.HITL_SENSITIVE_AMBIGUOUS_ESCALATED,
        ReasonCode.HITL_BOUNDARY_ESCALATED,
        ReasonCode.HITL_POLICY_ESCALATED,
        ReasonCode.HITL_REQUEST_MISMATCH,
        ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE,
        ReasonCode.HITL_TIMEOUT_FAIL_CLOSED,
        ReasonCode.HITL_DEADLINE_NOT_EXTENDABLE,
        ReasonCode.HITL_REJECTED,
        ReasonCode.HITL_APPROVED,
        ReasonCode.POLICY_VERSION_CONFLICT,
        ReasonCode.SECURITY_GRANT_CONSUMED,
        ReasonCode.SECURITY_GRANT_EXPIRED,
        ReasonCode.SECURITY_POLICY_CHANGED,
        ReasonCode.SECURITY_OUTCOME_ALREADY_REPORTED,
        ReasonCode.HITL_AGENT_RESTRICTED_ESCALATED,
        ReasonCode.HITL_BUDGET_ESCALATED,
    ),
    422: (
        ReasonCode.POLICY_SENSITIVE_SCOPE_DENIED,
        ReasonCode.POLICY_INVALID_POLICY,
        ReasonCode.POLICY_INVALID_REQUEST,
        ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED,
        ReasonCode.POLICY_CATEGORY_NOT_ALLOWED,
        ReasonCode.POLICY_OUTSIDE_ALLOWED_HOURS,
        ReasonCode.POLICY_MAX_TRANSACTION_EXCEEDED,
        ReasonCode.POLICY_DENIED,
        ReasonCode.POLICY_EVALUATION_FAILED,
        ReasonCode.POLICY_UNMATCHED_DENIED,
        ReasonCode.POLICY_BUDGET_EXCEEDED,
    ),
    503: (
        ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE,
        ReasonCode.ADAPTER_STORE_UNAVAILABLE,
        ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED,
        ReasonCode.ADAPTER_SIGNER_UNAVAILABLE,
    ),
}

_OK: Final = {ReasonCode.POLICY_ALLOW, ReasonCode.HITL_APPROVED, ReasonCode.SECURITY_ARTIFACT_AUTHORIZED}


def _family(code: str) -> str:
    return next((family for family in FAMILIES if code.startswith(family + "_")), UNKNOWN_FAMILY)


def _response_class(code: ReasonCode, family: str) -> ResponseClass:
    if code in _OK:
        return "ok"
    if family == "adapter" or (family == "hitl" and code.endswith("_escalated")):
        return "retryable"
    return "blocked"


# What the advice of a code's family would be wrong for: who left something out, or was too slow, can mend it.
_ADVICE: Final[dict[str, RetryAdvice]] = {
    ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE: "retry_after_remediation",
    ReasonCode.SECURITY_MISSING_INTERNAL_TRUST_CONTEXT: "retry_after_remediation",
    ReasonCode.SECURITY_INTERNAL_TRUST_CONTEXT_EXPIRED: "retry_after_remediation",
    ReasonCode.HITL_DEADLINE_NOT_EXTENDABLE: "do_not_retry",
}


def _retry(code: str, family: str) -> RetryAdvice:
    if code in _ADVICE:
        return _ADVICE[code]
    if family == "security" or code.startswith("hitl_terminal_state_"):
        return "do_not_retry"
    return "retry_with_backoff" if family == "adapter" else "retry_after_remediation"


def _row(code: ReasonCode, status: int) -> Reason:
    family = _family(code)
    return Reason(code.value, family, status, _response_class(code, family), _retry(code, family))


REGISTRY: Final[dict[str, Reason]] = {
    code.value: _row(code, status) for status, codes in _STATUS.items() for code in codes
}


def describe(code: str) -> Reason:
    """Give the registry row of ``code``, or the ``unknown`` row (never retried) when it has none."""
    return REGISTRY.get(code) or Reason(code, UNKNOWN_FAMILY, 500, "unknown", "do_not_retry")


AGENT_STOPPED_DENIALS: Final = frozenset({ReasonCode.SECURITY_AGENT_STOPPED.value})
"""Counts apart what operators have stopped, so that a stop does not look like the attack that it answers."""
SECURITY_DENIALS: Final = (
    frozenset(row.code for row in REGISTRY.values() if row.family == "security" and row.response_class == "blocked")
    - AGENT_STOPPED_DENIALS
)
"""The codes that count as security denials in metrics and alarms (contract.md sections 5 and 6)."""
