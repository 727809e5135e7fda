"""Name status and reason code of answers that several endpoints give, and the status of every code."""

SHAPE = (400, "trust_context_invalid_request_shape")
BINDING = (400, "trust_context_missing_binding")
REPLAY = (409, "security_replay_detected")
APPROVED = (200, "hitl_approved")
CONFLICT = (409, "policy_version_conflict")
IMMUTABLE = (409, "hitl_terminal_state_immutable")
UNAUTHORIZED = (403, "hitl_approval_unauthorized")
STORE = (503, "adapter_store_unavailable")
GUARD = (503, "security_replay_guard_unavailable")

# The table of contract.md section 1, as it stands there.
CODES_BY_STATUS = {
    400: """
        trust_context_invalid_request_shape, trust_context_missing_binding, trust_context_invalid_timestamp,
        trust_context_timestamp_skew_fail_closed, policy_allow""",
    401: """
        security_missing_identity_envelope, security_invalid_identity_envelope, security_identity_envelope_required,
        security_missing_internal_trust_context, security_invalid_internal_trust_context,
        security_internal_trust_context_expired, security_internal_trust_config_missing,
        security_missing_authorization_header, security_identity_claim_missing, security_token_invalid,
        security_identity_provider_not_configured""",
    403: """
        security_handshake_required_bypass_denied, security_side_channel_denied, security_escalation_flood_throttled,
        security_missing_decision_artifact, security_non_allow_artifact, security_artifact_authorized,
        security_identity_subject_mismatch, security_read_scope_denied, security_read_tenant_mismatch,
        hitl_approval_unauthorized, security_agent_stopped, security_grant_unauthorized, security_scope_missing,
        security_person_unknown, security_person_disabled, security_identity_assurance_insufficient""",
    404: """
        security_artifact_request_not_found, hitl_request_not_found, policy_version_not_found,
        security_grant_not_found, security_agent_not_found""",
    409: """
        security_decision_context_mismatch, security_artifact_state_not_authorized, security_replay_detected,
        hitl_sensitive_ambiguous_escalated, hitl_boundary_escalated, hitl_policy_escalated, hitl_budget_escalated,
        hitl_request_mismatch, hitl_terminal_state_immutable, hitl_timeout_fail_closed, hitl_rejected, hitl_approved,
        policy_version_conflict, hitl_deadline_not_extendable, hitl_agent_restricted_escalated,
        security_grant_consumed, security_grant_expired, security_grant_required, security_policy_changed,
        security_outcome_already_reported""",
    422: """
        policy_sensitive_scope_denied, policy_invalid_policy, policy_invalid_request, policy_daily_limit_exceeded,
        policy_category_not_allowed, policy_outside_allowed_hours, policy_max_transaction_exceeded, policy_denied,
        policy_unmatched_denied, policy_evaluation_failed, policy_budget_exceeded""",
    503: """
        security_replay_guard_unavailable, adapter_store_unavailable, adapter_privileged_mutations_paused,
        adapter_signer_unavailable""",
}
STATUS_OF = {code.strip(): status for status, codes in CODES_BY_STATUS.items() for code in codes.split(",")}
