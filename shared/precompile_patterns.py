"""Run by the Makefile on the layer: leave in it, compiled, the regular expressions that a start compiles.

    python -I -S precompile_patterns.py LAYER

It starts what every function starts, and looks at what `re` remembers of it.
"""

import os
import re
import sys
from re import _compiler, _parser  # type: ignore[attr-defined] # not in its stubs

# ruff: noqa: SLF001 - `re` tells nobody else what it compiles

sys.path.insert(0, sys.argv[1])
# So that botocore looks for neither a region nor credentials.
os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}


def compiled(pattern: str | bytes, asked: int) -> "patterns.Compiled":
    """What re._compiler.compile gives `_sre`."""
    parsed = _parser.parse(pattern, asked)
    names: list[str | None] = [None] * parsed.state.groups
    for name, index in parsed.state.groupdict.items():
        names[index] = name
    # Subclasses of int, which marshal does not take.
    code = [int(one) for one in _compiler._code(parsed, asked)]
    flags = int(asked | parsed.state.flags)
    return pattern, int(asked), flags, code, parsed.state.groups - 1, dict(parsed.state.groupdict), tuple(names)


if __name__ == "__main__":
    from handshake import patterns
    from handshake.edge import http, runtime

    del http  # importing it is all
    runtime.build_runtime({})
    patterns.keep(compiled(pattern, asked) for _, pattern, asked in list(re._cache))  # type: ignore[attr-defined] # not in its stubs
