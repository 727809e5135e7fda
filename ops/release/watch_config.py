"""Read watch.yaml: the alarms that are followed after a release, and what to do when one goes off."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ops.verdict import CannotJudgeError

CONFIG: Final = "ops/release/watch.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Action(_Model):
    """One step. ``run`` is a poe task, a command of ``python -m ops`` or of the AWS CLI, or a route of the API."""

    do: Annotated[str, Field(min_length=1)]
    run: Annotated[str, Field(min_length=1)]


class Signal(_Model):
    """One alarm that is followed, named without its stack. ``verdict`` is its meaning for the release.

    Below ``minimum`` counted calls a period, a rate says nothing about a release. ``release`` is the alarm that takes a
    release back while it shifts: the same with that minimum, else the alarm itself.
    """

    alarm: str
    metric: str
    statistic: Literal["Sum", "Average"]
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold"]
    threshold: float
    period_seconds: Annotated[int, Field(alias="periodSeconds", ge=60)]
    datapoints: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]
    minimum: Annotated[int, Field(ge=1)] = 1
    release: str = ""
    verdict: Literal["roll_back", "look"]
    actions: Annotated[tuple[Action, ...], Field(min_length=1)]


class WatchConfig(_Model):
    """The signals to follow for ``hours`` after a release."""

    hours: Annotated[int, Field(ge=1)]
    signals: tuple[Signal, ...]


def read_watch_config(root: Path) -> WatchConfig:
    """Read the configuration of the checkout at ``root``. Raises CannotJudgeError."""
    # SAM's reader of YAML takes a moment to import, which other commands need not wait for.
    from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # noqa: PLC0415 - SAM CLI publishes no types

    try:
        return WatchConfig.model_validate(yaml_parse((root / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValidationError) as fault:
        raise CannotJudgeError(f"{CONFIG} cannot be read: {fault}") from fault
