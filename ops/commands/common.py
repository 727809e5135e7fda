"""Share among commands their options, how they print and fail, and the way to a stack's stored data."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from handshake.dynamo.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])

UNREACHABLE: Final = 69
"""The exit code of every command where the stack, AWS or the API cannot be reached."""

Stack = Annotated[
    str,
    typer.Option(envvar="HANDSHAKE_STACK", help="A CloudFormation stack; handshake-local is the one make run runs."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Command(TyperCommand):
    """A command that takes no empty flag and no empty argument: a variable that was never set must not mean "all"."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See typer.core.TyperCommand. ``ctx`` is a context of the click that typer brings with it."""
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            source = ctx.get_parameter_source(parameter.name)
            given = source is not None and source.name == "COMMANDLINE"
            value = ctx.params.get(parameter.name or "")
            if given and any(not str(one).strip() for one in (value if isinstance(value, (list, tuple)) else [value])):
                hint = "/".join(parameter.opts)
                raise typer.BadParameter("it is empty; leave it out, or say what it is", ctx=ctx, param_hint=hint)
        return rest


class Commands(typer.Typer):
    """A group of commands, each a ``Command``."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """See typer.Typer."""
        return super().command(name, **{"cls": Command, **options})


def console(*, stderr: bool = False, width: int | None = None) -> "Console":
    """Make the console that all commands print with. It prints text as it is: no id is taken for markup."""
    from rich.console import Console

    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def say(text: "str | Text", *, stderr: bool = False, style: str | None = None) -> None:
    """Print ``text``, wrapped at words to the terminal's width, or 80 columns where there is no terminal."""
    out = console(stderr=stderr)
    if isinstance(text, str):
        text = "\n".join(_wrapped(line, out.width) for line in text.split("\n"))
    out.print(text, style=style, soft_wrap=True)


def _wrapped(line: str, width: int) -> str:
    """Wrap at words alone, further lines indented: an id or a path that is broken cannot be copied."""
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def fail(message: str, *, code: int = 1) -> NoReturn:
    """End the command with ``message``, in one line, on standard error and exit code ``code``."""
    from rich.text import Text

    console(stderr=True).print(Text("error:", style="red"), message, soft_wrap=True)
    raise typer.Exit(code)


def escaped(text: str) -> str:
    """Escape what a terminal does not print; callers choose ids, and whoever writes the tables chooses everything."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@contextmanager
def answered() -> Iterator[None]:
    """End the command in words where the stack cannot be reached, or AWS refuses."""
    try:
        yield
    except Exception as error:
        code = failure_code(error)
        if code is None:
            raise
        fail(str(error), code=code)


def failure_code(error: Exception) -> int | None:
    """Return UNREACHABLE, or 1 for what AWS refused. None for any other error."""
    from botocore.exceptions import BotoCoreError, ClientError

    from handshake.core.errors import StoreUnavailableError
    from ops.local.deployment import NoDeploymentError
    from ops.local.edge_client import UnreachableError

    match error:
        case NoDeploymentError() | StoreUnavailableError() | BotoCoreError() | UnreachableError():
            return UNREACHABLE
        case ClientError():
            return 1
        case _:
            return None


@contextmanager
def reach(stack: str) -> Iterator["Context"]:
    """Yield what the service's use cases need on that stack's tables; fail where these cannot be reached."""
    from ops.local import deployment

    with answered():
        yield deployment.find(stack).context()
