"""Contract section 5, at the API: what is asked, what is answered, and what becomes an event."""

import time
from typing import Any

import pytest

from tests.support.service import (
    Reply,
    Service,
    get,
    now_ms,
    post,
    reported_event,
    submission,
    submit,
    unique,
)
from tests.support.store import events_about

METRICS = [
    "uair",
    "airt_p50_ms",
    "airt_p95_ms",
    "gar",
    "tca",
    "security_denial_total",
    "security_replay_detected_total",
    "security_replay_guard_unavailable_total",
]
WINDOWS = ["24h", "7d", "30d"]
HOUR_MS = 3_600_000
BUCKET_MS = {"hour": HOUR_MS, "day": 24 * HOUR_MS}
WINDOW_MS = {"24h": BUCKET_MS["day"], "7d": 7 * BUCKET_MS["day"], "30d": 30 * BUCKET_MS["day"]}


def _project(service: Service, event: Any) -> Reply:
    return post(service, "/metrics/project", event)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_summary_has_exactly_these_fields(service: Service, window: str) -> None:
    reply = get(service, "/metrics/summary", query={"window": window})

    assert reply.status == 200
    assert reply.body.keys() == {
        "window",
        "schemaVersion",
        "projectorVersion",
        "uair",
        "airtP50Ms",
        "airtP95Ms",
        "gar",
        "tca",
        "totalEvents",
        "denialEvents",
        "replayDetectedEvents",
        "replayGuardUnavailableEvents",
    }
    assert (reply.body["window"], reply.body["schemaVersion"], reply.body["projectorVersion"]) == (window, "v1", "v1")
    assert all(isinstance(value, int | float) for name, value in reply.body.items() if name not in _NAMES)


_NAMES = ("window", "schemaVersion", "projectorVersion")


@pytest.mark.parametrize("path", ["/metrics/summary", "/metrics/series", "/metrics/reasons"])
def test_a_window_is_24_hours_unless_asked_otherwise(service: Service, path: str) -> None:
    assert get(service, path).body["window"] == "24h"


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("bucket", BUCKET_MS)
def test_a_series_has_a_point_for_every_bucket_of_its_window(service: Service, bucket: str, window: str) -> None:
    before = now_ms()
    reply = get(service, "/metrics/series", query={"metric": "gar", "bucket": bucket, "window": window})
    after = now_ms()

    points = reply.body.pop("series")
    assert reply.body == {
        "metric": "gar",
        "bucket": bucket,
        "window": window,
        "schemaVersion": "v1",
        "projectorVersion": "v1",
    }
    assert all(point.keys() - {"dimension"} == {"timestamp", "value", "sampleCount"} for point in points)
    times = [point["timestamp"] for point in points]
    step = BUCKET_MS[bucket]
    assert times == list(range(times[0], times[-1] + step, step))
    assert len(times) == WINDOW_MS[window] // step
    assert times[-1] in {at - at % step for at in (before, after)}


@pytest.mark.parametrize("metric", METRICS)
def test_a_series_can_be_asked_of_every_metric(service: Service, metric: str) -> None:
    reply = get(service, "/metrics/series", query={"metric": metric})

    assert (reply.status, reply.body["metric"]) == (200, metric)


def test_a_series_is_of_security_denials_unless_asked_otherwise(service: Service) -> None:
    assert get(service, "/metrics/series").body["metric"] == "security_denial_total"


@pytest.mark.parametrize("window", WINDOWS)
def test_reasons_are_families_with_their_share_largest_first(service: Service, window: str) -> None:
    reply = get(service, "/metrics/reasons", query={"window": window})

    assert reply.status == 200
    assert reply.body.keys() == {"window", "schemaVersion", "projectorVersion", "total", "families"}
    families = reply.body["families"]
    assert all(family.keys() == {"reasonFamily", "count", "percentage"} for family in families)
    counts = [family["count"] for family in families]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == reply.body["total"]


@pytest.mark.parametrize(
    "target",
    [
        *[
            f"/metrics/{read}?window={window}"
            for read in ("summary", "series", "reasons")
            for window in ("1h", "24H", "", "30", "24h%20", "all")
        ],
        *[f"/metrics/series?metric={metric}" for metric in ("luck", "", "UAIR", "airtP50Ms")],
        *[f"/metrics/series?bucket={bucket}" for bucket in ("minute", "", "Hour", "week")],
        "/metrics/summary?window=24h&window=7d",
    ],
)
def test_a_query_outside_the_allowed_values_is_refused(service: Service, target: str) -> None:
    reply = get(service, target)

    assert (reply.status, reply.body["error"]) == (400, "invalid_metric_query")


