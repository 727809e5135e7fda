"""ops approvals: list, show and decide what waits for a person, through the stack's API and as that person."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from ops.commands.common import UNREACHABLE, AsJson, Commands, Stack, answered, console, escaped, fail, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake_rail import Handshake, models
    from ops.local.deployment import Deployment

DECLINED: Final = 4
PAGE: Final = 100

approvals = Commands(
    no_args_is_help=True,
    help="What waits for a person, and what was decided. Each command acts as one person: --principal, and with"
    " --tenant whoever resolves for that tenant. Evidence names them."
    f" Ends with 0 when done, 1 when refused, 2 for a wrong command line, {DECLINED} when an approval is declined,"
    f" {UNREACHABLE} when the stack cannot be reached.",
)

RequestId = Annotated[str, typer.Argument(metavar="ID", help="The request, as the list names it.")]
Principal = Annotated[
    str, typer.Option(envvar="HANDSHAKE_PRINCIPAL", help="Who decides; your own AWS identity without it.")
]
Tenant = Annotated[str, typer.Option(envvar="HANDSHAKE_TENANT", help="The tenant whose escalations you resolve.")]
Role = Annotated[
    str, typer.Option("--role", envvar="HANDSHAKE_ROLE", help="ARN of an envelope issuer to act as; else you are one.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, in your own words; evidence keeps it, word for word.")]


class Person(NamedTuple):
    """Names on whose behalf a command acts; ``principal`` is "" for the operator's own AWS identity."""

    stack: str
    principal: str
    tenant: str
    role: str


