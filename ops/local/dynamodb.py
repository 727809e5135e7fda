"""Run DynamoDB Local, Amazon's own engine, for tests that race. `python -m ops.local.dynamodb` fetches it."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.local.commands import clean_environment, free_port, serving
from ops.local.settings import STATE

HOME: Final = STATE / "dynamodb-local"
_PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"  # an npm package that carries the jar
_SHA256: Final = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"


@contextmanager
def dynamodb_local(*, log: Path, home: Path = HOME, data: Path | None = None) -> Iterator[str]:
    """Yield the endpoint URL of an empty database in memory, or of the one kept in the folder ``data``.

    Raises CommandFailedError.
    """
    port = free_port()

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    # It lives for minutes, beside its callers: compiling more, or collecting on more threads, costs more than it gains.
    command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    command += [f"-Djava.library.path={home}/DynamoDBLocal_lib", "-jar", f"{home}/DynamoDBLocal.jar"]
    command += ["-inMemory"] if data is None else ["-dbPath", str(data)]
    command += ["-sharedDb", "-disableTelemetry", "-port", str(port)]
    # In the locale C, Java takes no file whose name is not ASCII.
    environment = clean_environment() | {"LC_ALL": "C.UTF-8"}
    with serving(command, environment=environment, log=log, ready=listening):
        yield f"http://127.0.0.1:{port}"


def fetch(home: Path = HOME) -> None:
    """Unpack the jar into ``home``, once. Raises ValueError where it is not the one tested with."""
    if home.exists():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        subprocess.run(["npm", "pack", "--silent", "--prefer-offline", _PACKAGE], cwd=scratch, check=True)
        (archive,) = Path(scratch).glob("*.tgz")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != _SHA256:
            raise ValueError(f"{_PACKAGE} has SHA-256 {found}, not {_SHA256}")
        with tarfile.open(archive) as package:
            package.extractall(scratch, filter="data")
        (Path(scratch) / "package" / "emulator").rename(home)


if __name__ == "__main__":
    needed = ("java",) if HOME.exists() else ("java", "npm")
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if missing:
        print(f"DynamoDB Local needs {' and '.join(missing)}, not on this machine; most tests need it", file=sys.stderr)
        sys.exit(os.EX_UNAVAILABLE)
    fetch()
