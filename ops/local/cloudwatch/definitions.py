"""Reads the alarms of a template as AWS would deploy them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ops.gates.translation import translate

METRIC_ALARM: Final = "AWS::CloudWatch::Alarm"
COMPOSITE_ALARM: Final = "AWS::CloudWatch::CompositeAlarm"


def alarm_properties(
    template: Path, parameters: Mapping[str, str], *, names: Mapping[str, str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Resolve the properties of every alarm, by resource type.

    ``names`` are physical names by logical id; a reference to a resource without one stays a reference. Composite
    alarms are those of production, which no threshold changes: the local environment leaves them out.
    Raises CannotJudgeError.
    """
    alarms = translate(template, parameters).of_type(METRIC_ALARM)
    named = {name: one["Properties"]["AlarmName"] for name, one in alarms.items()} | dict(names or {})
    metric = translate(template, {**parameters, **named})
    composite = translate(template, {**parameters, **named, "Environment": "production"})
    return {
        kind: [dict(one["Properties"]) for one in stack.of_type(kind).values()]
        for kind, stack in ((METRIC_ALARM, metric), (COMPOSITE_ALARM, composite))
    }
