"""The races, counted as the faults are: how many tried, how many were told yes, and how long the last one waited."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.faults.ledger import Call
from tests.faults.run import Outcome
from tests.faults.verdict import Finding
from tests.service import InProcess, Reply


class Tally:
    """A pytest plugin that keeps count of each test's calls, and of what failed."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = {}
        self.findings: dict[str, list[Finding]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Listen to every call of one test."""
        calls = self.calls.setdefault(item.nodeid, [])
        send = InProcess.send

        def counted(service: InProcess, method: str, path: str, **content: Any) -> Reply:
            began = time.monotonic()
            reply = send(service, method, path, **content)
            calls.append(Call(f"{method} {path}", reply, time.monotonic() - began))
            return reply

        with patch.object(InProcess, "send", counted):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test fails by what its callers were told; after it, the audit fails by what the tables hold."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            finding = Finding(
                "wrong" if report.when == "call" else "torn", crash.message if crash else report.longreprtext
            )
            self.findings.setdefault(report.nodeid, []).append(finding)

    def outcomes(self) -> Iterator[Outcome]:
        """One for each test that made calls or failed."""
        for test in self.calls | self.findings:
            calls = self.calls.get(test, [])
            name = test.rpartition("::test_")[2].replace("_", " ")
            acknowledged = sum(call.reply.status == 200 for call in calls)
            yield Outcome(f"race: {name}", 0, acknowledged, calls, self.findings.get(test, []))


def run_races(*, racers: int, rounds: int) -> list[Outcome]:
    """Run every race. HANDSHAKE_RACERS and HANDSHAKE_ROUNDS have the last word on how long."""
    os.environ.setdefault("HANDSHAKE_RACERS", str(racers))
    os.environ.setdefault("HANDSHAKE_ROUNDS", str(rounds))
    tally = Tally()
    options = ("-p", "no:terminal", "-p", "no:randomly", "-o", "addopts=--import-mode=importlib")
    code = pytest.main([*options, str(Path(__file__).with_name("test_races.py"))], [tally])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r}")
    return list(tally.outcomes())
