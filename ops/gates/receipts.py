"""Write and read receipts: JSON files that say what was run here, on which commit, and how it ended.

A gate's receipt in .handshake/receipts carries a digest over its content, so an edit made by mistake shows. It is
believed for the commit, the sources and the checkout that it names, and for a day. Receipts keep honest people from
stale passes; what must hold whoever deploys is checked again by the deployment itself.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ops.gates import checkout
from ops.gates.registry import Gate
from ops.local.settings import ROOT
from ops.verdict import CannotJudgeError

MAX_AGE: Final = timedelta(hours=24)
_FORMAT: Final = 2
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
    """The receipt is missing, edited, foreign or stale, or says that the gate failed. The message says which."""


def path_of(gate: str, folder: Path) -> Path:
    """Return the file that keeps the receipt of ``gate``."""
    return folder / f"{gate.replace(':', '-')}.json"


def begin(gate: Gate, root: Path, *, command: str, started: datetime) -> Receipt:
    """Make the receipt of a run that starts now, before its outcome is known. Raises CannotJudgeError."""
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
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(receipt.gate, folder)
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({**content, "digest": _digest(content)}, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)
    return path


def read(gate: Gate, folder: Path, root: Path, *, now: datetime) -> Receipt:
    """Read the receipt of a pass of ``gate`` on what is checked out. Raises BadReceiptError."""
    receipt = _unedited(gate, folder)
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


def _unedited(gate: Gate, folder: Path) -> Receipt:
    try:
        content = json.loads(path_of(gate.name, folder).read_text(encoding="utf-8"))
        digest = content.pop("digest")
        receipt = Receipt(**content)
    except FileNotFoundError:
        raise BadReceiptError("missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadReceiptError("edited: it is no receipt any more") from None
    if digest != _digest(content):
        raise BadReceiptError("edited: its digest is not that of its content")
    if receipt.gate != gate.name or receipt.format != _FORMAT:
        raise BadReceiptError(f"foreign: of {receipt.gate}, format {receipt.format}")
    return receipt


def keep(folder: Path, name: str, began: datetime, content: Mapping[str, Any]) -> Path:
    """Keep the receipt of a drill or a rehearsal in ``folder``, under a name that sorts by the time it ``began``."""
    try:
        commit = checkout.commit(ROOT)
    except CannotJudgeError:
        commit = ""  # a copy of the files, in which a drill works as well
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{began:%Y%m%d-%H%M%S}-{name}.json"
    path.write_text(json.dumps({"commit": commit, "beganAt": began.isoformat(), **content}, indent=2))
    return path


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
