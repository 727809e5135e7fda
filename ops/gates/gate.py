"""Give every gate its options: which checkout, which stack, where receipts are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT, STATE

RECEIPTS: Final = STATE / "receipts"


@dataclass(frozen=True)
class Options:
    """Judge the checkout at ``root``, and with ``stack`` the deployed stack of that name too."""

    root: Path = ROOT
    stack: str = ""
    receipts: Path = RECEIPTS
