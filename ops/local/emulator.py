"""Run ministack as a child process: an AWS on a free loopback port that checks signatures and IAM policies."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import urllib3

from ops.local.commands import clean_environment, free_port, serving
from ops.local.settings import REGION, ROOT_KEY

_PATCHED: Final = Path(__file__).with_name("cloudwatch") / "ministack_patches.py"


@contextmanager
def emulator(*, log: Path, events: Path | None = None) -> Iterator[str]:
    """Yield the endpoint URL of an empty AWS. Raises CommandFailedError.

    With ``events`` ministack is patched, and leaves metrics and alarms to ops.local.cloudwatch.service, which reads
    that file.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        try:
            return urllib3.request("GET", f"{url}/_ministack/health", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    # The functions inherit all of this.
    environment = clean_environment() | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ROOT_KEY[0],
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY[1],
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_REGION": REGION,
        # Listeners on fixed ports that nothing here needs.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    # -P: no module of ours is taken for one of its own.
    command = [sys.executable, "-P", str(_PATCHED), str(events)] if events else [sys.executable, "-m", "ministack"]
    with serving(command, environment=environment, log=log, ready=healthy):
        yield url
