"""The metrics endpoints, from an appended event to the answers, and what each costs."""

from dataclasses import replace
from typing import Any

import pytest

from functions.metrics_projector.app import project
from handshake.dynamo.tables import Tables
from handshake.metrics import read
from handshake.metrics.query import WINDOWS, SeriesQuery
from handshake.metrics.rollup import BUCKET_MS
from tests.bench.tapped import Tapped
from tests.support.metrics_events import HOUR_MS, NOW_MS
from tests.support.metrics_stream import stream_of
from tests.support.service import InProcess, Reply, get, post

EVENT = {
    "eventId": "e-1",
    "requestId": "r-1",
    "timestampMs": NOW_MS,
    "decision": "deny",
    "reasonCode": "security_token_invalid",
    "reasonFamily": "security",
    "riskTier": "critical",
}


@pytest.fixture
def service(moto_tables: tuple[Any, Tables]) -> InProcess:
    client, tables = moto_tables
    return InProcess(client, tables, now_ms=lambda: NOW_MS)


def _append(service: InProcess, **changes: Any) -> Reply:
    return post(service, "/metrics/project", EVENT | changes)


def _fold(service: InProcess) -> None:
    """Deliver everything appended so far."""
    project({"Records": stream_of(service.dynamodb, service.tables.metrics)}, service.context)


def _tapped(service: InProcess) -> tuple[InProcess, Tapped]:
    """The same service, and what it asks of the store from now on."""
    tap = Tapped(service.dynamodb)
    return replace(service, dynamodb=tap), tap


def test_an_appended_event_is_in_every_answer_once_it_is_folded(service: InProcess) -> None:
    versions = {"schemaVersion": "v1", "projectorVersion": "v1"}
    assert _append(service).body == {"status": "ok", "eventId": "e-1", "duplicate": False, **versions}
    _fold(service)

    summary = get(service, "/metrics/summary").body
    series = get(service, "/metrics/series").body
    reasons = get(service, "/metrics/reasons").body

    assert (summary["totalEvents"], summary["denialEvents"], summary["uair"]) == (1, 1, 1)
    hour = NOW_MS - NOW_MS % HOUR_MS
    assert series["series"][-1] == {"timestamp": hour, "value": 1, "sampleCount": 1, "dimension": "reported"}
    assert all(point["sampleCount"] == 0 for point in series["series"][:-1])
    assert reasons["families"] == [{"reasonFamily": "security", "count": 1, "percentage": 1}]


@pytest.mark.parametrize(("reports", "dimension"), [(0, None), (1, "reported"), (3, "reported")])
def test_a_point_that_counts_what_was_reported_says_so_and_counts_it_as_before(
    service: InProcess, reports: int, dimension: str | None
) -> None:
    get(service, "/workflow/requests/r")  # without an envelope: the service's own denial
    for number in range(reports):
        _append(service, eventId=f"e-{number}")
    _fold(service)

    *earlier, point = get(service, "/metrics/series").body["series"]

    assert (point["value"], point.get("dimension")) == (1 + reports, dimension)
    assert not any("dimension" in other for other in earlier)
    assert get(service, "/metrics/summary").body["totalEvents"] == 1 + reports


def test_only_samples_of_the_metric_asked_for_make_it_a_reported_one(service: InProcess) -> None:
    _append(service, riskTier="unknown", decision="allow", reasonCode="policy_allow")
    _fold(service)

    def dimension(metric: str) -> str | None:
        told: str | None = get(service, f"/metrics/series?metric={metric}").body["series"][-1].get("dimension")
        return told

    assert [dimension(metric) for metric in ("gar", "uair", "airt_p50_ms")] == ["reported", None, None]


def test_what_callers_reported_can_be_left_out(service: InProcess) -> None:
    get(service, "/workflow/requests/r")
    for number in range(3):
        _append(service, eventId=f"e-{number}", reasonCode="hitl_rejected")
    _fold(service)

    own = read.reasons(service.context, WINDOWS["24h"], own_only=True)
    query = SeriesQuery("security_denial_total", "hour", WINDOWS["24h"])
    points = read.series(service.context, query, own_only=True)["series"]

    assert own["families"] == [{"reasonFamily": "security", "count": 1, "percentage": 1}]
    assert sum(point["sampleCount"] for point in points) == 1
    assert not any("dimension" in point for point in points)


def test_an_event_id_is_counted_once_as_it_was_first_said(service: InProcess) -> None:
    _append(service)
    _fold(service)

    again = _append(service, decision="allow")
    _fold(service)

    assert (again.status, again.body["duplicate"]) == (200, True)
    summary = get(service, "/metrics/summary").body
    assert (summary["totalEvents"], summary["denialEvents"]) == (1, 1)


@pytest.mark.parametrize(("window", "size"), [("24h", "hour"), ("7d", "day"), ("30d", "day")])
def test_the_first_bucket_of_a_window_is_in_it_and_the_one_before_is_not(
    service: InProcess, window: str, size: Any
) -> None:
    step = BUCKET_MS[size]
    first = NOW_MS - NOW_MS % step - ({"24h": 24, "7d": 7, "30d": 30}[window] - 1) * step
    _append(service, eventId="first", timestampMs=first)
    _append(service, eventId="before", timestampMs=first - 1)
    _append(service, eventId="to come", timestampMs=NOW_MS + step)
    _fold(service)

    assert get(service, "/metrics/summary", query={"window": window}).body["totalEvents"] == 1
    assert get(service, "/metrics/reasons", query={"window": window}).body["total"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/metrics/summary?window=1h",
        "/metrics/summary?window=",
        "/metrics/summary?window=24h&window=7d",
        "/metrics/reasons?window=year",
        "/metrics/series?window=24h&window=24h",
        "/metrics/series?metric=latency",
        "/metrics/series?metric=gar&metric=tca",
        "/metrics/series?bucket=minute",
    ],
)
def test_a_query_outside_the_allowed_values_is_refused(service: InProcess, path: str) -> None:
    service, tap = _tapped(service)

    reply = get(service, path)

    assert reply.status == 400
    assert reply.body.pop("message")
    assert reply.body == {
        "status": "error",
        "error": "invalid_metric_query",
        "reasonCode": "invalid_metric_query",
        "responseClass": "blocked",
    }
    assert tap.calls == 0


def test_an_incomplete_event_is_refused(service: InProcess) -> None:
    service, tap = _tapped(service)

    reply = post(service, "/metrics/project", {})

    assert (reply.status, reply.reason) == (400, "invalid_metrics_event")
    assert tap.calls == 0


@pytest.mark.parametrize(
    "path",
    [
        *(f"/metrics/{view}?window={window}" for view in ("summary", "reasons") for window in ("24h", "7d", "30d")),
        *(f"/metrics/series?window=30d&bucket={size}&metric=airt_p95_ms" for size in ("hour", "day")),
    ],
)
def test_every_read_is_one_call_to_the_store(service: InProcess, path: str) -> None:
    service, tap = _tapped(service)

    assert get(service, path).status == 200
    assert tap.calls == 1


def test_appending_an_event_is_one_call_to_the_store(service: InProcess) -> None:
    service, tap = _tapped(service)

    _append(service)

    assert tap.calls == 1
