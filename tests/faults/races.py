"""The races, counted as the faults are: how many tried, how many were told yes, and how long the last one waited."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from tests.faults.run import Outcome
from tests.faults.verdict import Fault, Finding
from tests.support.ledger import Call
from tests.support.service import InProcess, Reply

# The fixtures that give an engine, by which tests are chosen.
_ENGINES: Final = ("on_dynamodb_local", "on_ministack")
# Attempts share nothing but the database and the client, so threads need not take the interpreter from each other
# between calls to it; that they do costs a seventh of the time.
_SWITCH_INTERVAL_S: Final = 0.05


class Tally:
    """A pytest plugin that counts each test's calls and what failed, and tells of it as soon as the test is over."""

    def __init__(self, tell: Connection) -> None:
        self._tell = tell
        self._calls: list[Call] = []
        self._findings: list[Finding] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """Listen to every call of one test."""
        send = InProcess.send

        def counted(service: InProcess, method: str, path: str, **content: Any) -> Reply:
            began = time.monotonic()
            reply = send(service, method, path, **content)
            self._calls.append(Call(f"{method} {path}", reply, time.monotonic() - began))
            return reply

        with patch.object(InProcess, "send", counted):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test fails by what its callers were told; after it, the audit fails by what the tables hold."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            fault: Fault = "wrong" if report.when == "call" else "torn"
            self._findings.append(Finding(fault, crash.message if crash else report.longreprtext))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Tell what one test came to, if it made calls or failed."""
        if self._calls or self._findings:
            name = nodeid.rpartition("::test_")[2].replace("_", " ")
            acknowledged = sum(call.reply.status == 200 for call in self._calls)
            self._tell.send(Outcome(f"race: {name}", 0, acknowledged, self._calls, self._findings))
        self._calls, self._findings = [], []


def run_races(*, racers: int, rounds: int) -> Iterator[Outcome]:
    """Run every race, each engine's in a process of its own; yields what comes of them as it comes.

    HANDSHAKE_RACERS and HANDSHAKE_ROUNDS have the last word on how long. Raises RuntimeError where races cannot run.
    """
    os.environ.setdefault("HANDSHAKE_RACERS", str(racers))
    os.environ.setdefault("HANDSHAKE_ROUNDS", str(rounds))
    spawn = get_context("spawn")
    processes = []
    heard: list[Connection] = []
    for engine in _ENGINES:
        hear, tell = spawn.Pipe(duplex=False)
        processes.append(spawn.Process(target=_run_on, args=(engine, tell), name=engine))
        processes[-1].start()
        tell.close()  # so that the end of the process is the end of what is heard
        heard.append(hear)
    while heard:
        for ready in [hear for hear in heard if hear in wait(heard)]:
            try:
                yield ready.recv()
            except EOFError:
                heard.remove(ready)
    for process in processes:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the races {process.name} ended with exit code {process.exitcode}")


def _run_on(engine: str, tell: Connection) -> None:
    logging.disable()  # as in the process that listens
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    options = (
        "-p",
        "no:terminal",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        # What calls the service knows Hypothesis, and is imported before pytest.
        "-W",
        "ignore:Module already imported so cannot be rewritten",
        "-o",
        "addopts=--import-mode=importlib",
    )
    races = map(str, sorted(Path(__file__).parent.glob("test_*races*.py")))
    code = pytest.main([*options, "-k", engine, *races], [Tally(tell)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r}")
