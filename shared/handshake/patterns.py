"""The regular expressions of a start, compiled by the build as its modules are (shared/precompile_patterns.py).

A start compiles some 120, most of them urllib3's, botocore's and the standard library's: an eighth of its time. What a
version of Python compiled is no other's, so the file is named after it; where there is none, `re` compiles as ever.
"""

import _sre  # type: ignore[import-not-found]  # what `re` compiles to; nothing public takes its code
import marshal
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# ruff: noqa: SLF001 - `re` has no public way to be given what it would compile

_FILE: Final = Path(__file__).with_name(f"patterns.{sys.implementation.cache_tag}-{_sre.MAGIC}.bin")

# What `re` is asked for (text or bytes, and flags), and what it compiles then: all flags, the code, and its groups.
Compiled = tuple[str | bytes, int, int, list[int], int, dict[str, int], tuple[str | None, ...]]


def keep(patterns: Iterable[Compiled]) -> None:
    """Write them where ``hand_over`` looks."""
    _FILE.write_bytes(marshal.dumps(list(patterns)))


def hand_over() -> None:
    """Have `re` find compiled what was kept, if anything was."""
    try:
        kept = _FILE.read_bytes()
    except FileNotFoundError:
        return
    patterns: list[Compiled] = marshal.loads(kept)  # noqa: S302 # nosec B302 - of our own layer, like its bytecode
    for pattern, asked, *code in patterns:
        re._cache[type(pattern), pattern, asked] = _sre.compile(pattern, *code)  # type: ignore[attr-defined] # not in its stubs
