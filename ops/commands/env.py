"""python -m ops env: print the lines that set up a responder's shell."""

import shlex
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops.commands.common import Stack, fail, reach
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from ops.local.deployment import Deployment

_BEFORE_MS: Final = 15 * 60 * 1000
_HOUR_MS: Final = 60 * 60 * 1000
_LOCAL: Final = {"HANDSHAKE_URL": "http://127.0.0.1:3000", "HANDSHAKE_EDGE_HEADER": "/dev/null"}


def env(
    stack: Stack = STACK_NAME,
    incident_id: Annotated[
        str,
        typer.Option("--incident", metavar="ID", help="Whose time it is about; the newest open incident's without it."),
    ] = "",
) -> None:
    """Print the lines that runbooks want exported: eval "$(python -m ops env)".

    SINCE, where log queries begin (epoch ms), is a quarter of an hour before the incident, or an hour ago where none is
    open. For the local stack there are also the endpoint and the key of its AWS, so that `aws` lines work as typed.

    Ends with 0, with 1 where there is no such incident or AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.incidents import table as store
    from ops.local import deployment

    with reach(stack) as context:
        incidents = store.read_all(context.dynamo, context.tables.runtime_kv)
        about = [one for one in incidents if (one.id == incident_id if incident_id else one.state == "open")]
    if incident_id and not about:
        fail(f"there is no incident {incident_id}; python -m ops incidents lists them")
    opened = max((one.opened_at_ms for one in about), default=None)
    now_ms = time.time_ns() // 1_000_000
    since = now_ms - _HOUR_MS if opened is None else opened - _BEFORE_MS
    lines = {"HANDSHAKE_STACK": stack, "SINCE": str(since)}
    if stack == STACK_NAME:
        lines |= _LOCAL | _aws(deployment.find(stack))
    for name, value in lines.items():
        print(f"export {name}={shlex.quote(value)}")


def _aws(target: "Deployment") -> dict[str, str]:
    """Return what AWS's own command line needs to reach the local stack."""
    key = target.session.get_credentials()
    if key is None:
        fail("there are no AWS credentials for the local stack")
    return {
        "AWS_ENDPOINT_URL": str(target.client("cloudformation").meta.endpoint_url),
        "AWS_REGION": target.region,
        "AWS_DEFAULT_REGION": target.region,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
    }
