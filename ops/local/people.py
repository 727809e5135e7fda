"""Two people to sign in as, on the stack of toy data that runs on this machine."""

from dataclasses import dataclass
from typing import Final

from handshake.people.change import Grant
from handshake.people.change_person import change_person
from handshake.people.standing import Identity
from ops.local.pool_users import ROLES, create_user, subject_of
from ops.local.stack import LocalStack

TENANT: Final = "acme"
_NAMES: Final = {"approver": "ada", "auditor": "otto"}


@dataclass(frozen=True)
class LocalPerson:
    """Somebody who can sign in on this machine, once with ``password``, and then with one of their own."""

    role: str
    tenant: str
    username: str
    password: str


def add_people(stack: LocalStack) -> list[LocalPerson]:
    """Let an approver and an auditor in on the local stack, whose pool is new and knows nobody."""
    pool, pool_id = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
    made = []
    for role, username in _NAMES.items():
        password = create_user(pool, pool_id, username)
        if password is None:
            continue
        identity = Identity(stack.outputs["PoolIssuer"], subject_of(pool, pool_id, username))
        grant = Grant(username, TENANT, tuple(sorted(ROLES[role])), "to try the stack on this machine")
        change_person(stack.context(), grant, identity, by="local stack")
        made.append(LocalPerson(role, TENANT, username, password))
    return made
