"""Alarms, dashboard and saved queries name only what the service really writes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from handshake.api import telemetry
from handshake.api.telemetry import CallRecord
from handshake.core.reasons import ReasonCode
from handshake.notifications.remind import Reminders
from handshake.replay_guards.retain import Retention
from handshake.requests.erase_arguments import Erasure
from handshake.requests.expire_overdue import Expiry
from handshake.requests.lapse_unclaimed import Lapse
from handshake.requests.verify_nightly import Verification
from ops.local.settings import ROOT
from ops.local.translation import stacks_of
from tests.support.logs import lines_of, standard_output
from tests.support.service import ROUTES

STACKS: Final = stacks_of(ROOT, "production")
NAMED: Final = STACKS["Alarms"].parameters["Service"]
JOBS: Final = {
    "hitl_expiry": Expiry(1, 1, 1, 1),
    "argument_erasure": Erasure(1, 1),
    "grant_lapse": Lapse(1, 1),
    "reminders": Reminders(1, 1, 1, 1),
    "replay_retention": Retention(1, 1),
    "evidence_verification": Verification(),
}
# Of CloudWatch Logs Insights.
GRAMMAR: Final = {
    *("and", "as", "asc", "avg", "bin", "by", "count", "count_distinct", "desc", "fields", "filter", "like", "limit"),
    *("or", "pct", "sort", "stats"),
}
Watched = tuple[str, frozenset[str]]


def _of(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: dict(one["Properties"])
        for stack in (STACKS["Alarms"], STACKS["Alarms/Dashboard"])
        for name, one in stack.of_type(f"AWS::{kind}").items()
    }


def _lines() -> list[dict[str, Any]]:
    """A line of every kind."""
    allowed, unavailable = ReasonCode.POLICY_ALLOW.value, ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE.value
    call = CallRecord(
        "call", "GET /policy/config", principal_id="p", tenant_id="t", decision="allow", reason_code=allowed
    )
    with standard_output() as output:
        decided = CallRecord("call", "POST /workflow/decision-room/action", decision="allow", waited_ms=1)
        refused = CallRecord("call", "POST /policy/apply", status=503, reason_code=unavailable)
        unsigned = CallRecord(
            "call", "POST /workflow/grants", status=503, reason_code=ReasonCode.ADAPTER_SIGNER_UNAVAILABLE.value
        )
        extended = CallRecord("call", "POST /workflow/decision-room/extend", extended=True)
        for record in (call, decided, extended, refused, unsigned):
            telemetry.publish(record, pseudonym_key=b"key")
        telemetry.unavailable(call, ValueError())
        telemetry.evidence_broken(["request"])
        telemetry.published(events=1, dead=1, lag_ms=1, cause="PutEvents: InternalFailure", store_calls=1)
        for outcome in ("Delivered", "Failing", "Dead"):
            telemetry.delivery("slack", outcome, lag_ms=1, tried=1, cause="status 500")
        telemetry.folded(events=1, lag_ms=1, correlation_ids=["call"], store_calls=2)
        for job, done in JOBS.items():
            telemetry.scheduled(job, vars(done), correlation_id="run")
    return lines_of(output)


def _written() -> set[Watched]:
    return {
        (metric["Name"], frozenset(dimensions))
        for line in _lines()
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }


def dashboard() -> list[dict[str, Any]]:
    """Give the widgets of production's dashboard."""
    widgets: list[dict[str, Any]] = json.loads(_of("CloudWatch::Dashboard")["Dashboard"]["DashboardBody"])["widgets"]
    return widgets


def _drawn() -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """Each of our metrics on the dashboard, with its dimensions; those of a search have no values."""
    for widget in dashboard():
        for row in widget["properties"].get("metrics", []):
            expression = row[0].get("expression") if isinstance(row[0], dict) else None
            if expression and "{Handshake," in expression:
                [schema, name] = re.findall(r"\{Handshake,([\w,]+)\} MetricName=\"(\w+)\"", expression)[0]
                yield name, dict.fromkeys(schema.split(","))
            elif row[0] == "Handshake":
                _, name, *pairs = [part for part in row if isinstance(part, str)]
                yield name, dict(zip(pairs[::2], pairs[1::2], strict=True))


def _alarmed() -> Iterator[tuple[str, Mapping[str, str | None]]]:
    for alarm in _of("CloudWatch::Alarm").values():
        asked = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        for metric in asked or [alarm]:
            if metric["Namespace"] == telemetry.NAMESPACE:
                yield metric["MetricName"], {one["Name"]: one["Value"] for one in metric["Dimensions"]}


@pytest.mark.parametrize("named", [*_alarmed(), *_drawn()], ids=str)
def test_a_metric_that_is_watched_is_written_with_those_dimensions(named: tuple[str, Mapping[str, Any]]) -> None:
    name, dimensions = named

    assert (name, frozenset(dimensions)) in _written()
    assert dimensions.get("endpoint") in {None, *(f"{method} {path}" for method, path in ROUTES)}
    assert dimensions.get("channel") in {None, "topic", "slack", "webhook"}
    assert dimensions.get("job") in {None, *JOBS}
    assert dimensions.get("decision") in {None, "allow", "escalate", "deny"}


def test_every_metric_that_is_written_is_watched_or_drawn() -> None:
    watched = {name for name, _ in [*_alarmed(), *_drawn()]}

    # Counts beside a run's own, for who reads its line.
    assert {name for name, _ in _written()} - watched == {"EventsFolded", "Kept", "Raced"}


def test_widgets_lie_side_by_side_within_the_grid() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard():
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken, widget["properties"]["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("name", _of("Logs::QueryDefinition"))
def test_a_saved_query_asks_for_fields_that_lines_have(name: str) -> None:
    query = _of("Logs::QueryDefinition")[name]
    text = re.sub(r'"[^"]*"', "", query["QueryString"])
    aliases = set(re.findall(r"\bas (\w+)", text))
    words = set(re.findall(r"(?<![\w@])[A-Za-z_]\w*", text))
    written = {field for line in _lines() for field in line}

    assert words - aliases - GRAMMAR - written == set()
    groups = {group.removeprefix(f"/{NAMED}/") for group in query["LogGroupNames"]}
    assert groups <= {folder.name.replace("_", "-") for folder in (ROOT / "functions").iterdir()}