@approvals.command("list")
def list_waiting(
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """List what waits for this person, soonest deadline first."""
    rooms: list[models.Room] = []
    with desk(Person(stack, principal, tenant, role)) as client:
        cursor = None
        while True:
            page = client.list_decision_rooms(limit=PAGE, cursor=cursor)
            rooms += page["requests"]
            cursor = page.get("nextCursor")
            if not cursor:
                break
    if as_json:
        print(json.dumps(rooms))
    elif rooms:
        _print_table(rooms)
    else:
        say("nothing waits for this person")


@approvals.command()
def show(
    request_id: RequestId,
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """Show one request: what is asked, by whom, why a person has to decide, until when."""
    with desk(Person(stack, principal, tenant, role)) as client:
        room = client.get_decision_room(request_id)
    if as_json:
        print(json.dumps(room))
        return
    _print_room(room)


@approvals.command()
def approve(
    request_id: RequestId,
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    reason: Why = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not show it and ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a request, once you have seen what it asks."""
    if as_json and not yes:
        fail("--json asks nothing: add --yes")
    with desk(Person(stack, principal, tenant, role)) as client:
        if not yes:
            _print_room(client.get_decision_room(request_id))
            if not typer.confirm("approve it?", err=True):
                raise typer.Exit(DECLINED)
        done = client.resolve_request(_action(request_id, "approve", reason), idempotency_key=str(uuid.uuid4()))
    _tell(done, "approved", as_json=as_json)


@approvals.command()
def reject(
    request_id: RequestId,
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Reject a request, for good."""
    with desk(Person(stack, principal, tenant, role)) as client:
        done = client.resolve_request(_action(request_id, "reject", reason), idempotency_key=str(uuid.uuid4()))
    _tell(done, "rejected", as_json=as_json)


@approvals.command()
def extend(
    request_id: RequestId,
    seconds: Annotated[int, typer.Option(min=60, max=86_400, help="Added to the deadline that it has.")],
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Give a request more time: three times at most. Goes on while mutations are paused."""
    body: models.Extension = {"requestId": request_id, "seconds": seconds}
    if reason:
        body["reason"] = reason
    with desk(Person(stack, principal, tenant, role)) as client:
        done = client.extend_deadline(body, idempotency_key=str(uuid.uuid4()))
    left = done["extensionsLeft"]
    _tell(done, f"waits until {utc(done['expiresAt'])}, and can be extended {left} times more", as_json=as_json)


@approvals.command()
def revoke(
    request_id: RequestId,
    reason: Why,
    *,
    stack: Stack = STACK_NAME,
    principal: Principal = "",
    tenant: Tenant = "",
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """Take back what was allowed or approved, before it is claimed. Goes on while mutations are paused."""
    with desk(Person(stack, principal, tenant, role)) as client:
        done = client.revoke_request({"requestId": request_id, "reason": reason})
    _tell(done, f"authorizes nothing since {utc(done['revokedAt'])}", as_json=as_json)


def _action(request_id: str, action: Any, reason: str) -> "models.DecisionAction":
    body: models.DecisionAction = {"requestId": request_id, "action": action}
    if reason:
        body["reason"] = reason
    return body


def _tell(done: Mapping[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done))
    else:
        say(f"{escaped(done['requestId'])} {what}")


@contextmanager
def desk(person: Person) -> "Iterator[Handshake]":
    """Yield the API as ``person`` calls it; end the command where it refuses or cannot be reached."""
    from handshake_rail import NO_ANSWER, HandshakeError
    from ops.local import deployment

    with answered(), client_of(deployment.find(person.stack), person) as client:
        try:
            yield client
        except HandshakeError as error:
            fail(str(error), code=UNREACHABLE if error.reason_code == NO_ANSWER else 1)


def client_of(target: "Deployment", person: Person) -> "Handshake":
    """Make the client that calls ``target`` as ``person``."""
    from handshake_rail import Handshake
    from handshake_rail.signing import SigV4

    named = cache(lambda: person.principal or target.operator())
    signed = SigV4(target.region, target.caller(person.role).get_credentials())
    return Handshake(target.api_url, envelope=lambda: envelope_of(named(), person.tenant), auth=signed)


def envelope_of(principal: str, tenant: str) -> Any:
    """Give the envelope of a person who decides, with ``tenant`` for all of that tenant."""
    person: dict[str, Any] = {"principalId": principal, "subjectType": "human", "roles": [], "scopes": []}
    resolver = {"tenantId": tenant, "scopes": ["workflow:read:tenant", "workflow:resolve"]}
    return person | (resolver if tenant else {})


def _print_table(rooms: "list[models.Room]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    table = Table(
        Column("request", overflow="fold", ratio=3),
        Column("agent", overflow="fold", ratio=2),
        Column("what", overflow="fold", ratio=3),
        Column("tier", no_wrap=True),
        Column("left", no_wrap=True),
        box=SIMPLE_HEAD,
        expand=True,
    )
    for room in rooms:
        named = (room["requestId"], room["agentId"], _what(room), room["riskTier"], _left(room))
        table.add_row(*map(escaped, named))
    console().print(table)


def _print_room(room: "models.Room") -> None:
    from rich.text import Text

    lines = {
        "request": room["requestId"],
        "state": room["state"],
        "agent": room["agentId"],
        "for": room["principalId"],
        "what": _what(room),
        "tier": room["riskTier"],
        "because": room["artifact"]["reasonCode"],
    }
    if "argumentsErasedAt" in room:
        lines["erased"] = utc(room["argumentsErasedAt"])
    if crossed := room.get("escalatedBy"):
        lines["crossed"] = f"{crossed['rule']}: {json.dumps(crossed['value'])}, limit {json.dumps(crossed['limit'])}"
    if "expiresAt" in room:
        lines["until"] = f"{utc(room['expiresAt'])}, {_left(room)} left"
    if "revokedAt" in room:
        lines["revoked"] = utc(room["revokedAt"])
    lines["digest"] = room["actionDigest"]
    say("\n".join(f"{name:8} {escaped(str(value))}" for name, value in lines.items()))
    if "canonicalAction" in room:
        # To the letter, payee and all, so it is not wrapped: what is approved is this text, and its digest binds it.
        say(Text(f"{'text':8} {escaped(room['canonicalAction'])}"))


def _what(room: "models.Room") -> str:
    amount = f" {json.dumps(room['amount'])} {room.get('category', '')}".rstrip() if "amount" in room else ""
    operation = f" {room['action']['operation']}" if "action" in room else ""
    return f"{room['actionType']}{operation}{amount} {room['payloadRef']}"


def _left(room: "models.Room") -> str:
    from handshake.incidents.notification import duration

    left_ms = room.get("expiresAt", 0) - time.time_ns() // 1_000_000
    return duration(left_ms) if left_ms > 0 else "none"


def utc(at_ms: int) -> str:
    """Give a time, epoch ms, as people read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms / 1000))
