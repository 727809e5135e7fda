"""Replay recorded agent actions against the API and count what is decided."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Column, Table

from ops.local.edge_client import Answer, Client

Action = dict[str, Any]

_DECISIONS: Final = ("allow", "escalate", "deny")


class BadFileError(Exception):
    """The file cannot be read, or a line of it is no JSON object. The message names file and line."""


@dataclass
class Report:
    """Count decisions by agent, action type and reason, other answers by status and reason, and latency in ms."""

    by_agent: dict[str, Counter[str]] = field(default_factory=dict)
    by_action_type: dict[str, Counter[str]] = field(default_factory=dict)
    by_reason: dict[str, Counter[str]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        return len(self.latencies_ms)

    def add(self, action: Action, answer: Answer, latency_ms: float) -> None:
        self.latencies_ms.append(latency_ms)
        decision = answer.body.get("decision")
        if answer.status != 200 or not isinstance(decision, str):
            self.errors[f"{answer.status} {answer.reason}"] += 1
            return
        for table, name in (
            (self.by_agent, str(action.get("agentId"))),
            (self.by_action_type, str(action.get("actionType"))),
            (self.by_reason, answer.reason),
        ):
            table.setdefault(name, Counter())[decision] += 1

    def percentile_ms(self, share: float) -> float:
        """Return the latency at ``share`` (0 to 1) by nearest rank; 0 where nothing was sent."""
        ranked = sorted(self.latencies_ms)
        return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "seconds": round(self.seconds, 2),
            "latencyMs": {f"p{share}": round(self.percentile_ms(share / 100), 1) for share in (50, 95)},
            "byAgent": self.by_agent,
            "byActionType": self.by_action_type,
            "byReason": self.by_reason,
            "errors": self.errors,
        }


def read_actions(path: Path) -> list[Action]:
    """Read bodies for POST /workflow/requests, one a line. Raises BadFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadFileError(f"{path}:{line}: it is not UTF-8; save it as UTF-8, or convert it with iconv") from error
    except OSError as error:
        raise BadFileError(f"{path}: {error.strerror}") from error
    return list(_parsed(path, text))


def _parsed(path: Path, text: str) -> Iterator[Action]:
    # By line feeds alone: JSON's own text may hold the other separators that splitlines() knows.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            action = json.loads(line)
        except ValueError as error:
            raise BadFileError(f"{path}:{number}: {error}") from error
        if not isinstance(action, dict):
            raise BadFileError(f"{path}:{number}: not a JSON object")
        yield action


def replay(client: Client, actions: Sequence[Action], *, run_id: str, workers: int, sent: Callable[[], None]) -> Report:
    """Send every action and call ``sent`` after each, from any thread. Raises UnreachableError.

    Agents run side by side, up to ``workers`` of them; one agent's actions go in the order of the file, so what its
    spending allows does not depend on luck. The timestamp is the time of sending. A non-empty ``run_id`` ends each
    request id and so makes new requests; without one a second replay gets the first one's stored decisions.
    """
    by_agent: dict[str, list[Action]] = {}
    for action in actions:
        by_agent.setdefault(str(action.get("agentId")), []).append(action)

    def submit(action: Action) -> tuple[Action, Answer, float]:
        body = action | {"timestamp": int(time.time() * 1000)}
        if run_id:
            body["requestId"] = f"{action.get('requestId')}~{run_id}"
        started = time.perf_counter()
        answer = client.call("POST", "/workflow/requests", body=body)
        sent()
        return action, answer, (time.perf_counter() - started) * 1000

    report = Report()
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for answers in pool.map(lambda own: [submit(action) for action in own], by_agent.values()):
            for action, answer, latency_ms in answers:
                report.add(action, answer, latency_ms)
    report.seconds = time.perf_counter() - started
    return report


def tables(report: Report) -> Iterator[RenderableType]:
    """Yield the report as tables for people, and a line that sums it up."""
    for title, counts in (
        ("agent", report.by_agent),
        ("action type", report.by_action_type),
        ("reason", report.by_reason),
    ):
        yield _counts(title, counts)
    if report.errors:
        errors = Table("no decision", "count", title_style="red", box=SIMPLE_HEAD)
        for name, count in report.errors.most_common():
            errors.add_row(name, str(count))
        yield errors
    yield (
        f"{report.sent} sent in {report.seconds:.1f} s; "
        f"latency p50 {report.percentile_ms(0.5):.0f} ms, p95 {report.percentile_ms(0.95):.0f} ms; "
        f"{report.errors.total()} without a decision"
    )


def _counts(title: str, counts: Mapping[str, Counter[str]]) -> Table:
    table = Table(Column(title, overflow="fold"), box=SIMPLE_HEAD)
    for heading in (*_DECISIONS, "all"):
        table.add_column(heading, justify="right")
    for name, decided in sorted(counts.items()):
        table.add_row(name, *(str(decided[decision]) for decision in _DECISIONS), str(decided.total()))
    return table
