"""The way to the policy of a stack: its API, as an operator who shows whom the audit is to name."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import UNREACHABLE, answered, fail
from ops.commands.policy_desk import Desk, Proposal

if TYPE_CHECKING:
    from handshake_rail import Handshake
    from ops.local.deployment import Deployment

DECLINED: Final = 4

Agent = Annotated[
    str,
    typer.Option("--agent", show_default=False, help="This agent's own policy; else FILE's scope, or global."),
]
Tenant = Annotated[
    str,
    typer.Option("--tenant", show_default=False, help="This tenant's own policy; with --agent, the agent's in it."),
]
Role = Annotated[
    str, typer.Option("--role", envvar="HANDSHAKE_ROLE", help="ARN of an envelope issuer to act as; else you are one.")
]
Principal = Annotated[
    str, typer.Option(envvar="HANDSHAKE_PRINCIPAL", help="Who the audit says did it; your own AWS identity without it.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@contextmanager
def open_desk(
    stack: str, proposal: Proposal, *, role: str, principal: str = "", for_tools: bool = False
) -> Iterator[Desk]:
    """Yield the API of ``stack``; end the command where it refuses or cannot be reached."""
    from handshake_rail import NO_ANSWER, HandshakeError
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        named = cache(lambda: principal or target.operator())
        with _client(target, stack, role=role, principal=named, for_tools=for_tools) as client:
            try:
                yield Desk(client, proposal.scope, named)
            except HandshakeError as error:
                code = UNREACHABLE if error.reason_code == NO_ANSWER else 1
                fail("; ".join([str(error), *proposal.unknown_keys()]), code=code)
            except ValueError as error:
                fail(str(error))


def _client(target: "Deployment", stack: str, *, role: str, principal: Any, for_tools: bool) -> "Handshake":
    from handshake.trust.token import SUBJECT, TOOLS_SUBJECT, Binding, mint_token
    from handshake_rail import Handshake
    from handshake_rail.signing import SigV4
    from ops.local.signing_edge import OPERATOR

    def mint(body: bytes) -> str:
        now_s, jti, binding = int(time.time()), str(uuid.uuid4()), Binding.to(body, stack)
        return mint_token(
            target.trust_secret(),
            now_s=now_s,
            jti=jti,
            principal_id=principal(),
            binding=binding,
            subject=TOOLS_SUBJECT if for_tools else SUBJECT,
        )

    def envelope() -> Any:
        return OPERATOR | {"principalId": principal()}

    credentials = target.caller(role).get_credentials()
    signed = SigV4(target.region, credentials)
    return Handshake(target.api_url, envelope=envelope, bound_token=mint, auth=signed)
