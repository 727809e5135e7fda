"""Metrics events to test with, and the contract's definitions computed from them the plain way."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode, describe
from handshake.core.tiers import Outcome, RiskTier
from handshake.metrics.events import MetricsEvent

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# 2026-03-05T14:25:00Z
NOW_MS = 1_772_720_700_000


def an_event(**changes: Any) -> MetricsEvent:
    """Give an allowed action of low risk, but for ``changes``; the family follows the reason code."""
    plain = MetricsEvent(
        event_id="e-1",
        request_id="r-1",
        timestamp_ms=NOW_MS,
        decision="allow",
        reason_code=ReasonCode.POLICY_ALLOW.value,
        reason_family="policy",
        risk_tier="low",
    )
    changed = replace(plain, **changes)
    return replace(changed, reason_family=describe(changed.reason_code).family)


def events(*, earliest_ms: int = NOW_MS - 40 * DAY_MS, latest_ms: int = NOW_MS) -> st.SearchStrategy[MetricsEvent]:
    """Draw any events of a stretch of time, each with an id of its own."""
    return st.builds(
        an_event,
        event_id=st.uuids().map(str),
        timestamp_ms=st.integers(earliest_ms, latest_ms),
        decision=st.sampled_from(get_args(Outcome)),
        reason_code=st.sampled_from([*(code.value for code in ReasonCode), "of_no_registry"]),
        risk_tier=st.sampled_from(get_args(RiskTier)),
        is_terminal=st.booleans(),
        has_valid_lineage=st.booleans(),
        incident_detected_ms=st.none() | st.just(NOW_MS),
        terminal_decision_ms=st.none() | st.integers(0, 10**10).map(NOW_MS.__add__),
        human_minutes=_COSTS,
        compute_cost_units=_COSTS,
        escalation_overhead_units=_COSTS,
    )


_COSTS = st.decimals(0, 10**9, places=9)

Condition = Callable[[MetricsEvent], bool]


def plain_metric(name: str, of: Iterable[MetricsEvent]) -> tuple[float, int]:
    """Give the exact value of a metric over ``of`` and the number of its samples, by the contract's words."""
    all_events = list(of)
    match name:
        case "uair":
            risky = [event for event in all_events if event.risk_tier in {"high", "critical"}]
            return _share(risky, lambda event: event.decision in {"deny", "escalate"}), len(risky)
        case "gar":
            allowed = [event for event in all_events if event.decision == "allow"]
            return _share(allowed, lambda event: event.has_valid_lineage), len(allowed)
        case "tca":
            terminal = sum(event.is_terminal for event in all_events)
            cost = sum((Fraction(_cost(event)) for event in all_events), Fraction())
            return (float(cost / terminal) if terminal else 0.0), terminal
        case "airt_p50_ms" | "airt_p95_ms":
            durations = sorted(duration for event in all_events if (duration := _duration(event)) is not None)
            return nearest_rank(durations, int(name[6:8])), len(durations)
        case "security_denial_total":
            return _count(all_events, _is_security_denial), len(all_events)
        case "security_replay_detected_total" | "security_replay_guard_unavailable_total":
            return _count(all_events, lambda event: event.reason_code == name.removesuffix("_total")), len(all_events)
    raise AssertionError(name)


def nearest_rank(ordered: Sequence[int], percent: int) -> float:
    """Give the smallest value that at least ``percent`` % of ``ordered`` do not exceed; 0 of nothing."""
    return float(ordered[math.ceil(Fraction(percent, 100) * len(ordered)) - 1]) if ordered else 0.0


def _share(of: Sequence[MetricsEvent], condition: Condition) -> float:
    return _count(of, condition) / len(of) if of else 0.0


def _count(of: Iterable[MetricsEvent], condition: Condition) -> int:
    return sum(map(condition, of))


def _duration(event: MetricsEvent) -> int | None:
    if event.incident_detected_ms is None or event.terminal_decision_ms is None:
        return None
    return event.terminal_decision_ms - event.incident_detected_ms


def _cost(event: MetricsEvent) -> Decimal:
    return event.human_minutes + event.compute_cost_units + event.escalation_overhead_units


def _is_security_denial(event: MetricsEvent) -> bool:
    return (
        event.decision == "deny"
        and event.reason_code.startswith("security_")
        and event.reason_code not in {"security_artifact_authorized", "security_agent_stopped"}
    )
