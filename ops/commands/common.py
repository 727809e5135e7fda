"""Share among commands their options, how they fail, and the way to a stack's stored data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from ops.local import deployment

Stack = Annotated[
    str,
    typer.Option(envvar="HANDSHAKE_STACK", help="A CloudFormation stack; handshake-local is the one make run runs."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with ``message`` on standard error and exit code ``code``."""
    Console(stderr=True).print(Text("error:", style="red"), message, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def escaped(text: str) -> str:
    """Escape what a terminal does not print; callers choose ids, and whoever writes the tables chooses everything."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@contextmanager
def reach(stack: str) -> Iterator[Context]:
    """Yield what the service's use cases need on that stack's tables; fail where these cannot be reached."""
    try:
        yield deployment.find(stack).context()
    except (deployment.NoDeploymentError, StoreUnavailableError) as error:
        fail(str(error))
