"""Try a change: the tests that call what changed are run on a copy of the checkout that has it."""

import compileall
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, Final

import pytest

from tests.mutants.mutations import Mutation
from tests.support import engines
from tests.support.checkouts import copy_to

PACKAGE: Final = Path("shared/handshake")
# In this process, and quick enough to be run some hundred times.
_SUITE: Final = ("-m", "not deployed and not waits")
_PLUGIN: Final = ("-p", "tests.mutants.reach", "-p", "no:cacheprovider")
# Of what the tests took when nothing was changed: a changed loop may have no end.
_FACTOR: Final = 5
TIME: Final = "time, twice"
# What is made of the modules as they are imported, and held to them.
_DOCUMENT: Final = "tests/ops/openapi/"


@dataclass(frozen=True)
class KnownTest:
    """A test: how long it takes, whether it starts a store, and which functions of which files it calls."""

    id: str
    seconds: float
    store: bool
    calls: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Trial:
    """The end of a trial: ``caught_by`` is the test that failed, ``TIME`` where they took too long, "" if none did."""

    mutation: Mutation
    caught_by: str
    tests: int
    seconds: float


class Copy:
    """A copy of the checkout to change, and what its tests call as it is.

    ``patience_s`` is how much longer than five times the usual the tests of a change may take.
    """

    def __init__(self, folder: Path, *, patience_s: float = 60.0) -> None:
        self._patience_s = patience_s
        self._root = copy_to(folder / "checkout")
        # Whatever the time of a file is, what is compiled of it is what it says.
        compileall.compile_dir(self._root, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        self._selected = folder / "selected"
        self._reach = folder / "reach"
        self._profile: tuple[str, ...] = ()

    def learn(self, rooms: Sequence[str], *, kept: Path | None = None) -> list[KnownTest]:
        """Run the tests of ``rooms`` on the copy as it is, and note what each calls; ``kept`` spares the next run that.

        Raises RuntimeError where one fails: what fails anyway notices nothing.
        """
        if not (kept and kept.exists()):
            where = [f"tests/{room}" for room in rooms]
            code, said = self._pytest([*where, *_SUITE, "-q"], {"HANDSHAKE_REACH": str(self._reach)}, timeout_s=3600)
            if code:
                raise RuntimeError(f"the tests fail where nothing was changed:\n{said}")
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(self._reach.read_text())
        noted: dict[str, dict[str, Any]] = json.loads((kept or self._reach).read_text())
        return [KnownTest(name, **test) for name, test in noted.items()]

    def attempt(self, mutation: Mutation, tests: Sequence[KnownTest]) -> Trial:
        """Say which test notices ``mutation``; the quickest are asked first."""
        chosen = concerned(mutation, tests)
        self._selected.write_text("\n".join(test.id for test in chosen))
        files = sorted({test.id.partition("::")[0] for test in chosen})
        path = self._root / PACKAGE / mutation.file
        before, started = path.read_text(), time.monotonic()
        path.write_text(mutation.text)
        try:
            caught_by = self._first_failure(files, sum(test.seconds for test in chosen)) if chosen else ""
            if caught_by == TIME:
                # A busy machine is slow as well.
                caught_by = self._first_failure(files, sum(test.seconds for test in chosen))
        finally:
            path.write_text(before)
        return Trial(mutation, caught_by, len(chosen), time.monotonic() - started)

    def _first_failure(self, files: Sequence[str], usual_s: float) -> str:
        options = [*_SUITE, "-x", "-q", "-p", "no:randomly", "--tb", "no"]
        environment = {"HANDSHAKE_SELECTED": str(self._selected)}
        try:
            code, said = self._pytest([*files, *options], environment, timeout_s=self._patience_s + _FACTOR * usual_s)
        except subprocess.TimeoutExpired:
            return TIME
        # A change that leaves none of them to run is noticed by none.
        if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return ""
        failed = [line for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return failed[0].partition(" ")[2].partition(" - ")[0] if failed else f"exit code {code}"

    def _pytest(self, arguments: Sequence[str], environment: Mapping[str, str], *, timeout_s: float) -> tuple[int, str]:
        paths = f"{self._root}/shared:{self._root}/sdk/python/src:{self._root}"
        own = {
            "PYTHONPATH": paths,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HANDSHAKE_DYNAMODB_LOCAL": str(engines.DYNAMODB_LOCAL),
        }
        with tempfile.TemporaryFile("w+") as output:
            running = subprocess.Popen(  # noqa: S603 - a command of ours
                [sys.executable, "-m", "pytest", *_PLUGIN, *arguments],
                cwd=self._root, env=os.environ | own | dict(environment), stdout=output, stderr=output, text=True,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = running.wait(timeout_s)
            finally:
                # With all that it started, a DynamoDB Local among it.
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)
                    running.wait()
            output.seek(0)
            return code, output.read()


def concerned(mutation: Mutation, tests: Sequence[KnownTest]) -> list[KnownTest]:
    """Those of ``tests`` that call the changed function, the quickest first; those that start a store come last.

    What is done while a module is imported no test calls: it concerns the room's own tests, whatever calls anything of
    the file, and the tests of the OpenAPI document, which is made of what the modules say.
    """
    file, room = mutation.file, mutation.file.partition("/")[0]
    calling = [test for test in tests if mutation.function and mutation.function in test.calls.get(file, ())]
    near = (f"tests/{room}/", _DOCUMENT)
    chosen = calling or [test for test in tests if file in test.calls or test.id.startswith(near)]
    return sorted(chosen, key=lambda test: (test.store, test.seconds))
