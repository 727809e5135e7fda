"""Extract metrics from log lines, as CloudWatch Logs does from the embedded metric format.

After Amazon's "Specification: Embedded metric format". A document whose structure breaks the specification gives no
metrics (a parsing error). Where a member that a directive refers to is missing or is not what it must be, the metrics
that need it are left out and the others stay (a validation error). CloudWatch counts both, by these names, in AWS/Logs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.local.cloudwatch.alarms import Metric, Sample

_MAX_EVENT_BYTES: Final = 1024 * 1024
_MAX_METRICS: Final = 100
_MAX_DIMENSIONS: Final = 30
_MAX_VALUES: Final = 100
_MAX_DIMENSION_CHARS: Final = 1024
_MAX_NAME_CHARS: Final = 255
_LARGEST: Final = 2**360
_OLDEST_S: Final = 14 * 24 * 3600
_NEWEST_S: Final = 2 * 3600
_RATES: Final = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes")
_BITS: Final = ("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits")
_UNITS: Final = {
    *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"),
    *(f"{unit}{per}" for unit in _RATES + _BITS for per in ("", "/Second")),
}


@dataclass(frozen=True)
class Extraction:
    """The metrics of one log event. All zero and empty where it is no EMF document."""

    samples: tuple[Sample, ...] = ()
    parsing_errors: int = 0
    validation_errors: int = 0


class _ParsingError(Exception):
    pass


class _ValidationError(Exception):
    pass


def extract(message: str, *, now_s: float) -> Extraction:
    """Extract the metrics of one log event, which has to be the document alone. ``now_s`` is epoch seconds."""
    document = _document(message)
    if document is None:
        return Extraction()
    samples: list[Sample] = []
    errors = 0
    try:
        if len(message.encode()) > _MAX_EVENT_BYTES:
            raise _ParsingError
        time_s = _number(document["_aws"].get("Timestamp")) / 1000
        directives = [_directive(one) for one in _array(document["_aws"]["CloudWatchMetrics"])]
    except (_ParsingError, _ValidationError):
        return Extraction(parsing_errors=1)
    if not now_s - _OLDEST_S <= time_s <= now_s + _NEWEST_S:
        return Extraction(validation_errors=1)
    for namespace, dimension_sets, definitions in directives:
        sets: list[frozenset[tuple[str, str]]] = []
        for keys in dimension_sets:
            try:
                sets.append(frozenset((key, _dimension(document.get(key))) for key in keys))
            except _ValidationError:
                errors += 1
        for definition in definitions:
            try:
                unit, values = _unit(definition), _values(document.get(definition["Name"]))
            except _ValidationError:
                errors += 1
                continue
            samples += (
                Sample(Metric(namespace, definition["Name"], dimensions), time_s, value, unit=unit)
                for dimensions in sets
                for value in values
            )
    return Extraction(tuple(samples), validation_errors=errors)


def _document(message: str) -> dict[str, Any] | None:
    if '"_aws"' not in message:
        return None
    try:
        document = json.loads(message, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    aws = document.get("_aws") if isinstance(document, dict) else None
    return document if isinstance(aws, dict) and "CloudWatchMetrics" in aws else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _directive(directive: object) -> tuple[str, list[list[str]], list[Mapping[str, Any]]]:
    if not isinstance(directive, dict):
        raise _ParsingError
    namespace, metrics = directive.get("Namespace"), _array(directive.get("Metrics"))
    if not isinstance(namespace, str) or not 0 < len(namespace) <= _MAX_NAME_CHARS or len(metrics) > _MAX_METRICS:
        raise _ParsingError
    dimension_sets = [_array(keys) for keys in _array(directive.get("Dimensions"))]
    if any(len(keys) > _MAX_DIMENSIONS or not all(isinstance(key, str) for key in keys) for keys in dimension_sets):
        raise _ParsingError
    for metric in metrics:
        name = metric.get("Name") if isinstance(metric, dict) else None
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS:
            raise _ParsingError
    return namespace, dimension_sets, metrics


def _array(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _ParsingError
    return value


def _dimension(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_DIMENSION_CHARS:
        raise _ValidationError
    return value


def _unit(definition: Mapping[str, Any]) -> str:
    unit = definition.get("Unit", "None")
    if not isinstance(unit, str) or unit not in _UNITS or definition.get("StorageResolution", 60) not in (1, 60):
        raise _ValidationError
    return unit


def _values(value: object) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if len(values) > _MAX_VALUES:
        raise _ValidationError
    return [_number(one) for one in values]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise _ValidationError
    return float(value)
