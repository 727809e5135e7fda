"""Tells which AWS principal signed a call, and whether it may assert other people's identities."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

_SIGNERS_REMEMBERED: Final = 256


class Role(NamedTuple):
    """A role, by what its own ARN and those of the sessions assumed from it have in common.

    A session's ARN (``arn:aws:sts::A:assumed-role/NAME/SESSION``) drops the role's path, so paths do not count; IAM
    keeps names unique within an account without them.
    """

    account: str
    name: str


@lru_cache(_SIGNERS_REMEMBERED)
def role_of(arn: str) -> Role | None:
    """Give the role that ``arn`` is of, itself or a session of it; None for what is no role, blank text included."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    account, (kind, *path) = parts[4], parts[5].split("/")
    match parts[2], kind, path:
        case "iam", "role", [*_, name]:
            pass
        case "sts", "assumed-role", [name, _, *_]:
            pass
        case _:
            return None
    return Role(account, name) if account and name else None


def issuer_roles(arns: Iterable[str]) -> frozenset[Role]:
    """Give the roles of a list of ARNs; blanks are nobody. Raises ValueError for an entry that is no role's ARN."""
    given = [arn.strip() for arn in arns if arn.strip()]
    roles = [role_of(arn) for arn in given if ":role/" in arn]
    if len(roles) != len(given) or None in roles:
        raise ValueError(f"an envelope issuer is named by its role's ARN, and not all of these are: {', '.join(given)}")
    return frozenset(role for role in roles if role)


@lru_cache(_SIGNERS_REMEMBERED)
def signer_arn(arn: str) -> str:
    """Give the ARN that evidence and logs name a signer by: of a session its role, for its own name may be a person's.

    What is no role, an IAM user say, is named as it is.
    """
    role = role_of(arn)
    if role is None or ":role/" in arn:
        return arn
    return f"arn:{arn.split(':')[1]}:iam::{role.account}:role/{role.name}"
