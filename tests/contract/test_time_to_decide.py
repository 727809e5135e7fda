"""How long an escalation waited for its person is told by the call that decided it, and by no other."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.logs import lines_of, standard_output
from tests.support.service import InProcess, act, escalated, extend, get, human, now_ms, own


def test_a_deadline_that_moves_is_counted_by_the_call_that_moves_it(in_process: InProcess) -> None:
    request = escalated(in_process)

    with standard_output() as output:
        for seconds in (60, 59, 60):
            extend(in_process, request, seconds)
        extend(in_process, request, envelope=human("stranger"))

    assert ["Extended" in line for line in lines_of(output)] == [True, False, True, False]


def _waited(line: dict[str, Any]) -> float | None:
    named = {metric["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]}
    return line["TimeToDecide"] if "TimeToDecide" in named else None


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_the_action_that_decides_tells_how_long_it_was_waited_for(in_process: InProcess, action: str) -> None:
    asked = now_ms()
    request = escalated(replace(in_process, now_ms=lambda: asked))
    later = replace(in_process, now_ms=lambda: asked + 12_340)

    with standard_output() as output:
        get(later, f"/workflow/requests/{request['requestId']}", envelope=own(request))
        act(later, request, action, envelope=human("stranger", tenantId="elsewhere"))
        act(later, request, action)
        act(later, request, action)

    assert [_waited(line) for line in lines_of(output)] == [None, None, 12.3, None]
