"""Checks what starts functions that nobody calls: the stream's filter and the schedules, barely read by emulators."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from moto.events.models import EventPattern

from tests.aws.translated import ENVIRONMENTS, Deployment, deployment


def _record(event: str, pk: str, sk: str = "", **image: str) -> dict[str, Any]:
    """Give a record as a filter sees it; numbers are text in it too."""
    key = {"pk": {"S": pk}} | ({"sk": {"S": sk}} if sk else {})
    change = {"Keys": key} | ({"NewImage": {name: {"S": value} for name, value in image.items()}} if image else {})
    return {"eventName": event, "dynamodb": change}


# By mapping, records and whether it takes them.
RECORDS: Final[Mapping[str, Mapping[str, tuple[Any, bool]]]] = {
    "MetricsProjectorFunctionMetricsStream": {
        "a new event": (_record("INSERT", "EVENT#2026"), True),
        "an event that expired": (_record("REMOVE", "EVENT#2026"), False),
        "a roll-up": (_record("INSERT", "ROLLUP#2026"), False),
        "a change": (_record("MODIFY", "EVENT#2026"), False),
    },
    "NotifierFunctionWorkflowStream": {
        "an escalation": (_record("INSERT", "REQ#1", "STATE", state="escalated_pending"), True),
        "a request that was allowed at once": (_record("INSERT", "REQ#1", "STATE", state="allowed_terminal"), False),
        "what became of a request": (_record("MODIFY", "REQ#1", "STATE", state="allowed_terminal"), True),
        "an action's arguments": (_record("INSERT", "REQ#1", "ACTION"), False),
        "arguments that were erased": (_record("MODIFY", "REQ#1", "ACTION"), False),
        "evidence": (_record("INSERT", "REQ#1", "EVT#000001"), False),
        "a day's spend": (_record("MODIFY", "SPEND#agent", "2026-01-01"), False),
        "a notice that was made": (_record("INSERT", "NOTICE#1", "reminder"), False),
        "a notice that was told": (_record("MODIFY", "NOTICE#1", "reminder"), True),
        "a notice that expired": (_record("REMOVE", "NOTICE#1", "reminder"), False),
    },
    "NotifierFunctionPolicyStream": {
        "an agent's first record": (_record("INSERT", "AGENT#buyer", "RECORD"), True),
        "an agent's record in a tenant": (_record("MODIFY", "AGENT@tenant#acme#buyer", "RECORD"), True),
        "the evidence of it": (_record("INSERT", "AGENT#buyer", "CHANGED#00000001"), False),
        "a policy": (_record("MODIFY", "SCOPE#global", "ACTIVE"), False),
    },
}
CASES: Final = [(mapping, record) for mapping, records in RECORDS.items() for record in records]


def _streams(of: Deployment) -> dict[str, Any]:
    """Give the mappings that read a stream; the others read queues, whole."""
    mappings = of.of_type("AWS::Lambda::EventSourceMapping").items()
    return {name: mapping for name, mapping in mappings if "StartingPosition" in mapping["Properties"]}


def _filters() -> dict[str, list[str]]:
    mappings = _streams(deployment("production"))
    return {
        name: [one["Pattern"] for one in mapping["Properties"]["FilterCriteria"]["Filters"]]
        for name, mapping in mappings.items()
    }


@pytest.mark.parametrize(("mapping", "record"), CASES, ids=[": ".join(case) for case in CASES])
def test_a_streams_filter_takes_what_its_reader_is_for_and_nothing_else(mapping: str, record: str) -> None:
    event, taken = RECORDS[mapping][record]

    assert any(EventPattern.load(pattern).matches_event(event) for pattern in _filters()[mapping]) is taken


def test_every_mapping_is_in_this_table() -> None:
    assert RECORDS.keys() == _filters().keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_stream_has_two_readers_at_most_and_the_images_that_they_compare(environment: str) -> None:
    of = deployment(environment)
    mappings = _streams(of).items()
    sources = Counter(of.target(path, mapping["Properties"]["EventSourceArn"]) for path, mapping in mappings)

    assert max(sources.values()) <= 2
    views = {path: of.resources[str(path)]["Properties"]["StreamSpecification"]["StreamViewType"] for path in sources}
    assert views == {
        "State/MetricsTable": "NEW_IMAGE",
        "State/WorkflowTable": "NEW_AND_OLD_IMAGES",
        "State/PolicyTable": "NEW_AND_OLD_IMAGES",
    }


@pytest.mark.parametrize("mapping", ["NotifierFunctionWorkflowStream", "NotifierFunctionPolicyStream"])
def test_what_cannot_be_told_now_is_delivered_again_for_half_of_what_the_stream_keeps(mapping: str) -> None:
    """No emulator heeds these: a failure is named by its record, and no number of tries ends it."""
    properties = deployment("production").resources[mapping]["Properties"]

    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BisectBatchOnFunctionError"] is True
    assert (properties["MaximumRetryAttempts"], properties["MaximumRecordAgeInSeconds"]) == (-1, 43_200)
    assert properties.get("MaximumBatchingWindowInSeconds", 0) == 0
    assert "OnFailure" in properties["DestinationConfig"]


def _leaves(pattern: Any) -> Iterator[tuple[str, Any]]:
    for name, value in pattern.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield from ((name, one) for one in value)


def test_a_filter_compares_texts_by_value_or_prefix_only() -> None:
    """Numbers are texts in a stream's records, so ``numeric`` never matches; what is no JSON filters nothing."""
    for pattern in (pattern for patterns in _filters().values() for pattern in patterns):
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


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_channels_queue_outlasts_the_function_and_gives_up_by_time_and_not_by_count(environment: str) -> None:
    """A message is hidden while it is tried, six times as long as the function may take (AWS's advice)."""
    of = deployment(environment)
    queues = {path: of.resources[path]["Properties"] for path in ("TopicQueue", "SlackQueue", "WebhookQueue")}
    timeout = of.resources["ChannelsFunction"]["Properties"]["Timeout"]
    mappings = of.of_type("AWS::Lambda::EventSourceMapping")

    for path, queue in queues.items():
        assert queue["FifoQueue"] is True
        assert queue["QueueName"] != queue["FifoQueue"]
        assert queue["VisibilityTimeout"] >= 6 * timeout
        assert queue["MessageRetentionPeriod"] == 1_209_600
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 1000
        [mapping] = [
            one["Properties"]
            for name, one in mappings.items()
            if of.target(name, one["Properties"]["EventSourceArn"]) == path
        ]
        assert mapping["BatchSize"] == 1
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] <= 1000
