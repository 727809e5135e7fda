"""Draw the deployed dashboard as a picture, from CloudWatch's definition and data.

What the service's own dashboard uses is understood: alarm and metric widgets, metrics written out, SEARCH over one
namespace and its dimensions, the most of what one found, and what is left of it. Anything else is a ValueError, so that
a widget is never left out unnoticed.
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
_SORT: Final = re.compile(r"SORT\((?P<of>\w+), SUM, DESC, (?P<most>\d+)\)")
_DIFFERENCE: Final = re.compile(r"SUM\((?P<every>\w+)\) - SUM\((?P<less>\w+)\)")
_LONG_LABEL: Final = 32
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


@dataclass(frozen=True)
class Line:
    """One line of a widget, as it is drawn: values by their time, which is UTC."""

    label: str
    points: Mapping[datetime, float]


def draw(cloudwatch: Any, name: str, *, since: timedelta, to: Path) -> None:
    """Draw the dashboard ``name`` with the data of ``since`` into the PNG ``to``.

    Raises ClientError where there is no such dashboard, ValueError where its definition is not understood.
    """
    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]
    until = datetime.now(UTC)
    drawing = Drawing(cloudwatch, until - since, until)
    drawing.draw(name, widgets).savefig(to, dpi=80)


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
                shown = [value for name, value in sorted(dimensions.items(), reverse=True) if name != "service"]
                label = " ".join(shown if metric["MetricName"] == "Denied" else [metric["MetricName"], *shown])
                yield Metric(namespace, metric["MetricName"], dimensions, search["stat"], int(search["period"]), label)


def _holds(term: re.Match[str], facts: Mapping[str, str]) -> bool:
    wanted = re.findall(r'"([^"]*)"', term["any"]) if term["any"] else [term["quoted"] or term["word"]]
    if term["name"]:
        return facts.get(term["name"]) in wanted
    return any(one in value for one in wanted for value in facts.values())


@dataclass(frozen=True)
class Drawing:
    """A dashboard drawn from what ``cloudwatch`` kept between ``start`` and ``end``."""

    cloudwatch: Any
    start: datetime
    end: datetime

    def draw(self, name: str, widgets: Sequence[Mapping[str, Any]]) -> Figure:
        """Draw all widgets where the definition puts them. Raises ValueError for what is not understood."""
        rows = max(widget["y"] + widget["height"] for widget in widgets)
        figure = Figure(figsize=(GRID_COLUMNS * _INCHES_A_COLUMN, rows * _INCHES_A_ROW), layout="constrained")
        figure.suptitle(f"{name}, {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC", fontsize=11)
        grid = figure.add_gridspec(rows, GRID_COLUMNS)
        for widget in widgets:
            top, left = widget["y"], widget["x"]
            axes = figure.add_subplot(grid[top : top + widget["height"], left : left + widget["width"]])
            axes.set_title(widget["properties"]["title"], loc="left", fontsize=9, fontweight="bold")
            if widget["type"] == "alarm":
                self._draw_alarms(axes, widget["properties"]["alarms"])
            elif widget["type"] == "metric":
                self._draw_metrics(axes, widget["properties"])
            else:
                raise ValueError(f"a {widget['type']} widget")
        return figure

    def lines(self, properties: Mapping[str, Any]) -> list[Line]:
        """Give the lines that a widget shows, with their data. Raises ValueError for an expression not understood."""
        named: dict[str, list[Line]] = {}
        shown: list[Line] = []
        for row in properties["metrics"]:
            options = row[-1] if isinstance(row[-1], dict) else {}
            lines = self._evaluate(row, options, properties, named)
            named[options.get("id", "")] = lines
            shown += lines if options.get("visible", True) else []
        return shown

    def _evaluate(
        self,
        row: Sequence[Any],
        options: Mapping[str, Any],
        properties: Mapping[str, Any],
        named: Mapping[str, list[Line]],
    ) -> list[Line]:
        expression = options.get("expression", "")
        if sort := _SORT.fullmatch(expression):
            ordered = sorted(named[sort["of"]], key=lambda line: sum(line.points.values()), reverse=True)
            return ordered[: int(sort["most"])]
        if difference := _DIFFERENCE.fullmatch(expression):
            every, less = (_total(named[difference[group]]) for group in ("every", "less"))
            return [Line(options["label"], {time: value - less.get(time, 0.0) for time, value in every.items()})]
        metrics = list(metrics_of(self.cloudwatch, {**properties, "metrics": [row]}))
        series = _read(self.cloudwatch, metrics, self.start, self.end) if metrics else []
        return [Line(metric.label, points) for metric, points in zip(metrics, series, strict=True)]

    def _draw_alarms(self, axes: Axes, arns: Sequence[str]) -> None:
        names = [arn.rpartition(":alarm:")[2] for arn in arns]
        answer = self.cloudwatch.describe_alarms(AlarmNames=names)
        states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in answer["MetricAlarms"]}
        for place, name in enumerate(names):
            state = states.get(name, "INSUFFICIENT_DATA")
            axes.barh(0, 0.96, left=place, color=_COLORS[state])
            axes.text(place + 0.48, 0, f"{name}\n{state}", ha="center", va="center", color="white", fontsize=8)
        axes.set_axis_off()

    def _draw_metrics(self, axes: Axes, properties: Mapping[str, Any]) -> None:
        lines = self.lines(properties)
        recorded = [line for line in lines if line.points]
        if properties.get("stacked"):
            _draw_stacked(axes, recorded)
        else:
            for line in recorded:
                axes.plot(
                    _number(list(line.points)), list(line.points.values()), marker=".", linewidth=1, label=line.label
                )
        bounds = properties.get("annotations", {}).get("horizontal", [])
        for bound in bounds:
            axes.axhline(bound["value"], color=_COLORS["ALARM"], linestyle="--", linewidth=0.8)
            axes.annotate(bound["label"], (0.01, bound["value"]), xycoords=("axes fraction", "data"), fontsize=6)
        axes.set_xlim(_number(self.start), _number(self.end))
        highest = max((value for line in recorded for value in line.points.values()), default=0.0)
        # A bound that stays outside has its name drawn outside, and the panel shrinks to nothing to make room for it.
        axes.set_ylim(bottom=properties["yAxis"]["left"]["min"], top=None if highest or bounds else 1)
        axes.set_ylabel(properties["yAxis"]["left"]["label"], fontsize=7)
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]  # its stubs leave it untyped
        axes.tick_params(labelsize=7)
        if recorded:
            columns = 2 if len(recorded) > 1 and max(len(line.label) for line in recorded) < _LONG_LABEL else 1
            axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(0, -0.1), ncols=columns, frameon=False)
        if why := _why_empty(lines, highest):
            axes.text(
                0.5, 0.5, why, transform=axes.transAxes, ha="center", color=_COLORS["INSUFFICIENT_DATA"], fontsize=8
            )


def _why_empty(lines: Sequence[Line], highest: float) -> str:
    """Say why a panel shows nothing; "" where it shows something."""
    if not lines:
        return "no metric of this kind has ever been recorded"
    if not any(line.points for line in lines):
        return "nothing was recorded in this time"
    return "" if highest else "0 throughout"


def _total(lines: Sequence[Line]) -> dict[datetime, float]:
    times = sorted({time for line in lines for time in line.points})
    return {time: sum(line.points.get(time, 0.0) for line in lines) for time in times}


def _draw_stacked(axes: Axes, lines: Sequence[Line]) -> None:
    times = sorted({time for line in lines for time in line.points})
    heights = [[line.points.get(time, 0.0) for time in times] for line in lines]
    if times:
        axes.stackplot(_number(times), heights, labels=[line.label for line in lines], step="mid")


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
