"""The lines of a dashboard's panels: few enough to read however many metrics there are."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from moto import mock_aws

from ops.reliability.dashboard import Drawing
from tests.alarms.test_what_is_watched import NAMED, dashboard
from tests.support.engines import client_of

NOW: Final = datetime.now(UTC).replace(second=0, microsecond=0)
REASONS: Final = 60
TIMES: Final = re.compile(r"(Seconds|Latency|Lag|Age)(?![a-z])|TimeTo")


@pytest.fixture
def drawing() -> Iterator[Drawing]:
    """A CloudWatch with as many reasons as there are codes: the nth of them was counted n times."""
    with mock_aws():
        cloudwatch = client_of("cloudwatch")
        for number in range(1, REASONS + 1):
            dimensions = {"service": NAMED, "endpoint": "POST /policy/apply", "reason_code": f"reason_{number:02}"}
            datum = {
                "MetricName": "Denied",
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                "Timestamp": NOW - timedelta(minutes=5),
                "Value": float(number),
            }
            cloudwatch.put_metric_data(Namespace="Handshake", MetricData=[datum])
        yield Drawing(cloudwatch, NOW - timedelta(hours=1), NOW)


def _panel(title: str) -> Mapping[str, Any]:
    [properties] = [one["properties"] for one in dashboard() if one["properties"]["title"].startswith(title)]
    return dict(properties)


def test_of_sixty_reasons_eight_are_named_and_the_others_are_one(drawing: Drawing) -> None:
    lines = drawing.lines(_panel("Refusals and denials"))

    totals = {line.label: sum(line.points.values()) for line in lines}
    named = {f"reason_{number} POST /policy/apply": float(number) for number in range(53, 61)}
    assert totals == named | {"others": float(sum(range(1, 53)))}


def test_a_count_and_a_time_never_share_an_axis() -> None:
    for widget in dashboard():
        for row in widget["properties"].get("metrics", []):
            timed = TIMES.search(str(row[1:2])) is not None
            unit = widget["properties"]["yAxis"]["left"]["label"]
            assert timed == (unit in {"seconds", "ms"}), widget["properties"]["title"]


def test_the_picture_has_a_title_a_time_zone_and_says_why_a_panel_is_empty(drawing: Drawing) -> None:
    figure = drawing.draw(NAMED, [one for one in dashboard() if one["type"] == "metric"])

    assert figure.get_suptitle() == f"{NAMED}, {drawing.start:%Y-%m-%d %H:%M} to {drawing.end:%Y-%m-%d %H:%M} UTC"
    assert all(axes.get_ylabel() for axes in figure.axes)
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"no metric of this kind has ever been recorded", "nothing was recorded in this time"} <= written
