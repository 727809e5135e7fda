"""Events that callers report."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError, Refusal
from handshake.metrics.events import MetricsEvent
from handshake.metrics.reported_event import MAX_AHEAD_MS, YEAR_2020_MS, parse_reported_event
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.refusals import refusal

REQUIRED = {
    "eventId": "e-1",
    "requestId": "r-1",
    "timestampMs": NOW_MS,
    "decision": "allow",
    "reasonCode": "policy_allow",
    "reasonFamily": "policy",
    "riskTier": "low",
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NOT_IDS = ("", " ", "a" * 257, "a\nb", 7, ["a"])
WRONG: dict[str, tuple[Any, ...]] = {
    "eventId": NOT_IDS,
    "requestId": NOT_IDS,
    "reasonCode": NOT_IDS,
    "reasonFamily": NOT_IDS,
    **{
        name: (-1, -0.5, 0, YEAR_2020_MS - 0.5, NOW_MS + MAX_AHEAD_MS + 1, 1e308, True, "1772720700000", [])
        for name in ("timestampMs", "incidentDetectedTsMs", "terminalDecisionTsMs")
    },
    "decision": ("ALLOW", "allowed", "", True, {}),
    "riskTier": ("severe", "High", "", -1, 5, 2.5, 1e300, True, []),
    "isTerminal": (1, "true", []),
    "humanMinutes": (-0.01, -1e300, 1e9 + 1, 1e300, "5", True),
}
OPTIONAL = (
    "isTerminal",
    "hasValidLineage",
    "incidentDetectedTsMs",
    "terminalDecisionTsMs",
    "humanMinutes",
    "computeCostUnits",
    "escalationOverheadUnits",
)


def _parse(body: Any) -> MetricsEvent:
    return parse_reported_event(body, now_ms=NOW_MS)


def _refusal(body: Any) -> Refusal:
    refused = refusal(lambda: _parse(body))
    reason = refused.reason
    assert (reason.code, reason.status, reason.response_class) == ("invalid_metrics_event", 400, "blocked")
    return refused


def _reported(**changes: Any) -> MetricsEvent:
    return an_event(reported=True, **changes)


@pytest.mark.parametrize("name", ["timestampMs", "incidentDetectedTsMs", "terminalDecisionTsMs"])
@pytest.mark.parametrize("at_ms", [YEAR_2020_MS, NOW_MS, NOW_MS + MAX_AHEAD_MS, NOW_MS + MAX_AHEAD_MS + 0.5])
def test_a_time_is_from_2020_on_and_at_most_five_minutes_ahead(name: str, at_ms: float) -> None:
    assert _parse(REQUIRED | {name: at_ms}).event_id == "e-1"


def test_what_is_optional_has_the_contracts_defaults() -> None:
    assert _parse(REQUIRED) == _reported(is_terminal=True, has_valid_lineage=True)


def test_everything_said_is_kept() -> None:
    event = _parse(
        REQUIRED
        | {
            "isTerminal": False,
            "hasValidLineage": False,
            "incidentDetectedTsMs": NOW_MS,
            "terminalDecisionTsMs": NOW_MS + 5,
            "humanMinutes": 1.5,
            "computeCostUnits": 2,
            "escalationOverheadUnits": 0.1,
        }
    )

    assert event == _reported(
        is_terminal=False,
        has_valid_lineage=False,
        incident_detected_ms=NOW_MS,
        terminal_decision_ms=NOW_MS + 5,
        human_minutes=Decimal("1.5"),
        compute_cost_units=Decimal(2),
        escalation_overhead_units=Decimal("0.1"),
    )


def test_null_counts_as_absent_and_unheard_of_fields_are_not_kept() -> None:
    body = REQUIRED | dict.fromkeys(OPTIONAL) | {"email": "alice@example.com"}

    assert _parse(body) == _reported()


@pytest.mark.parametrize("field", sorted(REQUIRED))
@pytest.mark.parametrize("gone", [True, False], ids=["missing", "null"])
def test_a_required_field_that_is_not_there_is_named(field: str, *, gone: bool) -> None:
    body = {name: value for name, value in REQUIRED.items() if name != field}

    assert field in _refusal(body if gone else body | {field: None}).message


@pytest.mark.parametrize(("field", "value"), [(field, bad) for field in WRONG for bad in WRONG[field]])
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    assert field in _refusal(REQUIRED | {field: value}).message


@pytest.mark.parametrize("body", [None, [], "event", 7, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    assert _refusal(body).message == "The event must be an object."


def test_an_incident_cannot_end_before_it_is_detected() -> None:
    refused = _refusal(REQUIRED | {"incidentDetectedTsMs": NOW_MS, "terminalDecisionTsMs": NOW_MS - 1})

    assert "terminalDecisionTsMs" in refused.message


@pytest.mark.parametrize(
    ("tier", "name"),
    [(0, "low"), (1, "low"), (2, "medium"), (3, "high"), (4, "critical"), (4.0, "critical")]
    + [(name, name) for name in ("low", "medium", "high", "critical", "unknown")],
)
def test_a_risk_tier_is_a_name_or_a_number(tier: Any, name: str) -> None:
    assert _parse(REQUIRED | {"riskTier": tier}).risk_tier == name


@pytest.mark.parametrize(
    ("code", "claimed", "counted"),
    [
        ("security_token_invalid", "policy", "security"),
        ("hitl_approved", "HITL", "hitl"),
        ("security_made_up", "security", "unknown"),
    ],
)
def test_the_registrys_family_goes_over_the_callers(code: str, claimed: str, counted: str) -> None:
    event = _parse(REQUIRED | {"reasonCode": code, "reasonFamily": claimed})

    assert (event.reason_code, event.reason_family) == (code, counted)


def test_times_and_costs_are_kept_to_a_precision_that_adds_up_exactly() -> None:
    event = _parse(REQUIRED | {"timestampMs": NOW_MS + 0.75, "humanMinutes": 0.1 + 0.2, "computeCostUnits": 1e-12})

    assert event.timestamp_ms == NOW_MS
    assert event.human_minutes == Decimal("0.3")
    assert event.compute_cost_units == 0


@given(st.dictionaries(st.sampled_from([*REQUIRED, *OPTIONAL]), ANY_JSON))
def test_whatever_is_sent_is_an_event_or_a_refusal(changes: dict[str, Any]) -> None:
    try:
        event = _parse(REQUIRED | changes)
    except HandshakeError:
        return
    assert YEAR_2020_MS <= event.timestamp_ms <= NOW_MS + MAX_AHEAD_MS
    assert event.reported
