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
from tests.support.outcomes import STATUS_OF

CODES = sorted(STATUS_OF)


def test_the_registry_holds_the_contracts_codes_and_no_other() -> None:
    assert REGISTRY_VERSION == "v2"
    assert set(REGISTRY) == set(STATUS_OF) == {code.value for code in ReasonCode}


# The exceptions that section 1 names.
REMEDIABLE = {
    "security_missing_identity_envelope",
    "security_missing_internal_trust_context",
    "security_internal_trust_context_expired",
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_status_and_the_family_of_its_prefix(code: str) -> None:
    row = describe(code)

    assert (row.code, row.status) == (code, STATUS_OF[code])
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
