"""Receipts of what was played on a stack: drills and rehearsals."""

import json
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.local.settings import ROOT


def write(folder: Path, name: str, began: datetime, content: Mapping[str, Any]) -> Path:
    """Keep ``content``, with when it began and of which commit, in ``folder`` under a name that sorts by time."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{began:%Y%m%d-%H%M%S}-{name}.json"
    told = {"commit": commit.stdout.strip(), "beganAt": began.isoformat(), **content}
    path.write_text(json.dumps(told, indent=2))
    return path
