"""Checks what starts functions that nobody calls: the stream's filter and the schedules, barely read by emulators."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from moto.events.models import EventPattern

from tests.aws.translated import ENVIRONMENTS, deployment

RECORDS: Final[Mapping[str, tuple[Any, bool]]] = {
    "a new event": ({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, True),
    "an event that expired": ({"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, False),
    "a roll-up": ({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "ROLLUP#2026"}}}}, False),
    "a change": ({"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, False),
}


def _filters() -> list[str]:
    mappings = deployment("production").of_type("AWS::Lambda::EventSourceMapping").values()
    return [one["Pattern"] for mapping in mappings for one in mapping["Properties"]["FilterCriteria"]["Filters"]]


@pytest.mark.parametrize("record", RECORDS)
def test_the_streams_filter_takes_new_events_and_nothing_else(record: str) -> None:
    event, taken = RECORDS[record]

    assert any(EventPattern.load(pattern).matches_event(event) for pattern in _filters()) is taken


def _leaves(pattern: Any) -> Iterator[tuple[str, Any]]:
    for name, value in pattern.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield from ((name, one) for one in value)


def test_a_filter_compares_texts_by_value_or_prefix_only() -> None:
    """Numbers are texts in a stream's records, so ``numeric`` never matches; what is no JSON filters nothing."""
    for pattern in _filters():
        for name, one in _leaves(json.loads(pattern)):
            assert isinstance(one, str) or set(one) == {"prefix"}, (pattern, one)
            assert name in ("eventName", "S")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_schedules_are_as_scheduler_takes_them(environment: str) -> None:
    """Neither engine looks at these, and CloudFormation's schemas at few of them."""
    for schedule in deployment(environment).of_type("AWS::Scheduler::Schedule").values():
        properties = schedule["Properties"]
        retries = properties["Target"]["RetryPolicy"]
        assert properties["ScheduleExpression"] in ("rate(1 minute)", "rate(1 hour)")
        assert 0 <= retries["MaximumRetryAttempts"] <= 185
        assert 60 <= retries["MaximumEventAgeInSeconds"] <= 86_400
