"""Run Handshake here, talk to it, replay recorded actions against it: `python -m ops`."""

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands import operate
from ops.commands.agents import agents
from ops.commands.approvals import approvals
from ops.commands.approvals_history import history
from ops.commands.channels import channels
from ops.commands.common import UNREACHABLE, Commands, answered, console, fail, say
from ops.commands.cost import cost
from ops.commands.drill import drill
from ops.commands.env import env
from ops.commands.grants import grants
from ops.commands.incidents import incidents
from ops.commands.metrics import metrics
from ops.commands.migrate import migrate
from ops.commands.people import people
from ops.commands.policy import policy
from ops.commands.rehearse import rehearse
from ops.commands.rollback import rollback
from ops.commands.room import room
from ops.commands.rotate import rotate
from ops.commands.status import status
from ops.commands.throttle import throttle
from ops.commands.watch import watch
from ops.local.settings import LOCAL_TRUST_SECRET, PAGE_PORT, ROOT, STACK_NAME

if TYPE_CHECKING:
    from ops.local.people_edge import PeopleEdge
    from ops.local.signing_edge import SigningEdge

app = Commands(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    epilog=f"Every command ends with {UNREACHABLE} where the stack, AWS or the API cannot be reached,"
    " and with 2 where it was called wrongly.",
)
token = Commands(no_args_is_help=True, help="Trust tokens for privileged policy changes.")
app.add_typer(token, name="token")
app.add_typer(operate.evidence, name="evidence")
app.add_typer(agents, name="agents")
app.add_typer(channels, name="channels")
app.add_typer(metrics, name="metrics")
app.add_typer(policy, name="policy")
approvals.command()(history)
app.add_typer(approvals, name="approvals")
app.add_typer(people, name="people")
app.add_typer(room, name="room")
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(operate.pause, operate.resume, operate.retention, operate.pseudonym, operate.dashboard),
    *(cost, drill, env, grants, incidents, migrate, rehearse, rollback, rotate, status, throttle, watch),
)
for _command in _COMMANDS:
    app.command()(_command)

_INTERRUPTED: Final = 130

PagePort = Annotated[int, typer.Option(envvar="PAGE_PORT", min=0, max=65535, help="Loopback port of people's page.")]
Port = Annotated[int, typer.Option(envvar="PORT", min=0, max=65535, help="Loopback port of the signing edge.")]
BaseUrl = Annotated[str, typer.Option(envvar="HANDSHAKE_URL", help="Where a signing edge listens.")]
Envelope = Annotated[
    str,
    typer.Option(
        envvar="HANDSHAKE_ENVELOPE",
        show_default=False,
        help="Identity envelope (JSON) for calls that need one and have none; the operator's unless you give one.",
    ),
]
HeaderFile = Annotated[
    Path | None,
    typer.Option(
        envvar="HANDSHAKE_EDGE_HEADER",
        dir_okay=False,
        help="File with the header line that `ops edge` asks for; it says where it is.",
    ),
]
Secret = Annotated[
    str, typer.Option(envvar="INTERNAL_TRUST_SHARED_SECRET", show_envvar=True, show_default=False, help="Trust secret.")
]


@app.command()
def up(
    port: Port = 3000,
    page_port: PagePort = PAGE_PORT,
    envelope: Envelope = "",
    secret: Secret = LOCAL_TRUST_SECRET,
    tour: Annotated[bool, typer.Option(help="Show what the API decides once it is up.")] = True,
) -> None:
    """Run the whole service on this machine until interrupted."""
    from ops.local.commands import CommandFailedError
    from ops.local.edge_rules import OPEN
    from ops.local.people import add_people
    from ops.local.running import running_here
    from ops.local.signing_edge import Upstream
    from ops.local.stack import LocalStack

    started = time.monotonic()
    server, room, operator = _edge(port), _page(page_port), _envelope(envelope)
    own = {"PageOrigin": room.url}
    try:
        with (
            _interruptible(),
            server,
            room,
            LocalStack(trust_secret=secret or LOCAL_TRUST_SECRET, parameters=own, step=_step) as stack,
            running_here(stack.endpoint_url),
        ):
            upstream = Upstream(stack.api_url, credentials=stack.issuer, region=stack.region)
            server.start(upstream, access=OPEN, envelope=operator)
            if tour:
                _tour(server.url, secret=stack.trust_secret, operator=operator["principalId"])
            room.start(stack)
            for person in add_people(stack):
                say(f"{person.role} of tenant {person.tenant}: {person.username}, one-time password {person.password}")
            took = time.monotonic() - started
            say(f"up in {took:.1f} s; logs in {stack.logs.relative_to(ROOT)}; Ctrl-C ends it", style="dim")
            print(f"room {room.url}")
            _ready(server)
    except CommandFailedError as error:
        fail(str(error))


