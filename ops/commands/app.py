"""Run Handshake here, talk to it, replay recorded actions against it: `python -m ops`."""

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.progress import Progress

from ops.commands import operate
from ops.commands.common import fail
from ops.commands.cost import cost
from ops.commands.drill import drill
from ops.commands.env import env
from ops.commands.incidents import incidents
from ops.commands.metrics import metrics
from ops.commands.migrate import migrate
from ops.commands.policy import policy
from ops.commands.rehearse import rehearse
from ops.commands.rollback import rollback
from ops.commands.rotate import rotate
from ops.commands.status import status
from ops.commands.throttle import throttle
from ops.commands.watch import watch
from ops.local import deployment
from ops.local.edge_client import Client, UnreachableError
from ops.local.edge_rules import OPEN, Access
from ops.local.settings import LOCAL_TRUST_SECRET, ROOT
from ops.local.signing_edge import OPERATOR, SigningEdge, Upstream, kept_token

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)
token = typer.Typer(no_args_is_help=True, help="Trust tokens for privileged policy changes.")
app.add_typer(token, name="token")
app.add_typer(operate.evidence, name="evidence")
app.add_typer(metrics, name="metrics")
app.add_typer(policy, name="policy")
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(operate.pause, operate.resume, operate.retention, operate.pseudonym, operate.dashboard),
    *(cost, drill, env, incidents, migrate, rehearse, rollback, rotate, status, throttle, watch),
)
for _command in _COMMANDS:
    app.command()(_command)

console: Final = Console()
_OPERATOR: Final = json.dumps(OPERATOR)
_INTERRUPTED: Final = 130

Port = Annotated[int, typer.Option(envvar="PORT", help="Loopback port of the signing edge.")]
BaseUrl = Annotated[str, typer.Option(envvar="HANDSHAKE_URL", help="Where a signing edge listens.")]
Envelope = Annotated[
    str,
    typer.Option(envvar="HANDSHAKE_ENVELOPE", help="Identity envelope (JSON) for calls that need one and have none."),
]
HeaderFile = Annotated[
    Path | None,
    typer.Option(
        envvar="HANDSHAKE_EDGE_HEADER", help="File with the header line that `ops edge` asks for; it says where it is."
    ),
]
Secret = Annotated[
    str, typer.Option(envvar="INTERNAL_TRUST_SHARED_SECRET", show_envvar=True, show_default=False, help="Trust secret.")
]


@app.command()
def up(
    port: Port = 3000,
    envelope: Envelope = _OPERATOR,
    secret: Secret = LOCAL_TRUST_SECRET,
    tour: Annotated[bool, typer.Option(help="Show what the API decides once it is up.")] = True,
) -> None:
    """Run the whole service on this machine until interrupted."""
    from ops.local.commands import CommandFailedError
    from ops.local.stack import LocalStack

    started = time.monotonic()
    server, operator = _edge(port), _envelope(envelope)
    try:
        with (
            _interruptible(),
            server,
            LocalStack(trust_secret=secret or LOCAL_TRUST_SECRET, step=_step) as stack,
            deployment.running_here(stack.endpoint_url),
        ):
            upstream = Upstream(stack.api_url, credentials=stack.issuer, region=stack.region)
            server.start(upstream, access=OPEN, envelope=operator)
            if tour:
                _tour(server.url, secret=stack.trust_secret, operator=operator["principalId"])
            took = time.monotonic() - started
            console.print(f"[dim]up in {took:.1f} s; logs in {stack.logs.relative_to(ROOT)}; Ctrl-C ends it[/]")
            _ready(server)
    except CommandFailedError as error:
        fail(str(error))


