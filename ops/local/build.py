"""Run `sam build` for this machine, unless nothing it reads has changed."""

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ops.local.commands import clean_environment, fetching_environment, run_logged
from ops.local.settings import REGION, ROOT, RUNTIME, STATE, private

SAM: Final = [sys.executable, "-m", "samcli"]
_KEPT_S: Final = 3600
_SOURCES: Final = (
    "template.yaml",
    "state",
    "alarms/template.yaml",
    "alarms/dashboard.yaml",
    "alarms/audit.yaml",
    "room/template.yaml",
    "shared",
    "functions",
    "migrations",
    "requirements-dev.txt",
)


def sam_environment() -> dict[str, str]:
    return clean_environment() | {
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.1",
        "__SAM_CLI_APP_DIR": str(STATE / "sam"),  # not the user's own settings
    }


def build() -> Path:
    """Build with this interpreter for this machine. Returns the built template's path.

    Builds are kept by the digest of what they are made from, so one is never changed under a reader.
    """
    builds = private(STATE) / "builds"
    built = builds / _digest()
    builds.mkdir(parents=True, exist_ok=True)
    with (STATE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second finds it built
        if built.exists():
            return built / "template.yaml"
        with tempfile.TemporaryDirectory(dir=builds, prefix="making-") as making:
            target = Path(making) / "build"
            run_logged(
                [
                    *(*SAM, "build", "--parallel", "--build-dir", str(target)),
                    *("--parameter-overrides", f"Environment=local PythonRuntime={RUNTIME}"),
                ],
                cwd=ROOT,
                environment={
                    **fetching_environment(),
                    **sam_environment(),
                    "HANDSHAKE_PYTHON": sys.executable,
                    "HANDSHAKE_PLATFORM": "",
                    "HANDSHAKE_UV": str(Path(sys.executable).with_name("uv")),
                },
                log=STATE / "build.log",
            )
            _check_layers(target)
            target.rename(built)
        _prune(builds, keep=built)
    return built / "template.yaml"


def _prune(builds: Path, *, keep: Path) -> None:
    """Remove builds of some time ago; a recent one may still be being deployed."""
    for build in builds.iterdir():
        if build != keep and build.stat().st_mtime < time.time() - _KEPT_S:
            shutil.rmtree(build, ignore_errors=True)


def _check_layers(target: Path) -> None:
    """Import the layers with nothing else on the path, as Lambda does; ministack leaves this virtualenv there.

    The shared one stands alone but for the modules that are imported once Cedar is needed, or where people sign in.
    Raises CommandFailedError where handshake needs what shared/*.in do not name.
    """
    layer, cedar, sign_in = (target / f"{name}Layer" / "python" for name in ("Shared", "Cedar", "SignIn"))
    script = f"""
import importlib, pkgutil, sys
sys.path.append({str(layer)!r})
import handshake
needs_cedar = ("handshake.policy.cedar.engine", "handshake.policy.cedar.validate")
needs_sign_in = ("handshake.people.pool_keys", "handshake.people.door", "handshake.api.people")
modules = [module.name for module in pkgutil.walk_packages(handshake.__path__, "handshake.")]
for name in (name for name in modules if name not in needs_cedar + needs_sign_in):
    importlib.import_module(name)
assert not {{"cedarpy", "cryptography"}} & sys.modules.keys()
sys.path += [{str(cedar)!r}, {str(sign_in)!r}]
for name in needs_cedar + needs_sign_in:
    importlib.import_module(name)
"""
    run_logged(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=layer,
        environment=clean_environment() | {"AWS_REGION": REGION},
        log=STATE / "layer.log",
    )


def _digest() -> str:
    """Hash everything a build depends on: the sources, and the interpreter and machine it is made for."""
    digest = hashlib.sha256(f"{sys.version} {sys.executable} {platform.platform()}".encode())
    for path in _files():
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for source in _SOURCES:
        if (ROOT / source).is_file():
            yield ROOT / source
        for folder, names, files in os.walk(ROOT / source):
            names[:] = sorted(name for name in names if name != "__pycache__")
            yield from (Path(folder) / file for file in sorted(files))
