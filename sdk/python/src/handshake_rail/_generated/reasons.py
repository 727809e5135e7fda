"""The registry of reason codes, made from openapi/handshake.json by `python -m ops.openapi.sdk`: do not edit."""

from collections.abc import Mapping
from typing import Final

from handshake_rail._reason import Reason

REGISTRY_VERSION: Final = "v2"

REASONS: Final[Mapping[str, Reason]] = {
    "adapter_privileged_mutations_paused": Reason(
        "adapter", 503, "retryable", "retry_with_backoff", "Operators have paused what changes or authorizes anything."
    ),
    "adapter_signer_unavailable": Reason(
        "adapter", 503, "retryable", "retry_with_backoff", "Nothing can be signed now; nothing was claimed."
    ),
    "adapter_store_unavailable": Reason(
        "adapter", 503, "retryable", "retry_with_backoff", "The store does not answer now."
    ),
    "hitl_agent_restricted_escalated": Reason(
        "hitl", 409, "retryable", "retry_after_remediation", "All that this agent wants to do is decided by a person."
    ),
    "hitl_approval_unauthorized": Reason(
        "hitl", 403, "blocked", "retry_after_remediation", "The caller may not decide this request."
    ),
    "hitl_approved": Reason("hitl", 409, "ok", "retry_after_remediation", "A person has said yes."),
    "hitl_boundary_escalated": Reason(
        "hitl",
        409,
        "retryable",
        "retry_after_remediation",
        "It is over the limit of a single payment, so a person decides.",
    ),
    "hitl_budget_escalated": Reason(
        "hitl", 409, "retryable", "retry_after_remediation", "It is over a budget, so a person decides."
    ),
    "hitl_deadline_not_extendable": Reason(
        "hitl", 409, "blocked", "do_not_retry", "The deadline cannot be extended, or not that far."
    ),
    "hitl_policy_escalated": Reason(
        "hitl", 409, "retryable", "retry_after_remediation", "Policy leaves this to a person."
    ),
    "hitl_rejected": Reason("hitl", 409, "blocked", "retry_after_remediation", "A person has said no."),
    "hitl_request_mismatch": Reason(
        "hitl", 409, "blocked", "retry_after_remediation", "The action names another escalation than the request's."
    ),
    "hitl_request_not_found": Reason(
        "hitl", 404, "blocked", "retry_after_remediation", "No request, or no escalation, has this id."
    ),
    "hitl_sensitive_ambiguous_escalated": Reason(
        "hitl",
        409,
        "retryable",
        "retry_after_remediation",
        "How sensitive the data is, is not clear, so a person decides.",
    ),
    "hitl_terminal_state_immutable": Reason(
        "hitl", 409, "blocked", "do_not_retry", "The request is decided, which nothing changes."
    ),
    "hitl_timeout_fail_closed": Reason(
        "hitl", 409, "blocked", "retry_after_remediation", "Nobody decided in time, which means no."
    ),
    "invalid_metric_query": Reason(
        "metrics",
        400,
        "blocked",
        "retry_after_remediation",
        "The query asks for a metric, window or bucket that there is not.",
    ),
    "invalid_metrics_event": Reason(
        "metrics", 400, "blocked", "retry_after_remediation", "The event that was reported is none."
    ),
    "policy_allow": Reason("policy", 400, "ok", "retry_after_remediation", "Policy allows it."),
    "policy_budget_exceeded": Reason("policy", 422, "blocked", "retry_after_remediation", "It is over a budget."),
    "policy_category_not_allowed": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "Policy does not allow this category."
    ),
    "policy_daily_limit_exceeded": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "It is over what the agent may spend in a day."
    ),
    "policy_denied": Reason("policy", 422, "blocked", "retry_after_remediation", "Policy denies it."),
    "policy_evaluation_failed": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "Policy could not be evaluated, so it denies."
    ),
    "policy_invalid_policy": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "What was proposed is no policy."
    ),
    "policy_invalid_request": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "What decides cannot be read, so policy denies it."
    ),
    "policy_max_transaction_exceeded": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "It is over the limit of a single payment."
    ),
    "policy_outside_allowed_hours": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "Policy does not allow it at this hour."
    ),
    "policy_sensitive_scope_denied": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "The data is sensitive, and the scope for it is missing."
    ),
    "policy_unmatched_denied": Reason(
        "policy", 422, "blocked", "retry_after_remediation", "No policy speaks of it, so it is denied."
    ),
    "policy_version_conflict": Reason(
        "policy", 409, "blocked", "retry_after_remediation", "The policy was changed by somebody else meanwhile."
    ),
    "policy_version_not_found": Reason(
        "policy", 404, "blocked", "retry_after_remediation", "The policy has no such version."
    ),
    "security_agent_not_found": Reason("security", 404, "blocked", "do_not_retry", "No agent has this id."),
    "security_agent_stopped": Reason("security", 403, "blocked", "do_not_retry", "The agent is stopped."),
    "security_artifact_authorized": Reason("security", 403, "ok", "do_not_retry", "The effect may go ahead."),
    "security_artifact_request_not_found": Reason(
        "security", 404, "blocked", "do_not_retry", "No request has this id."
    ),
    "security_artifact_state_not_authorized": Reason(
        "security", 409, "blocked", "do_not_retry", "The request is not allowed, or not any more."
    ),
    "security_decision_context_mismatch": Reason(
        "security", 409, "blocked", "do_not_retry", "What is presented is not what was decided."
    ),
    "security_escalation_flood_throttled": Reason(
        "security",
        403,
        "blocked",
        "do_not_retry",
        "Too many escalations of this principal and agent within ten minutes.",
    ),
    "security_grant_consumed": Reason(
        "security", 409, "blocked", "do_not_retry", "The request's one grant was claimed already."
    ),
    "security_grant_expired": Reason(
        "security", 409, "blocked", "do_not_retry", "It is too late for a grant, or it was revoked."
    ),
    "security_grant_not_found": Reason("security", 404, "blocked", "do_not_retry", "No grant has this id."),
    "security_grant_required": Reason("security", 409, "blocked", "do_not_retry", "Each execution takes a grant."),
    "security_grant_unauthorized": Reason(
        "security", 403, "blocked", "do_not_retry", "The caller may not claim or report this grant."
    ),
    "security_handshake_required_bypass_denied": Reason(
        "security", 403, "blocked", "do_not_retry", "A privileged action cannot opt out of being decided."
    ),
    "security_identity_assurance_insufficient": Reason(
        "security", 403, "blocked", "do_not_retry", "Approving takes a person who has signed in."
    ),
    "security_identity_claim_missing": Reason(
        "security", 401, "blocked", "do_not_retry", "The identity token lacks a claim."
    ),
    "security_identity_envelope_required": Reason(
        "security", 401, "blocked", "do_not_retry", "The call must say whom it is for."
    ),
    "security_identity_provider_not_configured": Reason(
        "security", 401, "blocked", "do_not_retry", "The service has no identity provider."
    ),
    "security_identity_subject_mismatch": Reason(
        "security", 403, "blocked", "do_not_retry", "Whom the call is for is not who may make it."
    ),
    "security_internal_trust_config_missing": Reason(
        "security", 401, "blocked", "do_not_retry", "The service has no key to check trust tokens with."
    ),
    "security_internal_trust_context_expired": Reason(
        "security", 401, "blocked", "retry_after_remediation", "The trust token is too old, or not valid yet."
    ),
    "security_invalid_identity_envelope": Reason(
        "security",
        401,
        "blocked",
        "do_not_retry",
        "What says whom the call is for cannot be read, or comes from no issuer.",
    ),
    "security_invalid_internal_trust_context": Reason(
        "security", 401, "blocked", "do_not_retry", "The trust token is none, or is for something else."
    ),
    "security_missing_authorization_header": Reason(
        "security", 401, "blocked", "do_not_retry", "The call is not signed."
    ),
    "security_missing_decision_artifact": Reason(
        "security", 403, "blocked", "do_not_retry", "No decision was presented."
    ),
    "security_missing_identity_envelope": Reason(
        "security", 401, "blocked", "retry_after_remediation", "The call does not say whom it is for."
    ),
    "security_missing_internal_trust_context": Reason(
        "security", 401, "blocked", "retry_after_remediation", "The call changes policy and has no trust token."
    ),
    "security_non_allow_artifact": Reason(
        "security", 403, "blocked", "do_not_retry", "The decision that was presented does not allow it."
    ),
    "security_outcome_already_reported": Reason(
        "security", 409, "blocked", "do_not_retry", "Another outcome was reported already."
    ),
    "security_person_disabled": Reason("security", 403, "blocked", "do_not_retry", "The person has been disabled."),
    "security_person_unknown": Reason(
        "security", 403, "blocked", "do_not_retry", "Nobody has been registered for this sign-in."
    ),
    "security_policy_changed": Reason(
        "security", 409, "blocked", "do_not_retry", "Policy has changed since the decision, and would not allow it now."
    ),
    "security_read_scope_denied": Reason(
        "security", 403, "blocked", "do_not_retry", "Reading this takes a scope that the caller does not have."
    ),
    "security_read_tenant_mismatch": Reason(
        "security", 403, "blocked", "do_not_retry", "It belongs to another tenant."
    ),
    "security_replay_detected": Reason("security", 409, "blocked", "do_not_retry", "The key or token was used before."),
    "security_replay_guard_unavailable": Reason(
        "security",
        503,
        "blocked",
        "do_not_retry",
        "Whether the key or token was used before is not known now; nothing changed.",
    ),
    "security_scope_missing": Reason(
        "security", 403, "blocked", "do_not_retry", "The call takes a scope that the caller does not have."
    ),
    "security_side_channel_denied": Reason(
        "security", 403, "blocked", "do_not_retry", "The action declares a way around the decision."
    ),
    "security_token_invalid": Reason(
        "security", 401, "blocked", "do_not_retry", "The signature or token of the call is not valid."
    ),
    "trust_context_invalid_request_shape": Reason(
        "trust_context",
        400,
        "blocked",
        "retry_after_remediation",
        "Something in the call has not the form that it must have.",
    ),
    "trust_context_invalid_timestamp": Reason(
        "trust_context", 400, "blocked", "retry_after_remediation", "The timestamp is no time."
    ),
    "trust_context_missing_binding": Reason(
        "trust_context",
        400,
        "blocked",
        "retry_after_remediation",
        "The call does not say what it is about: an id, an action or a scope is missing.",
    ),
    "trust_context_timestamp_skew_fail_closed": Reason(
        "trust_context",
        400,
        "blocked",
        "retry_after_remediation",
        "The timestamp is more than five minutes from the service's clock.",
    ),
}
