"""How long an escalation waited for its person is told by the call that decided it, and by no other."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.logs import lines_of, standard_output
from tests.support.service import InProcess, act, escalated, get, human, now_ms, own


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
