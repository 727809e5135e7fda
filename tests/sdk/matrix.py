"""Every client at every fault, as a table: `python -m tests.sdk.matrix`.

Each cell is an executor of its own, a process that executes one order while something fails, and then again while
nothing does. Held of each: no effect without a grant that evidence names, and none twice.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from ops.local.dynamodb import dynamodb_local
from ops.local.settings import ROOT
from tests.sdk.granting import an_order, claimed_by
from tests.sdk.serving import Answer, handlers_of, served
from tests.support import engines
from tests.support.logs import standard_output
from tests.support.node import install
from tests.support.service import InProcess

Fault = Literal["killed before", "killed after", "down", "slow", "half an answer", "503 with Retry-After", "clock off"]

CLIENTS: Final[Mapping[str, Sequence[str]]] = {
    "Python, blocking": (sys.executable, "-m", "tests.sdk.executor", "blocking"),
    "Python, async": (sys.executable, "-m", "tests.sdk.executor", "async"),
    "TypeScript": ("node", str(ROOT / "tests/sdk/executor.js")),
}
STEPS: Final = ("requests", "jwks.json", "grants", "effect", "outcome")
CONSUMED: Final = "security_grant_consumed"
_RETRY_AFTER_S: Final = 1
_PATIENCE_S: Final = 1.5


@dataclass(frozen=True)
class Case:
    """A fault, at the call whose path ends in ``at``; what the first run prints, and how often the effect is done.

    ``again`` is what the second run prints, and ``off_by_s`` by how much the service's clock is ahead of the client's.
    """

    fault: Fault
    at: str
    first: str
    again: str
    effects: int
    off_by_s: int = 0

    def __str__(self) -> str:
        return f"{self.fault} by {self.off_by_s:+} s" if self.off_by_s else f"{self.fault}, {self.at}".rstrip(", ")


KILLED: Final = (
    Case("killed before", "requests", "", "done", 1),
    Case("killed after", "requests", "", "done", 1),
    Case("killed before", "jwks.json", "", "done", 1),
    Case("killed after", "jwks.json", "", "done", 1),
    Case("killed before", "grants", "", "done", 1),
    Case("killed after", "grants", "", CONSUMED, 0),
    Case("killed before", "effect", "", CONSUMED, 0),
    Case("killed after", "effect", "", CONSUMED, 1),
    Case("killed before", "outcome", "", CONSUMED, 1),
    Case("killed after", "outcome", "", CONSUMED, 1),
)
FAILING: Final = (
    Case("down", "", "no_answer", "done", 1),
    Case("slow", "requests", "no_answer", "done", 1),
    Case("slow", "grants", "done", CONSUMED, 1),
    Case("slow", "outcome", "done", CONSUMED, 1),
    Case("half an answer", "requests", "done", CONSUMED, 1),
    Case("half an answer", "grants", "done", CONSUMED, 1),
    Case("half an answer", "outcome", "done", CONSUMED, 1),
    Case("503 with Retry-After", "requests", "done", CONSUMED, 1),
    Case("503 with Retry-After", "grants", "done", CONSUMED, 1),
    Case("clock off", "", "expired", CONSUMED, 0, off_by_s=-120),
    Case("clock off", "", "not_yet_valid", CONSUMED, 0, off_by_s=120),
    Case("clock off", "", "trust_context_timestamp_skew_fail_closed", "done", 1, off_by_s=-400),
    Case("clock off", "", "trust_context_timestamp_skew_fail_closed", "done", 1, off_by_s=400),
)


@dataclass(frozen=True)
class Played:
    """What two runs printed, the grants of the effects, the one that evidence names, and how long the first took."""

    first: str
    again: str
    effects: Sequence[str]
    claimed: str | None
    first_s: float

    @property
    def held(self) -> bool:
        """Say whether nothing was done without a grant, or twice."""
        return list(self.effects) in ([], [self.claimed])


@dataclass
class _Door:
    """Stands before the service, and fails once at the call of the case."""

    service: InProcess
    case: Case
    victim: subprocess.Popen[str] | None = None
    failed: bool = False

    def passes(self, method: str, target: str, headers: dict[str, str], body: str | None) -> Answer | None:
        """Answer as the service does, or not."""
        fails = target.rpartition("/")[2] == self.case.at and not self.failed
        if fails and self.case.fault == "503 with Retry-After":
            self.failed = True
            return 503, {"retry-after": str(_RETRY_AFTER_S)}, _unavailable()
        if fails and self.case.fault == "killed before":
            self._kill()
            return None
        answer = handlers_of(self.service)(method, target, headers, body)
        if not fails:
            return answer
        if self.case.fault == "killed after":
            self._kill()
            return None
        self.failed = True
        if self.case.fault == "slow":
            time.sleep(_PATIENCE_S * 2)
        if answer and self.case.fault == "half an answer":
            status, given, text = answer
            # It says how long all of it is, and ends before that.
            return status, {**given, "content-length": str(len(text))}, text[: len(text) // 2]
        return answer

    def _kill(self) -> None:
        while self.victim is None:
            time.sleep(0.01)
        os.kill(self.victim.pid, signal.SIGKILL)
        self.failed = True


def _unavailable() -> bytes:
    code = "adapter_store_unavailable"
    body = {"status": "error", "error": code, "reasonCode": code, "responseClass": "retryable", "message": "Again."}
    return json.dumps(body).encode()


def play(service: InProcess, folder: Path, client: str, case: Case) -> Played:
    """Run ``client`` through ``case``, and then again without it."""
    order = an_order(10)
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    (folder / "effects").write_text("", encoding="utf-8")
    off = service.now_ms
    ahead = replace(service, now_ms=lambda: off() + case.off_by_s * 1000) if case.off_by_s else service
    door = _Door(ahead, case)
    dies = case.fault.removeprefix("killed ") if case.at == "effect" else ""
    began = time.monotonic()
    with served(door.passes) if case.fault != "down" else _nobody() as url:
        door.victim = _start(client, url, folder, dies)
        first, _ = door.victim.communicate(timeout=60)
    first_s = time.monotonic() - began
    with served(handlers_of(service)) as url:
        again, _ = _start(client, url, folder).communicate(timeout=60)
    effects = (folder / "effects").read_text(encoding="utf-8").splitlines()
    return Played(first.strip(), again.strip(), effects, claimed_by(service, order), first_s)


@contextmanager
def _nobody() -> Iterator[str]:
    """Say where nobody listens."""
    with served(lambda *_: None) as url:
        pass
    yield url


def _start(client: str, url: str, folder: Path, dies: str = "") -> subprocess.Popen[str]:
    command = [*CLIENTS[client], url, str(folder / "order.json"), str(folder / "effects"), *filter(None, [dies])]
    env = os.environ | {"TIMEOUT_S": str(_PATIENCE_S)}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words


def table(played: Mapping[tuple[str, Case], Played]) -> str:
    """Write what came of each: effects done, and what the first and the second run printed."""
    cases = list(dict.fromkeys(case for _, case in played))
    rows = [["case", *CLIENTS], *([str(case), *(_cell(played[client, case]) for client in CLIENTS)] for case in cases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    wrong = sum(not one.held for one in played.values())
    return "\n".join([*lines, f"{len(played)} runs; effects without a grant, or twice: {wrong}"])


def _cell(played: Played) -> str:
    return f"{len(played.effects)} ({played.first or 'killed'}, {played.again})"


def main() -> str | None:
    """Play everything and print the table. Returns what is wrong, in words, or None."""
    install()
    played: dict[tuple[str, Case], Played] = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        store: Any = engines.client_of("dynamodb", endpoint)
        with standard_output():
            service = InProcess(store, engines.create_tables(store))
            for case in (*KILLED, *FAILING):
                for client in CLIENTS:
                    played[client, case] = play(service, Path(scratch), client, case)
    print(table(played))
    unlike = [f"{client}: {case}" for (client, case), one in played.items() if not as_expected(one, case)]
    return f"error: not as expected: {'; '.join(unlike)}" if unlike else None


def as_expected(played: Played, case: Case) -> bool:
    """Say whether all of it is what the case says, and what must hold of every case does."""
    said = (played.first, played.again, len(played.effects))
    return played.held and said == (case.first, case.again, case.effects)


if __name__ == "__main__":
    sys.exit(main())