@app.command()
def edge(
    api_url: Annotated[str, typer.Option(envvar="HANDSHAKE_API_URL", help="The stack's output ApiUrl.")],
    region: Annotated[str, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The API's region.")],
    port: Port = 3000,
    envelope: Envelope = "",
    accept_envelopes: Annotated[
        bool, typer.Option("--accept-envelopes", help="Pass on envelopes that callers bring, whoever they name.")
    ] = False,
) -> None:
    """Sign requests to a deployed stack with your own AWS credentials, for whoever has this start's token.

    The token is in a file that only you can read: `curl -H @FILE URL` sends it.
    """
    from ops.local.deployment import new_session
    from ops.local.edge_rules import Access
    from ops.local.signing_edge import Upstream, kept_token

    credentials = new_session().get_credentials()
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

    Ends with 0 where all got one, 1 where any action got none or the file cannot be read, 69 where nothing answers.
    """
    from rich.progress import Progress

    from ops.commands.replay import BadFileError, read_actions, replay, tables
    from ops.local.edge_client import Client

    try:
        actions = read_actions(file)
        header = header_file.read_text() if header_file else ""
    except (BadFileError, OSError) as error:
        fail(str(error))
    with answered(), Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{len(actions)} actions", total=len(actions))
        report = replay(
            Client(base_url, connections=workers, header=header),
            actions,
            run_id=run_id,
            workers=workers,
            sent=lambda: progress.advance(task),
        )
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        console().print(*tables(report), sep="\n")
    raise typer.Exit(1 if report.errors else 0)


@token.command()
def mint(
    body: Annotated[str, typer.Option(help="The body that it is for, to the byte; @FILE reads it, @- standard input.")],
    *,
    secret: Annotated[
        str,
        typer.Option(
            envvar="INTERNAL_TRUST_SHARED_SECRET", show_envvar=True, show_default=False, help="Trust secret, by itself."
        ),
    ] = "",
    stack: Annotated[
        str, typer.Option(envvar="HANDSHAKE_STACK", help="The stack that it is for, and whose secret signs it.")
    ] = STACK_NAME,
    lifetime: Annotated[int, typer.Option(min=1, max=900, help="Seconds.")] = 300,
    principal_id: Annotated[str, typer.Option(help="Only this principal may use it.")] = "",
    trace_id: Annotated[str | None, typer.Option(help="Kept in the token for tracing.")] = None,
) -> None:
    """Print a value for x-internal-trust-context, good for one policy change: that of this body, on this stack.

    Signed with --secret, else with the trust secret of --stack, read with your AWS credentials; that of the local stack
    of `make run` is known.

    Ends with 0, with 1 where AWS refuses the secret, 2 where it was called wrongly, 69 where the stack cannot be
    reached.
    """
    from handshake.trust.token import Binding, mint_token

    try:
        given = body.encode() if body[:1] != "@" else _bytes_of(body[1:])
    except OSError as error:
        fail(f"the body cannot be read: {error}")
    if not principal_id:
        say("this token names nobody: whoever holds it may use it; --principal-id NAME binds it", stderr=True)
    print(
        mint_token(
            _trust_secret(secret, stack),
            now_s=int(time.time()),
            jti=str(uuid.uuid4()),
            lifetime_s=lifetime,
            principal_id=principal_id or None,
            trace_id=trace_id,
            binding=Binding.to(given, stack),
        )
    )


def _bytes_of(file: str) -> bytes:
    return typer.get_binary_stream("stdin").read() if file == "-" else Path(file).read_bytes()


def _trust_secret(given: str, stack: str) -> bytes:
    if given:
        return given.encode()
    if stack == STACK_NAME:
        return LOCAL_TRUST_SECRET.encode()
    from ops.local import deployment

    with answered():
        return deployment.find(stack).trust_secret()


def _tour(base_url: str, *, secret: str, operator: str) -> None:
    from rich.live import Live

    from ops.commands.tour import add_stop, new_table, take_tour
    from ops.local.edge_client import Client

    table, out = new_table(), console()
    expected = True
    with answered(), Live(table, console=out) if out.is_terminal else nullcontext():
        for stop in take_tour(Client(base_url), trust_secret=secret, operator=operator):
            add_stop(table, stop)
            expected &= stop.as_expected
    if not out.is_terminal:
        out.print(table)
    if not expected:
        say("The stops in red were not answered as the tour says.", style="red")


@contextmanager
def _step(title: str) -> Iterator[None]:
    from rich.text import Text

    started = time.monotonic()
    with console().status(Text(f"{title} ...")):
        yield
    say(Text.assemble(("done", "green"), f" {title} ", (f"{time.monotonic() - started:.1f} s", "dim")))


def _edge(port: int) -> "SigningEdge":
    from ops.local.signing_edge import SigningEdge

    try:
        return SigningEdge(port)
    except OSError as error:
        fail(f"port {port} cannot be used ({error.strerror}); choose another with PORT=...")


def _page(port: int) -> "PeopleEdge":
    from ops.local.people_edge import PeopleEdge

    try:
        return PeopleEdge(port)
    except OSError as error:
        fail(f"port {port} cannot be used ({error.strerror}); choose another with PAGE_PORT=...")


def _envelope(text: str) -> dict[str, Any]:
    from ops.local.signing_edge import OPERATOR

    if not text:
        return dict(OPERATOR)
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


def _ready(edge: "SigningEdge") -> None:
    """Print the URL, and stay up until interrupted, which is then no failure."""
    print(f"ready {edge.url}", flush=True)
    with suppress(KeyboardInterrupt):
        Event().wait()
