"""The registry of reason codes, against the contract's table and words."""

import pytest

from handshake.core.errors import (
    HandshakeError,
    Refusal,
    ReplayGuardUnavailableError,
    StoreUnavailableError,
    refusal_of,
)
from handshake.core.reasons import FAMILIES, REGISTRY, REGISTRY_VERSION, SECURITY_DENIALS, ReasonCode, describe

TABLE = {
    400: """trust_context_invalid_request_shape, trust_context_missing_binding, trust_context_invalid_timestamp,
        trust_context_timestamp_skew_fail_closed, policy_allow""",
    401: """security_missing_identity_envelope, security_invalid_identity_envelope,
        security_identity_envelope_required, security_missing_internal_trust_context,
        security_invalid_internal_trust_context, security_internal_trust_context_expired,
        security_internal_trust_config_missing, security_missing_authorization_header,
        security_identity_claim_missing, security_token_invalid, security_identity_provider_not_configured""",
    403: """security_handshake_required_bypass_denied, security_side_channel_denied,
        security_escalation_flood_throttled, security_missing_decision_artifact, security_non_allow_artifact,
        security_artifact_authorized, security_identity_subject_mismatch, security_read_scope_denied,
        security_read_tenant_mismatch, hitl_approval_unauthorized, security_agent_stopped, security_scope_missing,
        security_identity_assurance_insufficient, security_person_unknown, security_person_disabled,
        security_grant_unauthorized""",
    404: """security_artifact_request_not_found, hitl_request_not_found, policy_version_not_found,
        security_agent_not_found, security_grant_not_found""",
    409: """security_decision_context_mismatch, security_artifact_state_not_authorized, security_grant_required,
        security_replay_detected, hitl_sensitive_ambiguous_escalated, hitl_boundary_escalated, hitl_request_mismatch,
        hitl_terminal_state_immutable, hitl_timeout_fail_closed, hitl_rejected, hitl_approved,
        policy_version_conflict, hitl_agent_restricted_escalated, hitl_deadline_not_extendable,
        security_grant_consumed, security_grant_expired, security_policy_changed,
        security_outcome_already_reported, hitl_policy_escalated, hitl_budget_escalated""",
    422: """policy_sensitive_scope_denied, policy_invalid_policy, policy_invalid_request,
        policy_daily_limit_exceeded, policy_category_not_allowed, policy_outside_allowed_hours,
        policy_max_transaction_exceeded, policy_denied, policy_evaluation_failed, policy_unmatched_denied,
        policy_budget_exceeded""",
    503: """security_replay_guard_unavailable, adapter_store_unavailable,
        adapter_privileged_mutations_paused, adapter_signer_unavailable""",
}
STATUS = {code.strip(): status for status, codes in TABLE.items() for code in codes.split(",")}
CODES = sorted(STATUS)


def test_the_registry_holds_the_contracts_codes_and_no_other() -> None:
    assert REGISTRY_VERSION == "v2"
    assert set(REGISTRY) == set(STATUS) == {code.value for code in ReasonCode}


# The exceptions that section 1 names.
REMEDIABLE = {
    "security_missing_identity_envelope",
    "security_missing_internal_trust_context",
    "security_internal_trust_context_expired",
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_status_and_the_family_of_its_prefix(code: str) -> None:
    row = describe(code)

    assert (row.code, row.status) == (code, STATUS[code])
    assert row.family in FAMILIES
    assert code.startswith(f"{row.family}_")


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_the_class_that_the_contract_names(code: str) -> None:
    told = describe(code).response_class

    if code in {"policy_allow", "hitl_approved", "security_artifact_authorized"}:
        assert told == "ok"
    elif code.startswith("adapter_") or (code.startswith("hitl_") and code.endswith("_escalated")):
        assert told == "retryable"
    else:
        assert told == "blocked"


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_the_retry_advice_that_the_contract_names(code: str) -> None:
    told = describe(code).retry

    if code in REMEDIABLE:
        assert told == "retry_after_remediation"
    elif code.startswith(("security_", "hitl_terminal_state_")) or code == "hitl_deadline_not_extendable":
        assert told == "do_not_retry"
    elif code.startswith("adapter_"):
        assert told == "retry_with_backoff"
    else:
        assert told == "retry_after_remediation"


@pytest.mark.parametrize("code", ["", "nonsense", "security", "POLICY_ALLOW", "policy_allow ", "trust_context"])
def test_a_code_of_no_registry_is_unknown_and_never_retried(code: str) -> None:
    row = describe(code)

    assert (row.code, row.family, row.status, row.response_class, row.retry) == (
        code,
        "unknown",
        500,
        "unknown",
        "do_not_retry",
    )
    assert code not in SECURITY_DENIALS


def test_every_security_code_is_a_security_denial_but_the_authorized_one_and_what_operators_have_stopped() -> None:
    denials = {code for code in CODES if code in SECURITY_DENIALS}
    others = {"security_artifact_authorized", "security_agent_stopped"}

    assert denials == {code for code in CODES if code.startswith("security_")} - others


def test_errors_carry_the_registrys_row_and_nothing_that_was_not_given() -> None:
    plain = HandshakeError(ReasonCode.POLICY_DENIED, "No.")

    assert plain.refusal.reason is REGISTRY["policy_denied"]
    assert plain.refusal == Refusal(REGISTRY["policy_denied"], "No.", {}, None, denies=False)
    assert str(plain) == "No."
    assert StoreUnavailableError().refusal.reason.code == "adapter_store_unavailable"
    assert ReplayGuardUnavailableError().refusal.reason.code == "security_replay_guard_unavailable"


def test_what_is_said_where_a_guard_cannot_be_consulted_is_the_registrys_advice() -> None:
    refusal = ReplayGuardUnavailableError().refusal

    assert "Do not retry" in refusal.message
    assert "same key" not in refusal.message
    assert describe(refusal.reason.code).retry == "do_not_retry"


def test_a_refusal_that_is_raised_is_the_refusal_that_is_caught() -> None:
    refusal = refusal_of(ReasonCode.POLICY_DENIED, "No.", fields={"allowed": False}, request_id="req-1", denies=True)

    assert HandshakeError.of(refusal).refusal == refusal
    assert str(HandshakeError.of(refusal)) == "No."
