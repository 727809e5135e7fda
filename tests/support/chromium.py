"""Show a page in a real Chromium, without a window, and read what it has become."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_TIMEOUT_S = 90


def executable() -> str | None:
    """Return the path of Chromium: HANDSHAKE_CHROMIUM, or the first of its usual names on the PATH."""
    return os.environ.get("HANDSHAKE_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def chromium_missing() -> str:
    """Say in one line that Chromium is not on this machine; empty where it is."""
    return "" if executable() else "tests of web pages need Chromium: install it, or name it with HANDSHAKE_CHROMIUM"


def show(url: str, *, home: Path, hosts: Mapping[str, str], most_ms: int) -> str:
    """Open ``url`` and return the page as it is when all that it loads is there, or after ``most_ms``.

    ``hosts`` are names that resolve to other addresses, as an attacker's own name server would have it. ``home`` keeps
    the profile. Raises CalledProcessError.
    """
    rules = ", ".join(f"MAP {name} {address}" for name, address in hosts.items())
    command = [
        str(executable()),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={home}"),
        *(f"--host-resolver-rules={rules}", f"--timeout={most_ms}", "--dump-dom", url),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)  # noqa: S603 - ours
    return shown.stdout
