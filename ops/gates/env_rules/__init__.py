"""Check one environment for check:env-matrix: each rule fills a cell of the matrix."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Cell:
    """The value ``shown`` in the matrix, and what is ``wrong`` with it, "" when nothing is."""

    shown: str
    wrong: str = ""

    @classmethod
    def of(cls, holds: bool, right: str, wrong: str) -> Self:  # noqa: FBT001 - the one thing it asks
        """Show ``right`` where it ``holds``, else ``wrong``."""
        return cls(right) if holds else cls(wrong, wrong)

    @classmethod
    def equal(cls, found: Any, wanted: Any) -> Self:
        """Show ``found``, wrong unless it equals ``wanted``."""
        return cls(str(found) or "none", "" if found == wanted else f"it is {found or 'not set'}, not {wanted}")

    @classmethod
    def without(cls, offenders: list[str], right: str) -> Self:
        """Show ``right`` where there are no ``offenders``, else their count, and name them."""
        return cls(right) if not offenders else cls(f"{len(offenders)}", ", ".join(sorted(offenders)))
