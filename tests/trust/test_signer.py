"""Tests who signed a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.trust.signer import issuer_roles, role_of, signer_arn

ROLE = "arn:aws:iam::111111111111:role/edge/handshake-edge"
SESSION = "arn:aws:sts::111111111111:assumed-role/handshake-edge/ana@example.org"


@pytest.mark.parametrize(
    "signer",
    [
        "arn:aws:sts::111111111111:assumed-role/handshake-edge/session",
        "arn:aws:sts::111111111111:assumed-role/handshake-edge/session/with/slashes",
        "arn:aws-cn:sts::111111111111:assumed-role/handshake-edge/session",
        ROLE,
    ],
)
def test_a_role_and_the_sessions_assumed_from_it_are_one_principal(signer: str) -> None:
    assert role_of(signer) in issuer_roles([ROLE])


@pytest.mark.parametrize(
    "signer",
    [
        "",
        " ",
        "handshake-edge",
        "arn:aws:iam::111111111111:role/",
        "arn:aws:iam:::role/handshake-edge",
        "arn:aws:sts::222222222222:assumed-role/handshake-edge/session",
        "arn:aws:sts::111111111111:assumed-role/handshake-edge-2/session",
        "arn:aws:sts::111111111111:assumed-role/handshake-edge",
        "arn:aws:sts::111111111111:assumed-role/other/handshake-edge",
        "arn:aws:sts::111111111111:federated-user/handshake-edge",
        "arn:aws:s3::111111111111:role/handshake-edge",
        "arn:aws:iam::111111111111:user/handshake-edge",
        "arn:aws:iam::111111111111:user/edge/handshake-edge",
        "arn:aws:iam::111111111111:root",
        "arn:aws:sts::111111111111:assumed-role/",
        "arn:aws:sts::111111111111:assumed-role/other/session:role/handshake-edge",
    ],
)
def test_nobody_else_is_that_principal(signer: str) -> None:
    assert role_of(signer) not in issuer_roles([ROLE])


@pytest.mark.parametrize("arns", [[], [""], [" ", "\n"]])
def test_no_issuers_believe_nobody_not_even_an_unnamed_signer(arns: list[str]) -> None:
    assert issuer_roles(arns) == frozenset()
    assert role_of("") is None


@pytest.mark.parametrize(
    "entry",
    ["handshake-edge", "*", "arn", "arn:aws:iam::111111111111:user/ann", SESSION, "arn:aws:iam::111111111111:role/"],
)
def test_an_entry_that_is_no_roles_arn_is_refused(entry: str) -> None:
    """It would be believed, or name nobody: ``handshake-edge`` used to be the key of a call that nobody signed."""
    with pytest.raises(ValueError, match="an envelope issuer is named by its role's ARN"):
        issuer_roles([ROLE, entry])


@given(entries=st.lists(st.text(max_size=20) | st.just(ROLE), max_size=3), signer=st.text(max_size=20))
def test_whoever_is_no_role_matches_no_list_whatever_it_holds(entries: list[str], signer: str) -> None:
    try:
        believed = issuer_roles(entries)
    except ValueError:
        return

    assert role_of(signer) not in believed


def test_evidence_and_logs_name_a_role_and_not_its_session() -> None:
    assert signer_arn(SESSION) == "arn:aws:iam::111111111111:role/handshake-edge"
    assert signer_arn("arn:aws-cn:sts::111111111111:assumed-role/r/s") == "arn:aws-cn:iam::111111111111:role/r"
    for unchanged in (ROLE, "arn:aws:iam::111111111111:user/ann", ""):
        assert signer_arn(unchanged) == unchanged
