"""The place where faults happen: DynamoDB Local with its data on disk, and microburst between it and the handlers."""

import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import boto3
import urllib3

from handshake.api import runtime
from ops.local.commands import free_port, serving
from ops.local.dynamodb import Served
from ops.local.settings import REGION
from tests.support import engines

THREADS: Final = 8
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system that outlives a killed process, and waits for no disk
Rule = Mapping[str, Any]

# Its rules draw from the module's own generator, which only its process can seed.
_SEEDED_PROXY: Final = "import random, sys; random.seed(sys.argv.pop()); from microburst.cli import main; main()"


class Server:
    """A server that is killed with SIGKILL, and started again on the port it had."""

    def __init__(self, served: Served, command: Sequence[str], *, log: Path) -> None:
        self._served = served
        self._command = command
        self._log = log
        self._running = ExitStack()

    @property
    def endpoint(self) -> str:
        """Its URL, running or not."""
        return self._served.endpoint

    def start(self) -> None:
        """Return once it listens. Raises CommandFailedError."""
        served = self._served
        serve = serving(self._command, environment=served.environment, log=self._log, ready=served.listening)
        self._running.enter_context(serve)

    def kill(self) -> None:
        """End it as ``kill -9`` does, whatever it is doing."""
        self._running.close()


@dataclass
class Rig:
    """A database, the proxy before it, a client of the proxy for each thread, and one of the database itself."""

    database: Server
    proxy_url: str
    clients: Sequence[Any]
    direct: Any
    _http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def inject(self, rules: Sequence[Rule]) -> None:
        """Misbehave by ``rules`` (microburst's own; the first that matches a call decides), and by no others."""
        self._control("POST", "rules", json=list(rules))

    def injected(self) -> int:
        """Count how many calls the proxy has failed since it was started."""
        return int(self._control("GET", "stats").json()["requests"]["faulted"])

    def _control(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        answer = self._http.request(method, f"{self.proxy_url}/_microburst/{path}", **options)
        assert answer.status == 200, answer.data
        return answer


@contextmanager
def running_rig(*, seed: int) -> Iterator[Rig]:
    """Yields a rig. Everything listens on loopback, on ports that were free."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)))
        engine = Served(free_port())
        started = engine.command(scratch, home=engines.DYNAMODB_LOCAL, data=scratch)
        database = Server(engine, started, log=scratch / "database.log")
        # Its clients name the database's path, which it passes on; its own is that of its rules.
        before = replace(engine, port=free_port())
        proxy = Server(before, _microburst(before.port, engine.port, seed), log=scratch / "proxy.log")
        for server in (database, proxy):
            server.start()
            stack.callback(server.kill)
        # The proxy learns what DynamoDB is from its first call, for seconds.
        for client in (engines.client_of("dynamodb", proxy.endpoint), *(clients := _clients(proxy.endpoint))):
            client.list_tables()
        yield Rig(
            database, f"http://127.0.0.1:{before.port}", clients, engines.client_of("dynamodb", database.endpoint)
        )


def generator(seed: int, *names: object) -> random.Random:
    """A generator of its own for whatever ``names`` say."""
    return random.Random(f"{seed} {names}")  # noqa: S311 - a load, no secret


def _clients(endpoint: str) -> list[Any]:
    """Clients with the patience of a deployed one, one a thread."""
    client: Any = boto3.session.Session().client  # its stubs know services by their literal names only
    options = {"endpoint_url": endpoint, "region_name": REGION, "config": runtime.store_config(attempts=1)}
    return [
        client("dynamodb", aws_access_key_id="testing", aws_secret_access_key="testing", **options)
        for _ in range(THREADS)
    ]


def _microburst(port: int, upstream: int, seed: int) -> Sequence[str]:
    at = ["--upstream", f"http://127.0.0.1:{upstream}", "--port", str(port)]
    return [sys.executable, "-c", _SEEDED_PROXY, *at, str(seed)]
