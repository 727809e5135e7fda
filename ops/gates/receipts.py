"""Receipts: what a gate did, written by the run itself to .handshake/receipts and believed only while authentic.

A receipt carries a digest over its content, and a MAC over the same under a key that is made once per checkout. So an
edited receipt shows, and so does one that was re-hashed after an edit or copied from another checkout. Whoever can read
the key can forge one: receipts keep honest people from mistakes and stale passes, not an owner of the machine from
lying. What must hold whoever deploys is checked again by the deployment itself.
"""

import hashlib
import hmac
import json
import platform
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ops.gates import checkout
from ops.gates.registry import Gate

MAX_AGE: Final = timedelta(hours=24)
_FORMAT: Final = 1
_KEY_BYTES: Final = 32
_TOOLS: Final = ("aws-sam-cli", "openapi-spec-validator", "pytest")


@dataclass(frozen=True)
class Receipt:
    """One run of one gate. ``started_at`` is UTC, ISO 8601; ``judged`` is the digest of the gate's sources."""

    gate: str
    command: str
    exit_code: int
    started_at: str
    duration_ms: int
    commit: str
    dirty: bool
    judged: str
    output: str
    host: str
    checkout: str
    repository: str
    tools: dict[str, str]
    format: int = _FORMAT


class BadReceiptError(Exception):
    """A receipt is missing, edited, foreign or stale, or tells of a failure. The message says which."""


def path_of(gate: str, folder: Path) -> Path:
    """Where the receipt of ``gate`` is kept."""
    return folder / f"{gate.replace(':', '-')}.json"


def taken(gate: Gate, root: Path, *, command: str, started: datetime) -> "Receipt":
    """A receipt of a run that starts now, before its outcome is known."""
    return Receipt(
        gate=gate.name,
        command=command,
        exit_code=-1,
        started_at=started.isoformat(timespec="milliseconds"),
        duration_ms=0,
        commit=checkout.commit(root),
        dirty=checkout.is_dirty(root),
        judged=checkout.digest_of(root, gate.sources),
        output="",
        host=platform.node(),
        checkout=str(root),
        repository=checkout.repository(root),
        tools={"python": platform.python_version(), **{tool: version(tool) for tool in _TOOLS}},
    )


def write(receipt: Receipt, folder: Path) -> Path:
    """Keep ``receipt`` in place of an earlier one of the same gate."""
    content = asdict(receipt)
    sealed = content | {"digest": _digest(content), "mac": _mac(content, _key(folder, make=True))}
    path = path_of(receipt.gate, folder)
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(sealed, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)
    return path


def read(gate: Gate, folder: Path, root: Path, *, now: datetime) -> Receipt:
    """The receipt of a pass of ``gate`` on what is checked out. Raises BadReceiptError."""
    receipt = _authentic(gate, folder)
    if receipt.host != platform.node() or receipt.checkout != str(root):
        raise BadReceiptError(f"foreign: of {receipt.checkout} on {receipt.host}")
    if receipt.repository != checkout.repository(root):
        raise BadReceiptError("foreign: of another repository")
    if receipt.commit != checkout.commit(root):
        raise BadReceiptError(f"stale: of commit {receipt.commit[:12]}, which is not checked out")
    started = datetime.fromisoformat(receipt.started_at)
    if not timedelta(0) <= now - started <= MAX_AGE:
        raise BadReceiptError(
            f"stale: {receipt.started_at} is not within the last {MAX_AGE // timedelta(hours=1)} hours"
        )
    if receipt.judged != checkout.digest_of(root, gate.sources):
        raise BadReceiptError("stale: what the gate judged has changed since")
    if receipt.dirty:
        raise BadReceiptError("of changes that no commit holds")
    if receipt.exit_code != 0:
        raise BadReceiptError(f"failed: exit code {receipt.exit_code}")
    return receipt


def _authentic(gate: Gate, folder: Path) -> Receipt:
    try:
        content = json.loads(path_of(gate.name, folder).read_text(encoding="utf-8"))
        digest, mac = str(content.pop("digest")), str(content.pop("mac"))
        receipt = Receipt(**content)
    except FileNotFoundError:
        raise BadReceiptError("missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadReceiptError("edited: it is no receipt any more") from None
    if not hmac.compare_digest(digest, _digest(content)):
        raise BadReceiptError("edited: its digest is not that of its content")
    if not hmac.compare_digest(mac, _mac(content, _key(folder, make=False))):
        raise BadReceiptError("edited or foreign: it was not written by this checkout")
    if receipt.gate != gate.name or receipt.format != _FORMAT:
        raise BadReceiptError(f"foreign: of {receipt.gate}, format {receipt.format}")
    return receipt


def _key(folder: Path, *, make: bool) -> bytes:
    path = folder / "key"
    if make and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(_KEY_BYTES))
    try:
        return path.read_bytes()
    except OSError:
        raise BadReceiptError("foreign: this checkout has written no receipt") from None


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(content)).hexdigest()


def _mac(content: dict[str, Any], key: bytes) -> str:
    return hmac.digest(key, _canonical(content), "sha256").hex()


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
