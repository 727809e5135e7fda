"""Time what Cedar adds: a decision by prepared sets and by the hardest, preparing and validating, importing the engine.

CPU time, so that whoever else uses the machine does not count. HANDSHAKE_REPETITIONS says how many decisions.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.policy.cedar.call import Call
from handshake.policy.cedar.engine import ScopeSet, judge, prepare_set
from handshake.policy.cedar.text import sha256_of
from handshake.policy.cedar.tools import Tool, Tools
from handshake.policy.cedar.validate import validate
from ops.local.build import build
from tests.hostile.cedar_bounds import pathological, worst_of

_REPETITIONS: Final = 2000
_POLICIES: Final = (1, 20, 200)
_TOOLS: Final = 50
_STARTS: Final = 9
# What a first decision with Cedar may take longer than one without (ms): the import of the engine.
_MOST_MS: Final = 60

_SCHEMA: Final = {
    "properties": {"amount": {"type": "number"}, "to": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["amount", "to"],
}
_CALL: Final = Call(
    action_type="external_call",
    agent_id="agent",
    principal_id="principal",
    payload_ref="ref",
    at_ms=1_772_445_600_000,
    environment="production",
    tenant_id="tenant",
    tool="tool-0",
    arguments={"amount": 5.5, "to": "x"},
)


def main() -> int:
    """Print what each takes. 1 where the engine's import takes longer than it may."""
    tools = Tools(1, {f"tool-{n}": Tool(f"tool-{n}", "external_call", _SCHEMA) for n in range(_TOOLS)})
    table = Table("policies", "validate ms", "prepare ms", "decision µs, p50", "p99", box=SIMPLE_HEAD)
    for count in _POLICIES:
        text = "\n".join(map(_policy, range(count)))
        validating = _ms(partial(validate, text, tools, unmatched=None))
        preparing = _ms(partial(prepare_set, sha256_of(text), text))
        scopes = [ScopeSet("global", "v1", prepare_set(sha256_of(text), text))]
        judge(_CALL, scopes, tools)
        times = sorted(
            _ms(partial(judge, _CALL, scopes, tools)) * 1000
            for _ in range(int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS)))
        )
        p99 = times[len(times) * 99 // 100]
        table.add_row(str(count), f"{validating:.0f}", f"{preparing:.1f}", f"{median(times):.0f}", f"{p99:.0f}")
    console = Console()
    console.print(table)
    worst, whose, *_ = worst_of(pathological())
    console.print(f"the hardest set that the bounds let through: {whose}, {worst:.0f} ms")
    layer = build().parent / "CedarLayer" / "python"
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) / 2**20
    importing = median(_import_ms(str(layer)) for _ in range(_STARTS))
    console.print(f"the layer: {size:.1f} MB unpacked; importing the engine: {importing:.0f} ms of CPU")
    return int(importing > _MOST_MS)


def _policy(number: int) -> str:
    condition = f'context.input.amount.greaterThan(decimal("{number + 1000}.0")) && context.input.to == "x{number}"'
    head = f'principal, action == Action::"tool-{number % _TOOLS}", resource'
    return f'@id("p{number}") forbid ({head}) when {{ {condition} }};'


def _ms(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) * 1000


def _import_ms(layer: str) -> float:
    """Import the engine as a function does that has imported the rest of it."""
    script = (
        f"import sys, time, json, enum, dataclasses, typing; sys.path.append({layer!r});"
        "started = time.process_time(); import cedarpy; print((time.process_time() - started) * 1000)"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
