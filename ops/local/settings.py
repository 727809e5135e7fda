"""Name the local stack, and what it starts with."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
STATE: Final = ROOT / ".handshake"
STACK_NAME: Final = "handshake-local"
RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
ISSUER_ROLE: Final = "handshake-edge"  # whose identity envelopes the local stack believes
ISSUER_ARN: Final = f"arn:aws:iam::{ACCOUNT}:role/{ISSUER_ROLE}"
ROOT_KEY: Final = ("root", "root")  # ministack lets this one key do everything, whatever its signature
LOCAL_TRUST_SECRET: Final = "local-trust-secret"  # noqa: S105 - a known value, for a stack that only this machine sees
