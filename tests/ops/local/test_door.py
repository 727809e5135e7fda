"""Tries what `make run` opens, by a hostile page in Chromium and by another user of this machine."""

import base64
import hashlib
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ops.local.commands import free_port
from ops.local.running import RUNNING, Running, read_running
from ops.local.settings import ROOT, RUNTIME, STATE
from tests.support.processes import family_of, listening_at, ports_of

pytestmark = [pytest.mark.deployed, pytest.mark.timeout(240)]
FUNCTIONS = "/2015-03-31/functions"
ROLE = "arn:aws:iam::000000000000:role/planted"
EVIL = "evil.test"


@dataclass(frozen=True)
class Run:
    """A `make run`. ``ports`` are what it and all it started listen on."""

    process: subprocess.Popen[bytes]
    edge_port: int
    page_port: int
    record: Running

    @property
    def pids(self) -> list[int]:
        """Itself and what it started, so far."""
        return family_of(self.process.pid)

    @property
    def ports(self) -> set[int]:
        """Return them as they are now."""
        return ports_of(self.pids)

    @property
    def emulator_port(self) -> int:
        """Return where the emulated AWS listens."""
        return urlsplit(self.record.endpoint_url).port or 0

    def client(self, service: str) -> Any:
        """A client of the run's root."""
        session: Any = boto3.Session(*self.record.root_key, region_name=self.record.region)
        return session.client(service, endpoint_url=self.record.endpoint_url)

    def functions(self) -> list[str]:
        """Return the names of all functions."""
        return [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A `make run` of this checkout. Not that of this process: its key is its own."""
    log, port, page = tmp_path_factory.mktemp("run") / "log", free_port(), free_port()
    command = [sys.executable, "-m", "ops", "up", "--port", str(port), "--page-port", str(page), "--no-tour"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)  # noqa: S603 - our own words
    try:
        deadline = time.monotonic() + 180
        while "ready http" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        record = read_running()
        assert record is not None
        yield Run(process, port, page, record)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_it_opens_three_ports_and_each_on_loopback_alone(run: Run) -> None:
    assert run.ports == {run.edge_port, run.page_port, run.emulator_port}
    assert [listening_at(port) for port in run.ports] == [["127.0.0.1"]] * 3


@pytest.mark.usefixtures("run")
def test_another_process_reaches_it_with_the_key_it_left() -> None:
    command = [sys.executable, "-m", "ops", "status"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words

    assert "handshake-local" in found.stdout, found.stderr


def _planted(marker: Path, name: str) -> bytes:
    """The body that creates a function, which writes ``marker`` when it runs on this machine."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("x.py", f"def handler(event, context):\n    open({str(marker)!r}, 'w').write('was here')\n")
    return json.dumps(
        {
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Role": ROLE,
            "Handler": "x.handler",
            "Code": {"ZipFile": base64.b64encode(packed.getvalue()).decode()},
        }
    ).encode()


PAGE = Template(Path(__file__).with_name("hostile.html").read_text())


class Site(ThreadingHTTPServer):
    """A web site with the hostile page alone, whose name is EVIL."""

    daemon_threads = True

    def __init__(self, ports: Iterable[int], planted: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _OnSite)
        self.done = Event()
        self.page = PAGE.substitute(
            ports=json.dumps(sorted(ports)), planted=json.dumps(planted.decode()), evil=EVIL, functions=FUNCTIONS
        ).encode()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def shown_in(self, chromium: Callable[..., str], home: Path) -> str:
        """Return the page once it has done what it can."""
        return chromium(f"http://{EVIL}:{self.server_port}/", home=home, hosts={EVIL: "127.0.0.1"}, most_ms=60_000)


class _OnSite(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path == "/done":
            self.server.done.set()
        if self.path == "/held":
            self.server.done.wait(60)
        _answer(self, self.server.page if self.path == "/" else b"", "text/html")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answer(handler: BaseHTTPRequestHandler, body: bytes, kind: str, **headers: str) -> None:
    handler.send_response(200)
    for name, value in ({"content-type": kind, "content-length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def test_a_hostile_page_plants_nothing_runs_nothing_and_reads_nothing(
    run: Run, chromium: Callable[..., str], tmp_path: Path
) -> None:
    marker, before = tmp_path / "marker", run.functions()
    groups = _log_groups(run)
    with Site(run.ports, _planted(marker, "planted")) as site:
        shown = site.shown_in(chromium, tmp_path / "profile")

    assert "done []" in shown, shown[-2000:]
    assert run.functions() == before
    assert not marker.exists()
    assert _log_groups(run) == groups
    assert "planted" not in [role["RoleName"] for role in run.client("iam").list_roles()["Roles"]]


def _log_groups(run: Run) -> list[str]:
    """Return where functions have logged: one that ran has a group."""
    return [group["logGroupName"] for group in run.client("logs").describe_log_groups()["logGroups"]]


def test_the_same_page_would_do_so_to_a_server_that_trusts_pages(chromium: Callable[..., str], tmp_path: Path) -> None:
    """The page's calls do arrive: a server that looks at nothing has them all, and lets it read."""
    arrived: list[tuple[str, str, bytes]] = []

    class Trusting(BaseHTTPRequestHandler):
        def _take(self) -> None:
            arrived.append((self.command, self.path, self.rfile.read(int(self.headers.get("content-length", 0)))))
            _answer(self, b"in", "text/plain", access_control_allow_origin="*", access_control_allow_headers="*")

        do_GET = do_POST = do_OPTIONS = _take  # noqa: N815 - the names http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    planted = _planted(tmp_path / "marker", "planted")
    with ThreadingHTTPServer(("127.0.0.1", 0), Trusting) as trusting:
        Thread(target=trusting.serve_forever, daemon=True).start()
        with Site([trusting.server_port], planted) as site:
            shown = site.shown_in(chromium, tmp_path / "profile")
        trusting.shutdown()

    assert ("POST", FUNCTIONS, planted) in arrived
    assert ("POST", f"{FUNCTIONS}/planted/invocations", b"{}") in arrived
    assert "done [" in shown
    assert "_ministack/health in" in shown


def _status(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body=body, headers=dict(headers))
    return connection.getresponse().status


def _signed(port: int, path: str, body: bytes, key: Sequence[str], service: str = "lambda") -> dict[str, str]:
    request = AWSRequest("POST", f"http://127.0.0.1:{port}{path}", data=body)
    SigV4Auth(Credentials(*key), service, "us-east-1").add_auth(request)
    return dict(request.headers)


def _named(key_id: str) -> str:
    """A query that names a key, with a signature that is none."""
    scope = f"{key_id}/20260101/us-east-1/lambda/aws4_request"
    parts = {"Algorithm": "AWS4-HMAC-SHA256", "Credential": scope, "Date": "20260101T000000Z", "Expires": "600"}
    parts |= {"SignedHeaders": "host", "Signature": "0"}
    return "?" + urlencode({f"X-Amz-{name}": value for name, value in parts.items()})


def _computed(function: Mapping[str, Any]) -> tuple[str, str, str]:
    """Credentials of a function as ministack makes them: out of names that anybody may know."""
    digest = hashlib.sha256(f"{function['FunctionArn']}:{function['Role']}".encode()).hexdigest()
    secret, token = (hashlib.sha256(f"{kind}:{digest}".encode()).hexdigest() for kind in ("secret", "token"))
    return f"ASIA{digest[:16].upper()}", secret, token


def test_another_user_plants_nothing_and_runs_nothing(
    run: Run, as_another_user: Callable[..., Any], tmp_path: Path
) -> None:
    marker, before, port = tmp_path / "marker", run.functions(), run.emulator_port
    body = _planted(marker, "planted-by-another")
    computed = [_computed(one) for one in run.client("lambda").list_functions()["Functions"]]
    run.client("lambda").invoke(FunctionName=before[0], Payload=b"{}")  # so that a function's session is there
    keys = [("root", "root"), ("test", "test"), ("000000000000", "test"), (run.record.root_key[0], "x" * 40), *computed]

    def attempt() -> list[int]:
        plain = {"content-type": "text/plain"}
        tries = [_status(port, "POST", FUNCTIONS, plain, body)]
        invoke = f"{FUNCTIONS}/{before[0]}/invocations"
        for key in keys:
            for path, sent in ((FUNCTIONS, body), (invoke, b"{}")):
                tries.append(_status(port, "POST", path, _signed(port, path, sent, key), sent))
                tries.append(_status(port, "POST", path + _named(key[0]), plain, sent))
        for path in ("/_ministack/health", "/_ministack/config", "/_ministack/reset", "/latest/meta-data/iam/", "/"):
            tries += [_status(port, method, path, {}, b"") for method in ("GET", "POST", "OPTIONS")]
        return tries

    assert set(as_another_user(attempt)) == {403}
    assert run.functions() == before
    assert not marker.exists()


def test_another_user_reads_and_changes_no_file_of_it(run: Run, as_another_user: Callable[..., Any]) -> None:
    folders = {Path(f"/proc/{pid}/cwd").resolve() for pid in run.pids} - {ROOT}
    inside = [path for folder in (STATE, *folders) for path in (folder, *_some(folder))]
    assert {"running.json", "ministack.log"} <= {path.name for path in inside}

    assert as_another_user(partial(_opened, inside)) == []
    assert (
        as_another_user(partial(_opened, [Path(f"/proc/{pid}", of) for pid in run.pids for of in ("environ", "mem")]))
        == []
    )
    assert [path.stat().st_mode & 0o777 for path in (RUNNING, STATE)] == [0o600, 0o700]


def test_no_command_line_has_a_secret(run: Run) -> None:
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in run.pids]

    assert not [line for line in lines if run.record.root_key[1] in line]


def _some(folder: Path) -> list[Path]:
    """Files of a folder; of one with thousands the first hundreds."""
    found = [Path(at, name) for at, _, names in os.walk(folder) for name in names if "builds" not in at]
    return found[:500] + [path for path in found if path.name in ("running.json", "ministack.log")]


def _opened(paths: Sequence[Path]) -> list[str]:
    """Name which of ``paths`` can be read, listed or written."""
    opened = []
    for path in paths:
        for act in (lambda at: list(at.iterdir()), lambda at: at.open("rb").read(1), lambda at: at.open("ab").close()):
            with suppress(OSError):
                act(path)
                opened.append(str(path))
    return opened
