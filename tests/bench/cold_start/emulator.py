"""One start of one function in the runtime interface emulator that SAM carries."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import samcli.local.rapid  # type: ignore[import-untyped]
import urllib3

from ops.local.commands import free_port
from tests.bench.cold_start.artefacts import Unpacked

_EMULATOR: Final = Path(samcli.local.rapid.__path__[0]) / "aws-lambda-rie-x86_64"
_INIT: Final = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_CALL: Final = re.compile(r"INVOKE RTDONE\(status: success, .*duration: ([\d.]+)ms\)")
_PATIENCE_S: Final = 30.0
# What DynamoDB answers where nothing is stored.
_EMPTY: Final = {"Responses": {}, "UnprocessedKeys": {}, "Items": [], "Count": 0, "ScannedCount": 0}


class Start(NamedTuple):
    """Give what one start took, ms, and its answer. ``call`` is the first invocation, None where none was asked for."""

    init: float
    call: float | None
    answer: Any


def start(function: Unpacked, runtime: Path, environment: Mapping[str, str], event: Any, *, log: Path) -> Start:
    """Start ``function`` and invoke it once; without an ``event`` only so that it starts. Raises RuntimeError."""
    invoke_at, runtime_at = free_port(), free_port()
    path = [function.task, *(layer / "python" for layer in function.layers), runtime]
    command = [str(_EMULATOR), "--runtime-interface-emulator-address", f"127.0.0.1:{invoke_at}"]
    command += ["--runtime-api-address", f"127.0.0.1:{runtime_at}"]
    # -S: nothing of this virtualenv is in reach.
    command += [sys.executable, "-S", "-m", "awslambdaric", "app.handler"]
    known = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /opt and /var/task cannot be written
        "LAMBDA_TASK_ROOT": str(function.task),
        "AWS_LAMBDA_FUNCTION_NAME": function.task.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - the emulator, and our own build
            command,
            cwd=function.task,
            env={**known, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        answer = _invoke(invoke_at, {} if event is None else event)
    finally:
        process.terminate()
        process.wait()
    said = log.read_text()
    started, called = _INIT.search(said), _CALL.search(said)
    if not started or (event is not None and not called):
        raise RuntimeError(f"{function.task.name} did not start:\n{said}")
    return Start(float(started[1]), float(called[1]) if called and event is not None else None, answer)


@contextmanager
def empty_store() -> Iterator[str]:
    """Yields the URL of a DynamoDB that answers at once, holds nothing and takes everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Empty(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client's kernel waits 40 ms to acknowledge the first

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = json.dumps(_EMPTY).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def _invoke(port: int, event: Any) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            answer = urllib3.request(
                "POST",
                f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations",
                body=json.dumps(event).encode(),
                retries=False,
                timeout=_PATIENCE_S,
            )
        except urllib3.exceptions.NewConnectionError:
            if time.monotonic() > deadline:
                raise RuntimeError("the emulator does not listen") from None
            time.sleep(0.01)
        else:
            return answer.json()
