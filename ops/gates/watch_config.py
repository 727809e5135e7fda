"""check:watch-config: require that watched alarms exist, with production's thresholds, and actions can be taken."""

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from ops.gates.env_rules.safeguards import THRESHOLDS, alerts
from ops.gates.gate import Options
from ops.gates.openapi import COMMITTED, load
from ops.local.settings import ROOT
from ops.local.translation import environment_of, nested
from ops.release.watch_config import CONFIG, Signal, read_watch_config
from ops.verdict import Finding, Verdict

_HOURS: Final = 24
_OPS: Final = ["python", "-m", "ops"]
_AWS_NAMES: Final = {"deploy": "codedeploy"}  # what the AWS CLI calls differently
# The watched member of a signal, and the alarm's property that it must equal.
_SAME: Final = {
    "metric": "MetricName",
    "statistic": "Statistic",
    "comparison": "ComparisonOperator",
    "threshold": "Threshold",
    "period_seconds": "Period",
    "datapoints": "DatapointsToAlarm",
    "of": "EvaluationPeriods",
}
# Of these, what an alarm on an expression has too.
_OF_EXPRESSIONS: Final = ("ComparisonOperator", "Threshold", "DatapointsToAlarm", "EvaluationPeriods")


# Run by itself, so that no gate imports the command line that runs gates.
_COMMANDS: Final = """
import json
from typer.main import get_command
from ops.commands.app import app

def tree(command):
    if hasattr(command, "commands"):
        return {name: tree(sub) for name, sub in command.commands.items()}
    return [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]

print(json.dumps(tree(get_command(app))))
"""


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    verdict = Verdict()
    watch = read_watch_config(options.root)
    verdict.require(watch.hours >= _HOURS, f"it watches {watch.hours} hours only", f"hours: {_HOURS} in {CONFIG}")
    watched = {signal.alarm for signal in watch.signals}
    for name in sorted(THRESHOLDS.keys() - watched):
        verdict.findings.append(Finding(f"{name} is not watched", f"add it to {CONFIG}"))
    production = environment_of(options.root, "production")
    alarms = alerts(nested(production, "Alarms"))
    for signal in watch.signals:
        _compare(verdict, signal, alarms.get(signal.alarm))
        if signal.release or signal.minimum > 1:
            _compare_release(verdict, signal, alarms.get(signal.release))
    verdict.checked.append(f"{len(watch.signals)} signals are alarms of production, with its thresholds")
    commands = _Commands(options.root)
    actions = [action for signal in watch.signals for action in signal.actions]
    for action in actions:
        lack = commands.lack(action.run)
        verdict.require(
            not lack, f"the action `{action.run}` cannot be taken: {lack}", f"name one that exists in {CONFIG}"
        )
    verdict.checked.append(f"{len(actions)} actions name a command or a route that exists")
    return verdict


def _compare(verdict: Verdict, signal: Signal, alarm: Mapping[str, Any] | None) -> None:
    if alarm is None:
        verdict.findings.append(Finding(f"{signal.alarm} is no alarm of alarms/template.yaml", "name one that is"))
        return
    for name, of_alarm in _SAME.items():
        watched, set_to = getattr(signal, name), alarm.get(of_alarm)
        verdict.require(
            watched == set_to,
            f"{signal.alarm}: {name} is {watched}, and {set_to} in production",
            f"make {CONFIG} as alarms/template.yaml has it",
        )


def _compare_release(verdict: Verdict, signal: Signal, alarm: Mapping[str, Any] | None) -> None:
    """Require that what takes a release back is the signal's own alarm, with the minimum that is watched."""
    if alarm is None:
        name = signal.release or "nothing"
        verdict.findings.append(
            Finding(f"{name}, release of {signal.alarm}, is no alarm of alarms/template.yaml", f"name one in {CONFIG}")
        )
        return
    queries = {one["Id"]: one for one in alarm.get("Metrics", ())}
    asked = {name: one["MetricStat"] for name, one in queries.items() if "MetricStat" in one}
    has = {
        "metric": {one["Metric"]["MetricName"] for one in asked.values()},
        "statistics": {name: one["Stat"] for name, one in asked.items()},
        "period": {one["Period"] for one in asked.values()},
        "expression": next((one["Expression"] for one in queries.values() if one.get("ReturnData")), None),
        **{name: alarm.get(of_alarm) for name, of_alarm in _SAME.items() if of_alarm in _OF_EXPRESSIONS},
    }
    wants = {
        "metric": {signal.metric},
        "statistics": {"rate": signal.statistic, "denied": "Sum"},
        "period": {signal.period_seconds},
        "expression": f"IF(denied >= {signal.minimum}, rate, 0)",
        **{name: getattr(signal, name) for name, of_alarm in _SAME.items() if of_alarm in _OF_EXPRESSIONS},
    }
    for name, wanted in wants.items():
        verdict.require(
            has[name] == wanted,
            f"{signal.release}: {name} is {has[name]} in production, and watched as {wanted}",
            f"make {CONFIG} as alarms/template.yaml has it",
        )


class _Commands:
    """The commands that exist: poe's tasks, the operator's, the AWS CLI's operations, the API's routes."""

    def __init__(self, root: Path) -> None:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        self._tasks = project.get("tool", {}).get("poe", {}).get("tasks", {})
        paths = load(root / COMMITTED)["paths"]
        self._routes = {(method.upper(), path) for path, operations in paths.items() for method in operations}

    def lack(self, run: str) -> str:
        """Say why ``run`` cannot be run, or ""."""
        words = shlex.split(run)
        if words[0] == "poe":
            return "" if words[1:2] and words[1] in self._tasks else "pyproject.toml has no such task"
        if words[: len(_OPS)] == _OPS:
            return _lack_in(words[len(_OPS) :])
        if words[0] == "aws":
            return _lack_in_aws(*words[1:])
        return "" if tuple(words) in self._routes else "it is neither a command nor a route of the API"


@cache
def _operator_commands() -> Any:
    """Read the operator's commands: a dict for a group, by name, and for a command the list of its options."""
    command = [sys.executable, "-c", _COMMANDS]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _lack_in(words: list[str]) -> str:
    command = _operator_commands()
    for word in words:
        if not isinstance(command, dict):
            break
        if word not in command:
            return f"python -m ops has no {word}"
        command = command[word]
    return "it is a group of commands, not one" if isinstance(command, dict) else _unknown_options(words, command)


def _lack_in_aws(service: str = "", operation: str = "", *options: str) -> str:
    try:
        model = botocore.session.get_session().get_service_model(_AWS_NAMES.get(service, service))
    except UnknownServiceError:
        return f"AWS has no service {service}"
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return f"{service} has no operation {operation}"
    taken = model.operation_model(operations[operation]).input_shape
    return _unknown_options(options, {f"--{xform_name(name, '-')}" for name in (taken.members if taken else ())})


def _unknown_options(words: Iterable[str], known: Collection[str]) -> str:
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return f"it has no option {', '.join(unknown)}" if unknown else ""
