"""Kills an executor at every step of what it does, runs it again, and counts what was done: never twice.

What each crash leaves, and what is done then, is the table in sdk/python/README.md.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import pytest

from handshake_rail import Handshake, HandshakeError, models
from ops.local.settings import ROOT
from tests.sdk.granting import agent_of, an_order, claimed_by, outcome_of
from tests.sdk.serving import Answer, served
from tests.support.service import InProcess

When = Literal["before", "after"]
CONSUMED: Final = "security_grant_consumed"


@dataclass
class Doorway:
    """Serves ``service`` over HTTP, and kills ``victim`` at its call of ``route``: before or after that is done."""

    service: InProcess
    route: str = ""
    when: When = "before"
    victim: subprocess.Popen[str] | None = None
    calls: list[str] = field(default_factory=list)

    def passes(self, method: str, path: str, headers: dict[str, str], body: str | None) -> Answer | None:
        """Give an answer, None where nobody is left to be answered."""
        self.calls.append(path)
        dies = self.victim if path.rpartition("/")[2] == self.route else None
        if dies and self.when == "before":
            self._kill(dies)
            return None
        reply = self.service.send(method, path, headers=headers, body=body)
        if dies:
            self._kill(dies)
            return None
        return reply.status, {}, json.dumps(reply.body).encode()

    def _kill(self, victim: subprocess.Popen[str]) -> None:
        self.victim = None
        os.kill(victim.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Crash:
    """Where the executor is killed; whether running it again does the effect; what is known to the service then."""

    where: str
    when: When
    again: str
    effects: int
    outcome: str | None

    def __str__(self) -> str:
        return f"{self.when} {self.where}"


CRASHES: Final = [
    Crash("requests", "before", "done", 1, "succeeded"),
    Crash("requests", "after", "done", 1, "succeeded"),
    Crash("jwks.json", "before", "done", 1, "succeeded"),
    Crash("jwks.json", "after", "done", 1, "succeeded"),
    Crash("grants", "before", "done", 1, "succeeded"),
    Crash("grants", "after", CONSUMED, 0, None),
    Crash("effect", "before", CONSUMED, 0, None),
    Crash("effect", "after", CONSUMED, 1, None),
    Crash("outcome", "before", CONSUMED, 1, None),
    Crash("outcome", "after", CONSUMED, 1, "succeeded"),
]


# Both faces of Python's client follow one plan, so the one that is awaited is killed only where most is at stake.
KILLED: Final = [("blocking", crash) for crash in CRASHES] + [("async", crash) for crash in CRASHES[-5:]]


@pytest.mark.usefixtures("typescript_client")
@pytest.mark.parametrize("crash", CRASHES, ids=str)
def test_no_crash_of_the_typescript_client_does_it_twice_or_without_a_grant(
    service: InProcess, tmp_path: Path, crash: Crash
) -> None:
    _is_done_once_whatever_crashes(service, tmp_path, crash, ["node", str(ROOT / "tests/sdk/executor.js")])


@pytest.mark.parametrize(("face", "crash"), KILLED, ids=str)
def test_no_crash_does_it_twice_or_without_a_grant(service: InProcess, tmp_path: Path, crash: Crash, face: str) -> None:
    start = [sys.executable, "-m", "tests.sdk.executor", face]
    _is_done_once_whatever_crashes(service, tmp_path, crash, start)


def _is_done_once_whatever_crashes(service: InProcess, tmp_path: Path, crash: Crash, start: Sequence[str]) -> None:
    order = an_order(10)
    (tmp_path / "order.json").write_text(json.dumps(order))
    (tmp_path / "effects").touch()
    doorway = Doorway(service, crash.where, crash.when)
    with served(doorway.passes) as url:
        killed = _start(start, url, tmp_path, crash.when if crash.where == "effect" else "")
        doorway.victim = killed
        printed, _ = killed.communicate(timeout=60)
        assert (killed.returncode, printed) == (-signal.SIGKILL, "")

        runs = [_start(start, url, tmp_path).communicate(timeout=60)[0].strip()]
        if runs == ["done"]:
            runs.append(_start(start, url, tmp_path).communicate(timeout=60)[0].strip())

        effects = (tmp_path / "effects").read_text().splitlines()
        assert len(effects) == crash.effects
        assert effects in ([], [claimed_by(service, order)])
        assert runs == ([CONSUMED] if crash.again == CONSUMED else ["done", CONSUMED])
        assert outcome_of(service, order) == crash.outcome
        with Handshake(url, envelope=agent_of(order)) as client:
            _report_as_the_readme_says(service, client, order, crash)


def _start(start: Sequence[str], url: str, folder: Path, dies: str = "") -> subprocess.Popen[str]:
    command = [*start, url, folder / "order.json", folder / "effects", dies]
    return subprocess.Popen(  # noqa: S603 - our own words
        [str(part) for part in command if part], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def _report_as_the_readme_says(service: InProcess, client: Handshake, order: models.Submission, crash: Crash) -> None:
    """Whoever cannot tell what became of it finds the grant in evidence, and says so."""
    grant_id = claimed_by(service, order)
    assert grant_id
    if crash.outcome is None:
        client.report_outcome(grant_id, {"status": "unknown", "detail": "the executor was killed"})
        assert outcome_of(service, order) == "unknown"
    else:
        with pytest.raises(HandshakeError, match="security_outcome_already_reported"):
            client.report_outcome(grant_id, {"status": "unknown", "detail": "the executor was killed"})
