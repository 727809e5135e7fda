"""Computes what the metrics endpoints must answer, from the events by the words of contract section 5."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from handshake.dynamo.tables import Tables
from handshake.metrics.events import MetricsEvent
from tests.support.metrics_events import DAY_MS, HOUR_MS, plain_metric
from tests.support.service import InProcess, get

# Window: its length, and what it is summed over.
WINDOWS = {"24h": (DAY_MS, HOUR_MS), "7d": (7 * DAY_MS, DAY_MS), "30d": (30 * DAY_MS, DAY_MS)}
BUCKETS = {"hour": HOUR_MS, "day": DAY_MS}
METRICS = (
    "uair",
    "airt_p50_ms",
    "airt_p95_ms",
    "gar",
    "tca",
    "security_denial_total",
    "security_replay_detected_total",
    "security_replay_guard_unavailable_total",
)
_FAMILIES = ("trust_context", "security", "policy", "hitl", "adapter")
_VERSIONS = {"schemaVersion": "v1", "projectorVersion": "v1"}

Events = Sequence[MetricsEvent]


def check_every_answer(client: Any, tables: Tables, events: Events, *, now_ms: int) -> None:
    """Ask the handlers every question there is and compare with what ``events`` say."""
    service = InProcess(_Remembering(client), tables, now_ms=lambda: now_ms)
    for path, expected in _questions(events, now_ms):
        reply = get(service, path)
        assert (reply.status, reply.body) == (200, expected), path


class _Remembering:
    """A client that asks the store the same thing once: nothing changes while questions are asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[str, Any] = {}

    def query(self, **parameters: Any) -> Any:
        """As the client's own."""
        asked = repr(parameters)
        if asked not in self._answers:
            self._answers[asked] = self._client.query(**parameters)
        return self._answers[asked]


def _questions(events: Events, now_ms: int) -> Iterator[tuple[str, Any]]:
    for window, (length, step) in WINDOWS.items():
        start, *_, last = _starts(now_ms, length, step)
        within = [event for event in events if start <= event.timestamp_ms < last + step]
        yield f"/metrics/summary?window={window}", _summary(window, within)
        yield f"/metrics/reasons?window={window}", _reasons(window, within)
        for bucket, width in BUCKETS.items():
            by_start: defaultdict[int, list[MetricsEvent]] = defaultdict(list)
            for event in events:
                by_start[event.timestamp_ms // width * width].append(event)
            for metric in METRICS:
                points = [_point(metric, start, by_start.get(start, ())) for start in _starts(now_ms, length, width)]
                told = {"metric": metric, "bucket": bucket, "window": window, **_VERSIONS, "series": points}
                yield f"/metrics/series?metric={metric}&bucket={bucket}&window={window}", told


def _starts(now_ms: int, length_ms: int, step_ms: int) -> range:
    end = (now_ms // step_ms + 1) * step_ms
    return range(end - length_ms, end, step_ms)


def _summary(window: str, events: Events) -> Mapping[str, Any]:
    return {
        "window": window,
        **_VERSIONS,
        "uair": _value("uair", events),
        "airtP50Ms": _value("airt_p50_ms", events),
        "airtP95Ms": _value("airt_p95_ms", events),
        "gar": _value("gar", events),
        "tca": _value("tca", events),
        "totalEvents": len(events),
        "denialEvents": sum(event.decision == "deny" for event in events),
        "replayDetectedEvents": sum(event.reason_code == "security_replay_detected" for event in events),
        "replayGuardUnavailableEvents": sum(
            event.reason_code == "security_replay_guard_unavailable" for event in events
        ),
    }


def _reasons(window: str, events: Events) -> Mapping[str, Any]:
    counts = Counter(
        next((family for family in _FAMILIES if event.reason_code.startswith(f"{family}_")), "unknown")
        for event in events
    )
    families = [
        {"reasonFamily": family, "count": count, "percentage": pytest.approx(count / len(events))}
        for family, count in sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    ]
    return {"window": window, **_VERSIONS, "total": len(events), "families": families}


def _point(metric: str, start_ms: int, events: Events) -> Mapping[str, Any]:
    # Without samples the value is 0, which only sampleCount tells from a measured 0.
    samples = plain_metric(metric, events)[1] if events else 0
    return {"timestamp": start_ms, "value": _value(metric, events) if samples else 0, "sampleCount": samples}


def _value(metric: str, events: Events) -> Any:
    value, _ = plain_metric(metric, events)
    if metric.endswith("_total"):
        return value
    # The contract's tolerance for AIRT; ratios differ in the last digit of a float at most.
    return pytest.approx(value, rel=0.013 if metric.startswith("airt") else 1e-12, abs=0)
