"""Name the local stack, and what it starts with."""

import secrets
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
STATE: Final = ROOT / ".handshake"
STACK_NAME: Final = "handshake-local"
RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
PAGE_PORT: Final = 3001
PAGE_ORIGIN: Final = f"http://127.0.0.1:{PAGE_PORT}"
"""Where people's page is, and its API and sign-in: one origin."""
ISSUER_ROLE: Final = "handshake-edge"  # whose identity envelopes the local stack believes
ISSUER_ARN: Final = f"arn:aws:iam::{ACCOUNT}:role/{ISSUER_ROLE}"
ROOT_KEY: Final = (f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20))
"""Id and secret of the root of every emulated AWS that this process starts: made for this run, and nowhere written but
in running.json. Another process reads it there."""
LOCAL_TRUST_SECRET: Final = "local-trust-secret"  # noqa: S105 - a known value, for a stack that only this machine sees


def private(folder: Path) -> Path:
    """Make ``folder`` where it is not, and let no other user of this machine into it. Returns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
