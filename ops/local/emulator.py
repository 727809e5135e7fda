"""Run ministack as a child process: an AWS on a free loopback port that checks signatures and IAM policies.

Its guard (ops.local.guard) is in that process: nothing reaches ministack but through it, with a key of this run.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ops.local.commands import clean_environment, free_port, serving
from ops.local.settings import REGION, ROOT, ROOT_KEY, private

# Started by text: as a script's, its folder would come first on the path, and ours be taken for modules of ministack's.
_START: Final = """
import sys
from pathlib import Path
sys.path.append(sys.argv.pop(1))
from ops.local.cloudwatch.ministack_patches import start
start(*map(Path, sys.argv[1:]))
"""


@contextmanager
def emulator(*, log: Path, events: Path | None = None) -> Iterator[str]:
    """Yield the endpoint URL of an empty AWS, whose root has ROOT_KEY. Raises CommandFailedError.

    With ``events`` ministack is patched, and leaves metrics and alarms to ops.local.cloudwatch.service, which reads
    that file.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        health = f"{url}/_ministack/health"
        request = AWSRequest("GET", health)
        SigV4Auth(Credentials(*ROOT_KEY), "health", REGION).add_auth(request)
        headers = dict(request.headers)
        try:
            return urllib3.request("GET", health, headers=headers, retries=False, timeout=5).status == 200
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
        # Where it keeps the keys that sign tokens: left out, in a folder that any user of this machine may have made.
        "STATE_DIR": str(private(log.with_suffix(".state"))),
        # Listeners on fixed ports that nothing here needs.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    command = [sys.executable, "-P", "-c", _START, str(ROOT), *([str(events)] if events else [])]
    with serving(command, environment=environment, log=log, ready=healthy):
        yield url