def test_an_event_is_appended_once_however_often_it_is_posted(service: Service) -> None:
    event = reported_event()

    first = _project(service, event)
    again = [_project(service, event | {"decision": "allow"}) for _ in range(2)]

    assert [reply.status for reply in (first, *again)] == [200] * 3
    [stored] = events_about(service, event["requestId"])
    assert stored["decision"] == "deny"


def test_events_of_one_request_are_all_kept(service: Service) -> None:
    request_id = unique("req")

    for _ in range(3):
        _project(service, reported_event(requestId=request_id))

    assert len(events_about(service, request_id)) == 3


def test_an_event_is_stored_as_it_was_posted_with_the_schema_version(service: Service) -> None:
    now = now_ms()
    event = reported_event(
        isTerminal=False,
        hasValidLineage=False,
        incidentDetectedTsMs=now - 10,
        terminalDecisionTsMs=now,
        humanMinutes=1.5,
        computeCostUnits=2,
        escalationOverheadUnits=0,
    )

    _project(service, event)

    [stored] = events_about(service, event["requestId"])
    assert stored["schema_version"] == "v1"
    assert (stored["is_terminal"], stored["has_valid_lineage"]) == (False, False)
    assert (stored["incident_detected_ms"], stored["terminal_decision_ms"]) == (now - 10, now)
    assert (stored["human_minutes"], stored["compute_cost_units"], stored["escalation_overhead_units"]) == (1.5, 2, 0)


def test_an_event_is_terminal_and_of_valid_lineage_unless_posted_otherwise(service: Service) -> None:
    event = reported_event()

    _project(service, event)

    [stored] = events_about(service, event["requestId"])
    assert (stored["is_terminal"], stored["has_valid_lineage"]) == (True, True)


def test_an_unknown_code_counts_as_unknown_whatever_family_is_claimed(service: Service) -> None:
    event = reported_event(reasonCode="made_up", reasonFamily="policy")

    assert _project(service, event).status == 200
    [stored] = events_about(service, event["requestId"])
    assert stored["reason_family"] == "unknown"


REQUIRED = ["eventId", "requestId", "timestampMs", "decision", "reasonCode", "reasonFamily", "riskTier"]


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("value", ["missing", None, "", {}], ids=["missing", "null", "blank", "an object"])
def test_an_event_without_a_required_field_is_refused(service: Service, field: str, value: Any) -> None:
    event = reported_event() | {field: value}
    if value == "missing":
        del event[field]

    reply = _project(service, event)

    assert (reply.status, reply.body["error"]) == (400, "invalid_metrics_event")


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": "maybe"},
        {"riskTier": "extreme"},
        {"riskTier": 7},
        {"timestampMs": "now"},
        {"timestampMs": -1},
        {"timestampMs": 10**18},
        {"timestampMs": True},
        {"isTerminal": "yes"},
        {"hasValidLineage": 1},
        {"humanMinutes": -1},
        {"computeCostUnits": "1"},
        {"escalationOverheadUnits": [1]},
        {"incidentDetectedTsMs": "then"},
        {"incidentDetectedTsMs": 2_000, "terminalDecisionTsMs": 1_000},
        {"eventId": "x" * 257},
        {"requestId": "line\nbreak"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_an_event_with_a_wrong_field_is_refused_and_not_kept(service: Service, changes: dict[str, Any]) -> None:
    event = reported_event() | changes

    reply = _project(service, event)

    assert (reply.status, reply.body["error"]) == (400, "invalid_metrics_event")
    assert events_about(service, event["requestId"]) == []


@pytest.mark.parametrize("body", ["[]", "null", '"event"', "1"])
def test_an_event_is_an_object(service: Service, body: str) -> None:
    assert _project(service, body).body["error"] == "invalid_metrics_event"


def test_what_happened_is_counted_within_seconds(deployed: Service) -> None:
    before = get(deployed, "/metrics/summary").body
    for amount in (10, 5000, 150):
        submit(deployed, submission(context={"amount": amount}))

    give_up = time.monotonic() + 30
    while (after := get(deployed, "/metrics/summary").body)["totalEvents"] < before["totalEvents"] + 3:
        assert time.monotonic() < give_up, "the projector does not project"
        time.sleep(0.2)

    assert after["denialEvents"] >= before["denialEvents"] + 1
    families = get(deployed, "/metrics/reasons").body["families"]
    assert {"policy", "hitl"} <= {family["reasonFamily"] for family in families}
    assert [family["count"] for family in families] == sorted((family["count"] for family in families), reverse=True)
