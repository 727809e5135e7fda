"""Run child processes of the local stack, with their environment and logs, and say why one failed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.local import kill_on_parent_exit

_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
# How this machine reaches package indexes: their addresses, certificates, proxies.
_FETCHING: Final = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_TAIL_LINES: Final = 25
_START_TIMEOUT_S: Final = 60


class CommandFailedError(Exception):
    """A command ended with an error; the message ends with the last lines of its log."""


def clean_environment() -> dict[str, str]:
    """Return what a child may inherit: no AWS profile, endpoint or credential of the user's, no secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def fetching_environment() -> dict[str, str]:
    """Return ``clean_environment`` with what a child needs that fetches packages."""
    settings = {name: value for name, value in os.environ.items() if name.upper().startswith(_FETCHING)}
    proxies = {name: value for name, value in os.environ.items() if name.upper() in _PROXIES}
    return clean_environment() | settings | proxies


def run_logged(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path) -> None:
    """Run ``command`` with its output in ``log``, replaced at each run. Raises CommandFailedError."""
    with log.open("w") as output:
        done = subprocess.run(  # noqa: PLW1510 - checked below, with the log
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode != 0:
        raise CommandFailedError(f"exit code {done.returncode}, from {log}:\n{tail(log)}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])


@contextmanager
def serving(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, ready: Callable[[], bool]
) -> Iterator[None]:
    """Keep a server running, from when ``ready`` says so until exit or until this process dies.

    Its own child processes end with it. Raises CommandFailedError where it ends or stays silent.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, kill_on_parent_exit.__file__, *command],
            cwd=log.parent,  # DynamoDB Local writes a file where it starts
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; the server is killed when we let go of its pipe
        )
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailedError(f"{' '.join(command)} did not start, from {log}:\n{tail(log)}")
            time.sleep(0.05)
        yield
    finally:
        process.communicate()  # closes its standard input, and waits


def spare_loopback() -> None:
    """Keep this process and its children from calling this machine itself through a proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        listed = [host for host in os.environ.get(name, "").split(",") if host.strip()]
        if listed != ["*"]:
            os.environ[name] = ",".join(dict.fromkeys([*listed, *_LOOPBACK]))


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
