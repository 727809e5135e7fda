"""After everything else: what the whole run has logged, in this process and on the deployed stack."""

from collections.abc import Iterator

from ops.local.stack import LocalStack
from tests.support.logs import RunLog


def _deployed_lines(stack: LocalStack) -> Iterator[str]:
    logs = stack.client("logs")
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        yield from pages.search("events[].message")


def test_no_log_line_of_the_run_repeats_a_secret_a_token_an_envelope_or_a_payload(run_log: RunLog) -> None:
    assert run_log.leaks == []


def test_no_log_line_of_the_deployed_functions_does(stack: LocalStack) -> None:
    log = RunLog(secrets={stack.trust_secret})

    log.look_at(_deployed_lines(stack))

    assert log.leaks == []
    assert log.lines, "the deployed functions logged nothing that could be found"
