"""Make users of a stack's user pool, and find what the pool calls them."""

import secrets
import string
from typing import Any, Final

ROLES: Final = {
    "approver": ("agents:manage", "agents:read", "workflow:read:tenant", "workflow:resolve"),
    "auditor": ("agents:read", "workflow:read:tenant"),
}
"""Names scopes that go together, for operators; a record has the scopes alone."""
_PASSWORD_LENGTH: Final = 20


def create_user(pool: Any, pool_id: str, username: str) -> str | None:
    """Make ``username`` a user of the pool, which is a client of Cognito's. Returns the one-time password.

    None where the pool knows them already. Raises ClientError.
    """
    password = one_time_password()
    try:
        pool.admin_create_user(
            UserPoolId=pool_id, Username=username, TemporaryPassword=password, MessageAction="SUPPRESS"
        )
    except pool.exceptions.UsernameExistsException:
        return None
    return password


def subject_of(pool: Any, pool_id: str, username: str) -> str:
    """Give what the pool calls its user ``username`` in tokens. Raises its UserNotFoundException, ClientError."""
    user = pool.admin_get_user(UserPoolId=pool_id, Username=username)
    return next(str(one["Value"]) for one in user["UserAttributes"] if one["Name"] == "sub")


def one_time_password() -> str:
    """Make a password that a user pool takes: some of each kind of character, and 119 bits of chance."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "-_.")
    while True:
        made = "".join(secrets.choice("".join(kinds)) for _ in range(_PASSWORD_LENGTH))
        if all(set(made) & set(kind) for kind in kinds):
            return made
