"""Checks what copies restored from one snapshot of an initialised function share, and what they do not.

Hooks are run by the code that runs them in Lambda's own runtime.
"""

import gc
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from awslambdaric.lambda_runtime_hooks_runner import (  # type: ignore[import-untyped]  # it publishes no types
    run_after_restore,
    run_before_snapshot,
)
from snapshot_restore_py import (  # type: ignore[import-untyped]  # it publishes no types
    get_after_restore,
    get_before_snapshot,
)

from handshake.api.runtime import Runtime, build_runtime, start
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import Dynamo
from ops.local.commands import clean_environment
from ops.local.settings import REGION, ROOT
from tests.support.clients import FAULTS, Failing

INIT = {
    "AWS_LAMBDA_FUNCTION_NAME": "workflow",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret
}
SNAPSHOT = "snap-start"


class Aws(ThreadingHTTPServer):
    """DynamoDB without items and Secrets Manager with one secret, and the connections made to them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.connections = 0
        self.key = "the-first-key-that-is-long-enough"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def answer(self, operation: str) -> dict[str, Any]:
        answers: dict[str, dict[str, Any]] = {
            "BatchGetItem": {"Responses": {}},
            "DescribeSecret": {"VersionIdsToStages": {self.key: ["AWSCURRENT"]}},
            "GetSecretValue": {"SecretString": self.key, "CreatedDate": 0},
        }
        return answers[operation]


class _Answers(BaseHTTPRequestHandler):
    server: Aws
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(self.server.answer(self.headers["x-amz-target"].split(".")[1])).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def initialised(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Initialise a function of which Lambda will take a snapshot; registers hooks for this test alone."""
    for name, value in (INIT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", SNAPSHOT)
    monkeypatch.setattr(gc, "freeze", lambda: None)  # it would freeze the tests' objects
    registries = get_before_snapshot(), get_after_restore()
    for registry in registries:
        registry.clear()
    runtime = build_runtime({"TRUST_SECRET_ARN": "the-secret"})
    start(lambda: runtime)
    yield runtime
    for registry in registries:
        registry.clear()


class _Answering:
    """A client that would answer, were it asked."""

    def batch_get_item(self, **_: object) -> dict[str, object]:
        return {"Responses": {}}


def _pauses() -> list[float]:
    """Collect what a call waits between tries of a store that throttles it."""
    pauses: list[float] = []
    dynamo = Dynamo(Failing(_Answering(), FAULTS["throttled"]), clock=lambda: 0.0, pause=pauses.append)
    with pytest.raises(StoreUnavailableError):
        dynamo.batch_get([("table", {"pk": "a"})])
    return pauses


def _jitter_of_two_copies(*, restored: bool) -> list[list[float]]:
    """Retry in two copies of this process as it is now.

    Its state is set back and not forked, because Python by itself seeds ``random`` in a forked child, and nobody does
    so in a copy of a snapshot.
    """
    snapshot = random.getstate()
    copies = []
    for _ in range(2):
        random.setstate(snapshot)
        if restored:
            run_after_restore()
        copies.append(_pauses())
    return copies


@pytest.mark.usefixtures("initialised")
def test_copies_jitter_their_retries_differently_once_they_are_restored() -> None:
    run_before_snapshot()

    one, other = _jitter_of_two_copies(restored=True)

    assert len(one) == len(other) > 1
    assert one != other


@pytest.mark.usefixtures("initialised")
def test_copies_whose_hooks_nobody_runs_retry_in_lockstep() -> None:
    one, other = _jitter_of_two_copies(restored=False)

    assert len(one) > 1
    assert one == other


def test_ids_differ_in_copies_without_any_hook(initialised: Runtime) -> None:
    snapshot = random.getstate()
    first = initialised.new_id()
    random.setstate(snapshot)

    assert initialised.new_id() != first


def test_a_copy_reads_the_trust_key_anew(initialised: Runtime, aws: Aws) -> None:
    assert initialised.trust_keys.read(max_age_s=60) == [b"the-first-key-that-is-long-enough"]
    run_before_snapshot()
    aws.key = "another-key-that-is-long-enough"
    run_after_restore()

    assert initialised.trust_keys.read(max_age_s=60) == [b"another-key-that-is-long-enough"]


def test_a_copy_connects_anew(initialised: Runtime, aws: Aws) -> None:
    def read() -> None:
        with initialised.invocation() as context:
            context.dynamo.batch_get([("table", {"pk": "a"})])

    read()
    read()
    assert aws.connections == 1
    run_before_snapshot()
    run_after_restore()
    read()

    assert aws.connections == 2


@pytest.mark.parametrize(("kind", "imported"), [(SNAPSHOT, "True"), ("on-demand", "False")])
def test_only_a_start_that_becomes_a_snapshot_imports_hooks(kind: str, imported: str) -> None:
    names = ("snapshot_restore_py", "handshake.api.snapshot")
    script = f"import sys, functions.workflow.app; print(*[name in sys.modules for name in {names}])"

    assert _initialise(script, AWS_LAMBDA_INITIALIZATION_TYPE=kind).split() == [imported, imported]


def test_a_start_without_the_hook_library_goes_well_where_no_snapshot_is_taken() -> None:
    _initialise("import sys; sys.modules['snapshot_restore_py'] = None; import functions.policy_apply.app")


def _initialise(script: str, **of_lambda: str) -> str:
    """Run ``script`` in a process of its own, as Lambda starts a function. Returns its output."""
    return subprocess.run(  # noqa: S603 - this Python, on the checkout
        [sys.executable, "-c", script],
        env={**clean_environment(), **INIT, **of_lambda},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
