"""The deployed dashboard, drawn from what the deployed functions logged."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from matplotlib.image import imread

from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from ops.reliability.dashboard import Drawing, Metric, draw, metrics_of
from tests.support.service import Deployed, decided, get, human

PATIENCE_S: Final = 60


@pytest.fixture
def cloudwatch(stack: LocalStack) -> Any:
    """CloudWatch, as the stack's dashboard reads it."""
    return stack.client("cloudwatch")


def _metrics(cloudwatch: Any) -> Iterator[Metric]:
    body = json.loads(cloudwatch.get_dashboard(DashboardName=STACK_NAME)["DashboardBody"])
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            own = [row for row in widget["properties"]["metrics"] if "SEARCH" in str(row) or isinstance(row[0], str)]
            yield from metrics_of(cloudwatch, {**widget["properties"], "metrics": own})


def test_denials_are_found_by_endpoint_and_reason(stack: LocalStack, cloudwatch: Any) -> None:
    request = decided(Deployed.on(stack), "allow")
    get(Deployed.on(stack), f"/workflow/requests/{request['requestId']}", envelope=human("stranger"))

    wanted = {"endpoint": "GET /workflow/requests/{requestId}", "reason_code": "security_read_scope_denied"}
    deadline = time.monotonic() + PATIENCE_S
    while not any(wanted.items() <= metric.dimensions.items() for metric in _metrics(cloudwatch)):
        assert time.monotonic() < deadline, "the denial's metric did not come"
        time.sleep(1)


def test_the_dashboard_is_drawn_whole(cloudwatch: Any, tmp_path: Path) -> None:
    picture = tmp_path / "dashboard.png"

    draw(cloudwatch, STACK_NAME, since=timedelta(hours=1), to=picture)

    pixels = imread(picture)
    assert min(pixels.shape[:2]) > 800
    assert pixels.std() > 0.05, "there is nothing on it"


class _Recorded:
    """A CloudWatch that has recorded one value of every metric, over and over."""

    def __init__(self, value: float) -> None:
        self.value = value

    def get_paginator(self, _: str) -> "_Recorded":
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        times = [asked["StartTime"] + timedelta(minutes=minute) for minute in range(5)]
        ids = [query["Id"] for query in asked["MetricDataQueries"]]
        return [{"MetricDataResults": [{"Id": i, "Timestamps": times, "Values": [self.value] * 5} for i in ids]}]


@pytest.mark.parametrize("value", [0, 1, 80, 1e6])
def test_a_panel_has_room_for_its_bound_however_far_the_values_are_from_it(value: float, tmp_path: Path) -> None:
    panel = {
        "title": "Time used",
        "stat": "Maximum",
        "period": 60,
        "yAxis": {"left": {"min": 0, "label": "per cent"}},
        "metrics": [["Handshake", "TimeUsedPercent", "service", "some"]],
        "annotations": {"horizontal": [{"label": "somebody should decide", "value": 50}]},
    }
    widget = {"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": panel}
    now = datetime.now(UTC)
    figure = Drawing(_Recorded(value), now - timedelta(hours=1), now).draw("some", [widget])

    figure.savefig(tmp_path / "panel.png")  # a warning that the layout collapsed is an error

    [axes] = figure.axes
    lowest, highest = axes.get_ylim()
    assert lowest <= min(value, 50) <= max(value, 50) <= highest


def test_what_it_does_not_understand_it_does_not_leave_out(cloudwatch: Any) -> None:
    with pytest.raises(ValueError, match="expression"):
        list(metrics_of(cloudwatch, {"metrics": [[{"expression": "m1 / m2"}]]}))
