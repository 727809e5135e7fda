"""Measures how long Lambda waits before a function can answer: starts in Amazon's own runtime interface emulator.

Each function is started as it is shipped (`sam build` of template.yaml) and as an ordinary `sam build` would ship it
(pip installs the layer, no bytecode, nothing trimmed), taking turns, beside a handler that does nothing. Both are
zipped by SAM's own zip and unpacked as Lambda unpacks them. `init` is what the emulator reports of the INIT phase;
`first call` is the first invocation after it, on a store that answers at once and holds nothing, so that work put off
until then is not work saved. HANDSHAKE_STARTS says how often each is started, HANDSHAKE_FUNCTIONS (folders, separated
by commas) which.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ops.gates.import_budget import variables_of
from ops.local.settings import ROOT
from tests.bench.cold_start import artefacts
from tests.bench.cold_start.artefacts import Unpacked
from tests.bench.cold_start.emulator import Start, empty_store, start
from tests.support.service import submission

_STARTS: Final = 15
_NOTHING: Final = "a handler that does nothing"
# The most that a start may take, as shares of its ordinary build and as multiples of a handler that does nothing.
_HTTP_TARGETS: Final = (0.30, 6.0)
_BACKGROUND_TARGETS: Final = (0.25, float("inf"))

Builds = Mapping[str, Unpacked]


def main() -> int:
    """Build, start, print. 1 where a function misses its target."""
    starts = int(os.environ.get("HANDSHAKE_STARTS", _STARTS))
    wanted = os.environ.get("HANDSHAKE_FUNCTIONS", "")
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as scratch, empty_store() as store:
        root = Path(scratch)
        shipped, ordinary = artefacts.shipped(root / "shipped"), artefacts.ordinary(root / "ordinary")
        names = [name for name in sorted(shipped) if not wanted or _folder(name) in wanted.split(",")]
        runtime = artefacts.lambda_runtime(root / "runtime")
        took = _measure(names, shipped, ordinary, artefacts.nothing(root), runtime, store=store, starts=starts)
        console.print(_sizes(shipped, ordinary))
    missed = _print(console, names, took)
    console.print(f"medians of {starts} starts each, taking turns; ms as the emulator reports them")
    if missed:
        console.print("over target: " + ", ".join(missed), style="red")
    return 1 if missed else 0


def _measure(
    names: Sequence[str],
    shipped: Builds,
    ordinary: Builds,
    nothing: Unpacked,
    runtime: Path,
    *,
    store: str,
    starts: int,
) -> dict[tuple[str, str], list[Start]]:
    environments = variables_of(ROOT)
    took: dict[tuple[str, str], list[Start]] = {}
    log = runtime / "start.log"
    for _ in range(starts):
        took.setdefault((_NOTHING, "shipped"), []).append(start(nothing, runtime, {}, {}, log=log))
        for name in names:
            environment = environments[_folder(name)] | {"AWS_ENDPOINT_URL": store}
            for kind, builds in (("shipped", shipped), ("ordinary", ordinary)):
                event = _first_calls().get(name)
                took.setdefault((name, kind), []).append(start(builds[name], runtime, environment, event, log=log))
    return took


def _print(console: Console, names: Sequence[str], took: Mapping[tuple[str, str], Sequence[Start]]) -> list[str]:
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "function",
        "init",
        "ordinary",
        "of ordinary",
        "of nothing",
        "first call",
        "both of ordinary",
    ):
        table.add_column(heading, justify="left" if heading == "function" else "right")
    nothing = median(one.init for one in took[_NOTHING, "shipped"])
    table.add_row(_NOTHING, f"{nothing:.0f}", "", "", "1.0", "", "")
    missed = []
    for name in names:
        here, there = took[name, "shipped"], took[name, "ordinary"]
        init, ordinary = median(one.init for one in here), median(one.init for one in there)
        of_ordinary, of_nothing = init / ordinary, init / nothing
        call, whole = "", ""
        if here[0].call is not None:
            call = f"{median(one.call or 0.0 for one in here):.0f}"
            whole = f"{median(_whole(one) for one in here) / median(_whole(one) for one in there):.2f}"
        cells = f"{init:.0f}", f"{ordinary:.0f}", f"{of_ordinary:.2f}", f"{of_nothing:.1f}", call, whole
        table.add_row(_folder(name), *cells)
        share, multiple = _HTTP_TARGETS if name in _HTTP else _BACKGROUND_TARGETS
        if of_ordinary > share or of_nothing > multiple:
            missed.append(_folder(name))
    console.print(table)
    return missed


def _whole(one: Start) -> float:
    return one.init + (one.call or 0.0)


def _sizes(shipped: Builds, ordinary: Builds) -> str:
    sizes = []
    for builds in (shipped, ordinary):
        [layer] = next(iter(builds.values())).layers
        sizes.append(sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) / 2**20)
    return f"the layer unpacked: {sizes[0]:.1f} MB as shipped, {sizes[1]:.1f} MB ordinarily"


def _folder(logical_id: str) -> str:
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in logical_id)
    return words.strip("_").removesuffix("_function")


_HTTP: Final = (
    "WorkflowFunction",
    "DecisionRoomFunction",
    "PolicyApplyFunction",
    "PolicyFunction",
    "AgentsFunction",
    "MetricsFunction",
)


def _first_calls() -> dict[str, Any]:
    """Build a first call of each function that needs nothing but an empty store."""
    return {
        "WorkflowFunction": http_event("POST", "/workflow/requests", body=submission()),
        "DecisionRoomFunction": http_event("GET", "/workflow/decision-room/{requestId}"),
        "PolicyApplyFunction": http_event("POST", "/policy/apply", body={}),
        "PolicyFunction": http_event("GET", "/policy/config", query={"scope": ["global"]}),
        "AgentsFunction": http_event("GET", "/agents"),
        "MetricsFunction": http_event("GET", "/metrics/summary"),
        "HitlExpiryFunction": {},
        "ReplayRetentionFunction": {},
        "EvidenceVerificationFunction": {},
    }


def http_event(method: str, resource: str, *, body: Any = None, query: Any = None) -> dict[str, Any]:
    envelope = json.dumps({"principalId": "p", "subjectType": "human"})
    return {
        "httpMethod": method,
        "resource": resource,
        "pathParameters": {"requestId": "r"} if "{" in resource else None,
        "multiValueQueryStringParameters": query,
        "multiValueHeaders": {"x-identity-envelope": [envelope]},
        "requestContext": {"identity": {"userArn": "arn:aws:sts::000000000000:assumed-role/x/session"}},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
