"""The client as its users get it: built, installed, typed, and as its README says."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import handshake_rail
from ops.local.commands import fetching_environment
from ops.local.edge_rules import OPEN, Access
from ops.local.settings import REGION, ROOT
from ops.local.signing_edge import SigningEdge, Upstream, kept_token
from ops.local.stack import LocalStack

SDK: Final = ROOT / "sdk" / "python"
UV: Final = Path(sys.executable).with_name("uv")
EDGE: Final = "http://127.0.0.1:3000"
EDGE_OF_DEPLOYED: Final = "http://127.0.0.1:3001"
API: Final = "https://api-id.execute-api.us-east-1.amazonaws.com/production"


@pytest.fixture(scope="session")
def readme() -> str:
    """The README's Python, as the one program it is when read from top to bottom."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (SDK / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    return "\n".join(blocks)


@pytest.fixture
def edge(stack: LocalStack) -> Iterator[str]:
    """Say where a signing edge of the deployed stack listens."""
    with SigningEdge(0) as server:
        server.start(Upstream(stack.api_url, credentials=stack.issuer, region=stack.region), access=OPEN)
        yield server.url
        server.shutdown()


@pytest.fixture
def guarded_edge(stack: LocalStack) -> Iterator[tuple[str, Path]]:
    """Say where an edge of a deployed stack listens, and which file has its token."""
    with SigningEdge(0) as server, kept_token(server.server_port) as (token, header_file):
        upstream = Upstream(stack.api_url, credentials=stack.issuer, region=stack.region)
        server.start(upstream, access=Access(token, callers_envelopes=False))
        yield server.url, header_file


def test_what_the_readme_shows_runs(
    readme: str, stack: LocalStack, edge: str, guarded_edge: tuple[str, Path], tmp_path: Path
) -> None:
    shown = {EDGE: edge, EDGE_OF_DEPLOYED: guarded_edge[0], API: stack.api_url, "us-east-1": REGION}
    assert all(text in readme for text in shown)
    program = tmp_path / "readme.py"
    for text, meant in shown.items():
        readme = readme.replace(text, meant)
    program.write_text(readme)
    key = stack.issuer.get_frozen_credentials()
    credentials = {
        "AWS_ACCESS_KEY_ID": str(key.access_key),
        "AWS_SECRET_ACCESS_KEY": str(key.secret_key),
        "AWS_SESSION_TOKEN": str(key.token),
        "HANDSHAKE_EDGE_HEADER": str(guarded_edge[1]),
    }

    ran = subprocess.run(  # noqa: S603 - our own README
        [sys.executable, program], cwd=ROOT, env=os.environ | credentials, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[1:4] == ["v1", "escalated_approved_terminal", "v1"]
    assert [line.split()[1] for line in lines[4:]].count("hitl_approved") >= 1


def test_a_type_checker_follows_what_the_readme_shows(readme: str, tmp_path: Path) -> None:
    program = tmp_path / "readme.py"
    program.write_text(readme + '\ndecided["outcome"]\nhandshake.submit_request({"requestId": 1})\n')

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", tmp_path / "cache", program],
        env=os.environ | {"MYPYPATH": str(SDK / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    wrong = [line for line in ran.stdout.splitlines() if ": error: " in line]
    assert len(wrong) == 2, ran.stdout
    assert '"Decided" has no key "outcome"' in wrong[0]
    assert "Missing keys" in wrong[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Say where the package is, as it is given away: a wheel, and the sources it is built from."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "-q", "--offline", "-o", folder, SDK], check=True, capture_output=True)  # noqa: S603 - our own words
    return folder


def test_the_package_holds_all_modules_and_nothing_else(built: Path) -> None:
    [wheel], [sources] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}
    with tarfile.open(sources) as archive:
        in_sources = {member.name.partition("/")[2] for member in archive if member.isfile()}
    kept = {str(path.relative_to(SDK)) for path in SDK.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    assert in_wheel == {name.removeprefix("src/") for name in kept if name.startswith("src/")}
    assert in_sources - {"PKG-INFO", "pyproject.toml.orig"} == kept  # those two are uv's
    assert "handshake_rail/py.typed" in in_wheel


@pytest.mark.parametrize("form", ["*.whl", "*.tar.gz"])
def test_it_installs_into_a_fresh_environment_as_a_typed_package(built: Path, form: str, tmp_path: Path) -> None:
    [package] = built.glob(form)
    python = tmp_path / "fresh" / "bin" / "python"
    for command in (
        ["venv", "-q", "--python", sys.executable, str(tmp_path / "fresh")],
        ["pip", "install", "-q", "--python", str(python), str(package)],
    ):
        done = subprocess.run([UV, *command], env=fetching_environment(), capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        assert done.returncode == 0, done.stderr

    shown = _run(python, "import handshake_rail, importlib.metadata as m; print(m.version('handshake-rail'))")
    # This package is in no public index, where anybody could take its name, so nobody is sent there.
    missing = _run(python, "import handshake_rail.signing")

    version = tomllib.loads((SDK / "pyproject.toml").read_text())["project"]["version"]
    assert (shown.stdout.strip(), shown.stderr) == (version, "")
    assert version == handshake_rail.__version__
    assert f"## {version}" in (SDK / "CHANGELOG.md").read_text().splitlines()
    last_line = missing.stderr.splitlines()[-1]
    assert 'pip install "PATH/TO/THIS/REPOSITORY/sdk/python[sigv4]"' in last_line
    assert "install handshake-rail" not in last_line


def _run(python: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
