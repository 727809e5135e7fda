"""Measure what Cedar adds to a cold start: nothing where no scope stores it, the engine's import where one does.

What judges submissions starts in Amazon's runtime interface emulator, as SAM zips it, and decides its first one, on
DynamoDB Local: without the layer of Cedar's engine, with it where no scope stores Cedar, and where a scope does. They
take turns, HANDSHAKE_STARTS times each.
"""

import logging
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.dynamo.tables import Tables
from ops.gates.import_budget import variables_of
from ops.local.dynamodb import dynamodb_local
from ops.local.settings import ROOT
from tests.bench.cold_start import artefacts
from tests.bench.cold_start.artefacts import Unpacked
from tests.bench.cold_start.bench import http_event
from tests.bench.cold_start.emulator import start
from tests.support import engines
from tests.support.service import InProcess, apply_policy, submission

_STARTS: Final = 15
# The most that a start may take longer, with its first decision, where a scope stores Cedar (ms).
_MOST_MS: Final = 60
_FORBID: Final = '@id("no-payment") forbid (principal, action == Action::"payment", resource);'


@dataclass(frozen=True)
class _Case:
    """A function, the tables it reads, and what it answers to a payment."""

    name: str
    function: Unpacked
    tables: Tables
    decision: str


def main() -> int:
    """Print the medians. 1 where Cedar adds more than it may."""
    logging.disable()  # the apply leaves a line
    starts = int(os.environ.get("HANDSHAKE_STARTS", _STARTS))
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        cases = _cases(Path(scratch), endpoint)
        runtime = artefacts.lambda_runtime(Path(scratch) / "runtime")
        took: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
        for _ in range(starts):
            for case in cases:
                took[case.name].append(_start(case, runtime, endpoint))
    table = Table("first decision", "init ms", "call ms", "both", box=SIMPLE_HEAD)
    for name, each in took.items():
        figures = (median(init for init, _ in each), median(call for _, call in each), median(map(sum, each)))
        table.add_row(name, *(f"{figure:.0f}" for figure in figures))
    console = Console()
    console.print(table)
    *_, unused, used = (median(map(sum, each)) for each in took.values())
    console.print(f"a scope's Cedar adds {used - unused:.0f} ms; medians of {starts} starts each, taking turns")
    return int(used - unused > _MOST_MS)


def _cases(scratch: Path, endpoint: str) -> list[_Case]:
    client = engines.client_of("dynamodb", endpoint)
    bare, cedar = engines.create_tables(client), engines.create_tables(client)
    applied = apply_policy(InProcess(client, cedar), {"scope": "global", "cedar": _FORBID})
    assert applied.status == 200, applied.outcome
    with_layer = artefacts.with_cedar(scratch / "function")
    without = replace(with_layer, layers=with_layer.layers[:1])
    return [
        _Case("without the layer", without, bare, "allow"),
        _Case("no scope stores Cedar", with_layer, bare, "allow"),
        _Case("a scope stores Cedar", with_layer, cedar, "deny"),
    ]


def _start(case: _Case, runtime: Path, endpoint: str) -> tuple[float, float]:
    environment = variables_of(ROOT)["workflow"] | {"AWS_ENDPOINT_URL": endpoint}
    environment |= {f"{name.upper()}_TABLE": table for name, table in vars(case.tables).items()}
    event = http_event("POST", "/workflow/requests", body=submission())
    one = start(case.function, runtime, environment, event, log=runtime / "start.log")
    assert f'"decision":"{case.decision}"' in one.answer["body"], one.answer
    assert one.call is not None
    return one.init, one.call
