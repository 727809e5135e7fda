"""The shortest honest drill: the replay guards' store taken away on the deployed stack, and everything that follows."""

import json
from typing import Final

import pytest

from ops.commands.drill import run
from ops.local import deployment
from ops.local.settings import STACK_NAME

ALERT: Final = "alert_replay_guard_unavailable"

# It lasts as long as CloudWatch's minutes do: one to fire, one or two to recover, and calm before and after.
pytestmark = [pytest.mark.usefixtures("operated"), pytest.mark.waits, pytest.mark.timeout(900)]


def test_an_outage_is_detected_notified_followed_by_its_runbook_and_over() -> None:

    [path] = run(deployment.find(STACK_NAME), STACK_NAME, [ALERT])

    receipt = json.loads(path.read_text())
    assert receipt["passed"], receipt
    assert receipt["refused"], "nobody was refused, so there was no outage"
    assert 0 < receipt["seconds"]["toDetect"] <= receipt["seconds"]["toNotify"]
    assert "python -m ops pause" in [step["command"] for step in receipt["runbook"]]
    assert not [answer for answer in receipt["answers"] if answer.startswith("200 hitl_approved")]


def test_a_dead_channel_is_detected_notified_followed_by_its_runbook_and_over() -> None:

    [path] = run(deployment.find(STACK_NAME), STACK_NAME, ["dead_channel"])

    receipt = json.loads(path.read_text())
    assert receipt["passed"], receipt
    assert receipt["seconds"]["toPage"] is None
    assert "python -m ops channels list" in [step["command"] for step in receipt["runbook"]]
