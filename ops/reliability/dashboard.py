"""Draw the deployed dashboard as a picture, from CloudWatch's definition and data.

What the service's own dashboard uses is understood: alarm and metric widgets, metrics written out, and SEARCH over one
namespace and its dimensions. Anything else is a ValueError, so that a widget is never left out unnoticed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, date2num
from matplotlib.figure import Figure

GRID_COLUMNS: Final = 24
_INCHES_A_COLUMN: Final = 0.9
_INCHES_A_ROW: Final = 0.62
_COLORS: Final = {"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#687078"}
_SEARCH: Final = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\}\s*(?P<terms>.*)',\s*'(?P<stat>\w+)',\s*(?P<period>\d+)\)")
_number: Final[Callable[[Any], Any]] = date2num  # as matplotlib counts dates; its stubs leave it untyped
_TERM: Final = re.compile(r'(?:(?P<name>\w+)=)?(?:\((?P<any>[^)]*)\)|"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))')


@dataclass(frozen=True)
class Metric:
    """One line of a widget. ``period_s`` is in seconds; ``stat`` is CloudWatch's name of it."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str
    period_s: int
    label: str


def draw(cloudwatch: Any, name: str, *, since: timedelta, to: Path) -> None:
    """Draw the dashboard ``name`` with the data of ``since`` into the PNG ``to``.

    Raises ClientError where there is no such dashboard, ValueError where its definition is not understood.
    """
    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]
    rows = max(widget["y"] + widget["height"] for widget in widgets)
    figure = Figure(figsize=(GRID_COLUMNS * _INCHES_A_COLUMN, rows * _INCHES_A_ROW), layout="constrained")
    grid = figure.add_gridspec(rows, GRID_COLUMNS)
    until = datetime.now(UTC)
    for widget in widgets:
        top, left = widget["y"], widget["x"]
        axes = figure.add_subplot(grid[top : top + widget["height"], left : left + widget["width"]])
        axes.set_title(widget["properties"]["title"], loc="left", fontsize=9, fontweight="bold")
        if widget["type"] == "alarm":
            _draw_alarms(axes, cloudwatch, widget["properties"]["alarms"])
        elif widget["type"] == "metric":
            _draw_metrics(axes, cloudwatch, widget["properties"], until - since, until)
        else:
            raise ValueError(f"a {widget['type']} widget")
    figure.savefig(to, dpi=80)


def metrics_of(cloudwatch: Any, properties: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of a widget, searches carried out."""
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if "expression" in options:
            yield from _search(cloudwatch, options["expression"])
            continue
        namespace, name, *pairs = [part for part in row if isinstance(part, str)]
        yield Metric(
            namespace,
            name,
            dict(zip(pairs[::2], pairs[1::2], strict=True)),
            options.get("stat", properties["stat"]),
            options.get("period", properties["period"]),
            options.get("label", name),
        )


def _search(cloudwatch: Any, expression: str) -> Iterator[Metric]:
    search = _SEARCH.fullmatch(expression)
    if search is None:
        raise ValueError(f"the expression {expression}")
    namespace, *schema = search["schema"].split(",")
    terms = list(_TERM.finditer(search["terms"]))
    for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace):
        for metric in page["Metrics"]:
            dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            facts = {"MetricName": metric["MetricName"], **dimensions}
            if dimensions.keys() == set(schema) and all(_holds(term, facts) for term in terms):
                shown = [value for name, value in dimensions.items() if name != "service"]
                label = " ".join(shown if metric["MetricName"] == "Denied" else [metric["MetricName"], *shown])
                yield Metric(namespace, metric["MetricName"], dimensions, search["stat"], int(search["period"]), label)


def _holds(term: re.Match[str], facts: Mapping[str, str]) -> bool:
    wanted = re.findall(r'"([^"]*)"', term["any"]) if term["any"] else [term["quoted"] or term["word"]]
    if term["name"]:
        return facts.get(term["name"]) in wanted
    return any(one in value for one in wanted for value in facts.values())


def _draw_alarms(axes: Axes, cloudwatch: Any, arns: Sequence[str]) -> None:
    names = [arn.rpartition(":alarm:")[2] for arn in arns]
    answer = cloudwatch.describe_alarms(AlarmNames=names)
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in answer["MetricAlarms"]}
    for place, name in enumerate(names):
        state = states.get(name, "INSUFFICIENT_DATA")
        axes.barh(0, 0.96, left=place, color=_COLORS[state])
        axes.text(place + 0.48, 0, f"{name}\n{state}", ha="center", va="center", color="white", fontsize=8)
    axes.set_axis_off()


def _draw_metrics(axes: Axes, cloudwatch: Any, properties: Mapping[str, Any], start: datetime, end: datetime) -> None:
    metrics = list(metrics_of(cloudwatch, properties))
    series = _read(cloudwatch, metrics, start, end) if metrics else []
    if properties.get("stacked") and metrics:
        _draw_stacked(axes, metrics, series)
    else:
        for metric, points in zip(metrics, series, strict=True):
            axes.plot(_number(list(points)), list(points.values()), marker=".", linewidth=1, label=metric.label)
    for line in properties.get("annotations", {}).get("horizontal", []):
        axes.axhline(line["value"], color=_COLORS["ALARM"], linestyle="--", linewidth=0.8)
        axes.annotate(line["label"], (0.01, line["value"]), xycoords=("axes fraction", "data"), fontsize=6)
    axes.set_xlim(_number(start), _number(end))
    axes.set_ylim(bottom=properties["yAxis"]["left"]["min"])
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]  # its stubs leave it untyped
    axes.tick_params(labelsize=7)
    if any(series):
        axes.legend(fontsize=6, loc="upper left", ncols=2)
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="#687078")


def _draw_stacked(axes: Axes, metrics: Sequence[Metric], series: Sequence[Mapping[datetime, float]]) -> None:
    times = sorted({time for points in series for time in points})
    heights = [[points.get(time, 0.0) for time in times] for points in series]
    if times:
        axes.stackplot(_number(times), heights, labels=[metric.label for metric in metrics], step="mid")


def _read(cloudwatch: Any, metrics: Sequence[Metric], start: datetime, end: datetime) -> list[dict[datetime, float]]:
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
                },
                "Period": metric.period_s,
                "Stat": metric.stat,
            },
        }
        for number, metric in enumerate(metrics)
    ]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    read: list[dict[datetime, float]] = [{} for _ in metrics]
    for page in pages:
        for result in page["MetricDataResults"]:
            read[int(result["Id"][1:])] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    return read
