"""Tells which AWS principal signed a call, and whether it may assert other people's identities."""

from collections.abc import Iterable


def principal_key(arn: str) -> tuple[str, str, str]:
    """Account, kind and name of a principal: what a role and a session assumed from it have in common.

    A session's ARN (``arn:aws:sts::A:assumed-role/NAME/SESSION``) drops the role's path, so paths do not count;
    IAM keeps names unique within an account without them.
    """
    account, resource = ["", "", *arn.split(":", 5)[4:]][-2:]
    kind, _, name = resource.partition("/")
    if kind == "assumed-role":
        return account, "role", name.split("/")[0]
    return account, kind, name.rpartition("/")[2]


def issuer_keys(arns: Iterable[str]) -> frozenset[tuple[str, str, str]]:
    """The principals of a list of ARNs; blanks are nobody."""
    return frozenset(principal_key(arn.strip()) for arn in arns if arn.strip())
