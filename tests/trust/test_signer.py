"""Tests who signed a call."""

import pytest

from handshake.trust.signer import issuer_keys, principal_key

ROLE = "arn:aws:iam::111111111111:role/edge/handshake-edge"


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
    assert principal_key(signer) in issuer_keys([ROLE])


@pytest.mark.parametrize(
    "signer",
    [
        "",
        "handshake-edge",
        "arn:aws:sts::222222222222:assumed-role/handshake-edge/session",
        "arn:aws:sts::111111111111:assumed-role/handshake-edge-2/session",
        "arn:aws:sts::111111111111:assumed-role/other/handshake-edge",
        "arn:aws:sts::111111111111:federated-user/handshake-edge",
        "arn:aws:iam::111111111111:user/handshake-edge",
        "arn:aws:iam::111111111111:user/edge/handshake-edge",
        "arn:aws:iam::111111111111:root",
        "arn:aws:sts::111111111111:assumed-role/",
        "arn:aws:sts::111111111111:assumed-role/other/session:role/handshake-edge",
    ],
)
def test_nobody_else_is_that_principal(signer: str) -> None:
    assert principal_key(signer) not in issuer_keys([ROLE])


@pytest.mark.parametrize("arns", [[], [""], [" ", "\n"]])
def test_no_issuers_believe_nobody_not_even_an_unnamed_signer(arns: list[str]) -> None:
    assert principal_key("") not in issuer_keys(arns)
    assert not issuer_keys(arns)


def test_a_user_is_an_issuer_by_name_whatever_its_path() -> None:
    assert principal_key("arn:aws:iam::111111111111:user/people/ann") in issuer_keys(
        [" arn:aws:iam::111111111111:user/ann "]
    )
