"""Read what the model counts with: prices, the cost of one call, and what the templates deploy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).parent
DEPLOYED: Final = _HERE / "deployed.json"
_ENDLESS: Final = float("inf")
HOURS_PER_MONTH: Final = 730


@dataclass(frozen=True)
class Price:
    """The price of one unit in dollars, by tiers: up to how many a month, and dollars each; the last has no end."""

    unit: str
    tiers: Sequence[tuple[float, float]]

    def of(self, quantity: float) -> float:
        """Return the dollars of a month's ``quantity``."""
        bounds = [0.0, *(bound for bound, _ in self.tiers)]
        steps = zip(pairwise(bounds), self.tiers, strict=True)
        return sum(max(0.0, min(quantity, high) - low) * price for (low, high), (_, price) in steps)


@dataclass(frozen=True)
class Prices:
    """The price table, and the day it was right."""

    as_of: date
    region: str
    by_name: Mapping[str, Price]


@dataclass(frozen=True)
class Call:
    """Request units, store calls, milliseconds of the handler's own and log bytes of one call of an endpoint."""

    reads: float
    writes: float
    store_calls: int
    handler_ms: float
    log_bytes: float


@dataclass(frozen=True)
class Deployed:
    """Settings of the templates that cost, or bound a cost."""

    routes: int
    log_retention_months: float
    throttle_rate: int
    memory_gb: float
    projector_memory_gb: float
    verification_memory_gb: float
    notifier_memory_gb: float
    batch_size: int
    batch_window_s: float
    system_lines: bool
    sampling: Sequence[float] | None
    scheduled_runs: int
    alarms: int
    composite_alarms: int
    dashboards: int
    secrets: int
    keys: int
    channel_queues: int


@cache
def prices() -> Prices:
    """Read prices.yaml."""
    table = _yaml(_HERE / "prices.yaml")
    by_name = {
        name: Price(one["unit"], [(tier.get("up_to", _ENDLESS), tier["price"]) for tier in one["tiers"]])
        for name, one in table["prices"].items()
    }
    return Prices(table["as_of"], table["region"], by_name)


@cache
def measured() -> Mapping[str, Call]:
    """Read measured.json: the cost of each kind of call, named as in tests/bench/warm_path.py."""
    return {name: Call(**one) for name, one in json.loads((_HERE / "measured.json").read_text()).items()}


@cache
def background() -> Mapping[str, Any]:
    """Read background.yaml."""
    counted: dict[str, Any] = _yaml(_HERE / "background.yaml")
    return counted


@cache
def deployed(environment: str) -> Deployed:
    """Read deployed.json: what the templates deploy to ``environment``, staging or production.

    Translating them takes a second; `python -m ops.cost.document` does it, and a test holds the file to the templates.
    """
    return Deployed(**json.loads(DEPLOYED.read_text(encoding="utf-8"))[environment])


def _yaml(path: Path) -> Any:
    # SAM CLI publishes no types.
    from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    return yaml_parse(path.read_text(encoding="utf-8"))
