"""Say who may sign in, as whom and for what: records by (issuer, subject), and the user pool's own users."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from ops.commands.common import AsJson, Commands, Stack, answered, escaped, fail, reach, say
from ops.commands.operate import operator_of
from ops.local.pool_users import ROLES, create_user, subject_of
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.people.change import Grant, Switch
    from handshake.people.standing import Identity, PersonRecord
    from ops.local.deployment import Deployment

Made = TypeVar("Made")

people = Commands(no_args_is_help=True, help="People: who may sign in, as whom, for what, and who may not any more.")

_SCAN_S: Final = 600.0

Person = Annotated[str, typer.Argument(help="Their username in the stack's user pool.")]
BySubject = Annotated[bool, typer.Option("--subject", help="PERSON is what the pool calls them (sub), not a username.")]
Reason = Annotated[str, typer.Option(help="Why, for evidence.")]


@people.command("list")
def list_all(
    tenant: Annotated[str | None, typer.Option(show_default=False, help="Only those of a tenant.")] = None,
    stack: Stack = STACK_NAME,
    as_json: AsJson = False,
) -> None:
    """List the people who have a record, those who are disabled or removed included.

    Ends with 0 where they are listed, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.people.read import list_people

    with reach(stack) as context:
        found = [person for person in list_people(context.within(_SCAN_S)) if tenant in (None, person.tenant_id)]
    if as_json:
        print(json.dumps([_view(person) for person in found]))
    else:
        say("\n".join(map(_in_words, found)) or "nobody has a record")


@people.command()
def add(
    person: Person,
    reason: Reason,
    *,
    role: Annotated[str | None, typer.Option(show_default=False, help=f"{' or '.join(ROLES)}.")] = None,
    scope: Annotated[list[str] | None, typer.Option(show_default=False, help="A scope; as often as wanted.")] = None,
    tenant: Annotated[str | None, typer.Option(show_default=False, help="Their tenant.")] = None,
    principal: Annotated[
        str | None, typer.Option(show_default=False, help="What decisions call them; their username where left out.")
    ] = None,
    by_subject: BySubject = False,
    stack: Stack = STACK_NAME,
) -> None:
    """Let somebody in, or give who has a record another one. Whoever the pool does not know becomes its user.

    A new user's one-time password is printed, once. Somebody who came through an identity provider is known to the pool
    once they have signed in, by a username such as Okta_alice.

    Ends with 0 where they have the record, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.people.change import checked_grant

    if role is not None and role not in ROLES:
        fail(f"--role is {' or '.join(ROLES)}", code=2)
    scopes = (*(ROLES[role] if role else ()), *(scope or ()))
    with answered():
        target = _target(stack)
        grant = _checked(lambda: checked_grant(principal or person, tenant, scopes, reason))
        pool_id = target.outputs["UserPoolId"]
        password = None if by_subject else create_user(target.client("cognito-idp"), pool_id, person)
        record = _change(target, grant, _identity(target, person, by_subject=by_subject))
    say(_in_words(record))
    if password:
        say(f"  one-time password of {escaped(person)}: {password}")


@people.command()
def disable(person: Person, reason: Reason, *, by_subject: BySubject = False, stack: Stack = STACK_NAME) -> None:
    """Keep somebody out from their next call on, whatever token they still hold.

    Ends with 0 where they are disabled, 1 where they have no record or AWS refuses, 69 where the stack cannot be
    reached.
    """
    _switch(person, "disabled", reason, stack, by_subject=by_subject)


@people.command()
def enable(person: Person, reason: Reason, *, by_subject: BySubject = False, stack: Stack = STACK_NAME) -> None:
    """Let somebody who was disabled in again, by the record that they had.

    Ends with 0 where they are enabled, 1 where they have no record or AWS refuses, 69 where the stack cannot be
    reached.
    """
    _switch(person, "active", reason, stack, by_subject=by_subject)


@people.command()
def remove(person: Person, reason: Reason, *, by_subject: BySubject = False, stack: Stack = STACK_NAME) -> None:
    """Take somebody's record away; its evidence stays, and so does the pool's user, who is nobody here then.

    Ends with 0 where it is removed, 1 where they have no record or AWS refuses, 69 where the stack cannot be reached.
    """
    _switch(person, "removed", reason, stack, by_subject=by_subject)


def _switch(person: str, state: str, reason: str, stack: str, *, by_subject: bool) -> None:
    from handshake.people.change import Switch, checked_reason
    from handshake.people.standing import PersonState

    with answered():
        target = _target(stack)
        switch = _checked(lambda: Switch(PersonState(state), checked_reason(reason)))
        record = _change(target, switch, _identity(target, person, by_subject=by_subject))
    say(_in_words(record))


def _target(stack: str) -> "Deployment":
    from ops.local import deployment

    target = deployment.find(stack)
    if "UserPoolId" not in target.outputs:
        fail(f"{stack} has no sign-in for people: deploy it with PeopleSignIn=true")
    return target


def _identity(target: "Deployment", person: str, *, by_subject: bool) -> "Identity":
    """Name a person as the pool does. Fails where it has no such user."""
    from handshake.people.change import checked_identity

    pool_id = target.outputs["UserPoolId"]
    subject = person
    if not by_subject:
        pool: Any = target.client("cognito-idp")
        try:
            subject = subject_of(pool, pool_id, person)
        except pool.exceptions.UserNotFoundException:
            fail(f"the user pool has no user {escaped(person)}; by --subject a record is found without it")
    issuer = target.outputs["PoolIssuer"]
    return _checked(lambda: checked_identity(issuer, subject))


def _change(target: "Deployment", change: "Grant | Switch", identity: "Identity") -> "PersonRecord":
    from handshake.people.change_person import change_person

    return _checked(lambda: change_person(target.context(), change, identity, by=operator_of(target)))


def _checked(make: Callable[[], Made]) -> Made:
    """Give what ``make`` makes, and fail in its words where it refuses."""
    from handshake.core.errors import HandshakeError, StoreUnavailableError

    try:
        return make()
    except StoreUnavailableError:
        raise
    except HandshakeError as refused:
        fail(refused.refusal.message)


def _view(person: "PersonRecord") -> dict[str, Any]:
    return {
        "issuer": person.identity.issuer,
        "subject": person.identity.subject,
        "principalId": person.principal_id,
        "tenantId": person.tenant_id,
        "scopes": list(person.scopes),
        "state": person.state.value,
        "reason": person.reason,
        "changedAt": person.changed_at_ms,
        "changedBy": person.changed_by,
    }


def _in_words(person: "PersonRecord") -> str:
    """Say who somebody is here: a line of its own for who it is, and those below it indented."""
    tenant = f"of tenant {escaped(person.tenant_id)}" if person.tenant_id is not None else "of no tenant"
    since = datetime.fromtimestamp(person.changed_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [
        f"{escaped(person.principal_id)} {tenant}: {person.state}",
        f"  may {', '.join(person.scopes) or 'see and decide their own requests only'}",
        f"  since {since} by {escaped(person.changed_by)}: {escaped(person.reason)}",
        f"  {escaped(person.identity.subject)} at {escaped(person.identity.issuer)}",
    ]
    return "\n".join(lines)