@app.command()
def edge(
    api_url: Annotated[str, typer.Option(envvar="HANDSHAKE_API_URL", help="The stack's output ApiUrl.")],
    region: Annotated[str, typer.Option(envvar="AWS_REGION", help="The API's region.")],
    port: Port = 3000,
    envelope: Envelope = _OPERATOR,
    accept_envelopes: Annotated[
        bool, typer.Option("--accept-envelopes", help="Pass on envelopes that callers bring, whoever they name.")
    ] = False,
) -> None:
    """Sign requests to a deployed stack with your own AWS credentials, for whoever has this start's token.

    The token is in a file that only you can read: `curl -H @FILE URL` sends it.
    """
    import botocore.session

    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        fail("no AWS credentials; set AWS_PROFILE or sign in first")
    operator = _envelope(envelope)
    with _interruptible(), _edge(port) as server, kept_token(server.server_port) as (secret, file):
        upstream = Upstream(api_url, credentials=credentials, region=region)
        server.start(upstream, access=Access(secret, callers_envelopes=accept_envelopes), envelope=operator)
        print(f"each call needs the header in {file}: curl -H @{file} {server.url}/metrics/summary")
        _ready(server)


@app.command("replay")
def replay_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Request bodies, one JSON object a line.")],
    *,
    base_url: BaseUrl = "http://127.0.0.1:3000",
    header_file: HeaderFile = None,
    run_id: Annotated[str, typer.Option(help="Ends each request id, so that the requests are new ones.")] = "",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Agents at a time.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Submit recorded actions and report what was decided, by agent, action type and reason.

    Ends with 1 where any action got no decision.
    """
    from ops.commands.replay import BadFileError, read_actions, replay, tables

    try:
        actions = read_actions(file)
        client = Client(base_url, connections=workers, header=header_file.read_text() if header_file else "")
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"{len(actions)} actions", total=len(actions))
            report = replay(
                client,
                actions,
                run_id=run_id,
                workers=workers,
                sent=lambda: progress.advance(task),
            )
    except (BadFileError, OSError, UnreachableError) as error:
        fail(str(error))
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        console.print(*tables(report), sep="\n")
    raise typer.Exit(1 if report.errors else 0)


@token.command()
def mint(
    secret: Secret = LOCAL_TRUST_SECRET,
    lifetime: Annotated[int, typer.Option(min=1, max=900, help="Seconds.")] = 300,
    principal_id: Annotated[str | None, typer.Option(help="Only this principal may use it.")] = None,
    trace_id: Annotated[str | None, typer.Option(help="Kept in the token for tracing.")] = None,
) -> None:
    """Print a value for x-internal-trust-context, good for one policy change."""
    from handshake.trust.token import mint_token

    print(
        mint_token(
            (secret or LOCAL_TRUST_SECRET).encode(),
            now_s=int(time.time()),
            jti=str(uuid.uuid4()),
            lifetime_s=lifetime,
            principal_id=principal_id,
            trace_id=trace_id,
        )
    )


def _tour(base_url: str, *, secret: str, operator: str) -> None:
    from ops.commands.tour import add_stop, new_table, take_tour

    table = new_table()
    expected = True
    try:
        with Live(table, console=console) if console.is_terminal else nullcontext():
            for stop in take_tour(Client(base_url), trust_secret=secret, operator=operator):
                add_stop(table, stop)
                expected &= stop.as_expected
    except UnreachableError as error:
        fail(str(error))
    if not console.is_terminal:
        console.print(table)
    if not expected:
        console.print("[red]The stops in red were not answered as the tour says.[/]")


@contextmanager
def _step(title: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{title} ..."):
        yield
    console.print(f"[green]done[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")


def _edge(port: int) -> SigningEdge:
    try:
        return SigningEdge(port)
    except OSError as error:
        fail(f"port {port} is taken ({error.strerror}); choose another with PORT=...")


def _envelope(text: str) -> dict[str, Any]:
    try:
        envelope = json.loads(text)
    except ValueError as error:
        fail(f"the envelope is not JSON: {error}")
    if not isinstance(envelope, dict) or not isinstance(envelope.get("principalId"), str):
        fail("the envelope needs a principalId")
    return envelope


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP alike end what is inside, in order, with exit code 130."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _ready(edge: SigningEdge) -> None:
    """Print the URL, and stay up until interrupted, which is then no failure."""
    print(f"ready {edge.url}", flush=True)
    with suppress(KeyboardInterrupt):
        Event().wait()
