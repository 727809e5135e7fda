"""python -m ops.openapi.vectors: write what the code says of each body in openapi/vectors/action-digest.json.

The bodies are written by hand, as text, because what a number was written as matters. With --check: fail when the
committed file is not the code's.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import parse
from handshake.requests.submission import Submission, parse_recorded

ROOT: Final = Path(__file__).parents[2]
VECTORS: Final = ROOT / "openapi" / "vectors" / "action-digest.json"
_MAX_BYTES: Final = 64 * 1024


def submission_of(body: str) -> Submission:
    """Read a body as the service does, but for its age. Raises HandshakeError."""
    return parse_recorded(parse(body, max_bytes=_MAX_BYTES))


def filled(vectors: dict[str, Any]) -> dict[str, Any]:
    """Give ``vectors`` with what the code says of each of their bodies."""
    return {
        **vectors,
        "digests": [_digested(vector) for vector in vectors["digests"]],
        "refused": [_refused(vector) for vector in vectors["refused"]],
    }


def _digested(vector: dict[str, Any]) -> dict[str, Any]:
    submission = submission_of(vector["body"])
    said = {"name": vector["name"], "body": vector["body"]}
    return said | {"canonical": submission.canonical_action, "actionDigest": submission.action_digest}


def _refused(vector: dict[str, Any]) -> dict[str, Any]:
    try:
        submission_of(vector["body"])
    except HandshakeError as refused:
        return {**vector, "reasonCode": refused.refusal.reason.code, "message": refused.refusal.message}
    raise ValueError(f"{vector['name']} is not refused")


def main() -> str | None:
    """Run the command line. Returns what is wrong, in words, or None."""
    committed = VECTORS.read_text(encoding="utf-8")
    text = json.dumps(filled(json.loads(committed)), indent=2) + "\n"
    if "--check" not in sys.argv[1:]:
        VECTORS.write_text(text, encoding="utf-8")
        return None
    return None if text == committed else f"error: {VECTORS.relative_to(ROOT)} is not what the code says"


if __name__ == "__main__":
    sys.exit(main())
