"""check:sdk-drift: require that the client's generated files are what the committed document gives."""

from typing import Final

from ops.gates.gate import Options
from ops.gates.openapi import COMMITTED, load
from ops.openapi.sdk import FIX, GENERATED, GeneratorError, stale
from ops.verdict import Finding, Verdict

_MEND: Final = "mend ops/openapi, or teach ops/openapi/sdk.py to write it"


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    document = load(options.root / COMMITTED)
    try:
        differing = stale(options.root, document)
    except GeneratorError as fault:
        return Verdict([COMMITTED], [Finding(f"no client can be made of it: {fault}", _MEND)])
    operations = sum(len(methods) for methods in document["paths"].values())
    codes = len(document["x-reason-codes"]["codes"])
    return Verdict(
        [f"{GENERATED}, made anew from {COMMITTED}: {operations} operations, {codes} reason codes"],
        [Finding(f"{name} is not what {COMMITTED} gives", FIX) for name in differing],
    )
