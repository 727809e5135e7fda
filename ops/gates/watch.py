"""check:watch-config: what is watched after a release exists, with the production thresholds; actions can be taken."""

import shlex
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]
from typer.main import get_command

from ops.gates.env_rules.safeguards import THRESHOLDS, alerts
from ops.gates.gate import CannotJudgeError, Finding, Options, Verdict
from ops.gates.openapi import COMMITTED, load
from ops.gates.translation import environment_of, nested

CONFIG: Final = "ops/gates/watch.yaml"
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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Action(_Model):
    """One step. ``run`` is a poe task, a command of ``python -m ops`` or of the AWS CLI, or a route of the API."""

    do: Annotated[str, Field(min_length=1)]
    run: Annotated[str, Field(min_length=1)]


class Signal(_Model):
    """One alarm that is followed, named without its stack. ``verdict`` is what its going off means for the release."""

    alarm: str
    metric: str
    statistic: Literal["Sum", "Average"]
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold"]
    threshold: float
    period_seconds: Annotated[int, Field(alias="periodSeconds", ge=60)]
    datapoints: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]
    verdict: Literal["roll_back", "look"]
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]


class Watch(_Model):
    """What is watched for ``hours`` after a release."""

    hours: Annotated[int, Field(ge=1)]
    signals: tuple[Signal, ...]


def read_watch(root: Path) -> Watch:
    """The watch configuration of a checkout. Raises CannotJudgeError."""
    try:
        return Watch.model_validate(yaml_parse((root / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValidationError) as fault:
        raise CannotJudgeError(f"{CONFIG} cannot be read: {fault}") from fault


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    verdict = Verdict()
    watch = read_watch(options.root)
    verdict.require(watch.hours >= _HOURS, f"it watches {watch.hours} hours only", f"hours: {_HOURS} in {CONFIG}")
    watched = {signal.alarm for signal in watch.signals}
    for name in sorted(THRESHOLDS.keys() - watched):
        verdict.findings.append(Finding(f"{name} is not watched", f"add it to {CONFIG}"))
    production = environment_of(options.root, "production")
    alarms = alerts(nested(production, "Alarms"))
    for signal in watch.signals:
        _compare(verdict, signal, alarms.get(signal.alarm))
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


class _Commands:
    """What can be run: poe's tasks, the operator's commands, the AWS CLI's operations, the API's routes."""

    def __init__(self, root: Path) -> None:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        self._tasks = project.get("tool", {}).get("poe", {}).get("tasks", {})
        paths = load(root / COMMITTED)["paths"]
        self._routes = {(method.upper(), path) for path, operations in paths.items() for method in operations}

    def lack(self, run: str) -> str:
        """Why ``run`` cannot be run, or ""."""
        words = shlex.split(run)
        if words[0] == "poe":
            return "" if words[1:2] and words[1] in self._tasks else "pyproject.toml has no such task"
        if words[: len(_OPS)] == _OPS:
            return _lack_in(words[len(_OPS) :])
        if words[0] == "aws":
            return _lack_in_aws(*words[1:])
        return "" if tuple(words) in self._routes else "it is neither a command nor a route of the API"


def _lack_in(words: list[str]) -> str:
    from ops.commands.app import app  # noqa: PLC0415 - the whole command line, which only this needs

    command: Any = get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            break
        if word not in command.commands:
            return f"python -m ops has no {word}"
        command = command.commands[word]
    if hasattr(command, "commands"):
        return "it is a group of commands, not one"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return _unknown_options(words, known)


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
