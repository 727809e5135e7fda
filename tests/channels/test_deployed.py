"""Channels as deployed: an operator registers a webhook and an agent asks; a receiver of this machine is told."""

import time
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.receivers import Receiver, receiving
from tests.support.service import Deployed, act, escalated, unique

_PATIENCE_S = 90


@pytest.fixture
def service(operated: LocalStack) -> Deployed:
    """The deployed service, and an operator's credentials in the environment."""
    return Deployed.on(operated)


def _ops(*words: str, url: str = "") -> Result:
    return CliRunner().invoke(app, ["channels", *words, "--stack", STACK_NAME], input=f"{url}\n")


def _until(receiver: Receiver, request_id: str, count: int) -> list[str]:
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        told = [one.json["data"] for one in receiver.calls]
        kinds = [one["event"] for one in told if one.get("requestId") == request_id]
        if len(kinds) >= count or time.monotonic() > give_up:
            return kinds
        time.sleep(0.2)


def test_a_receiver_is_told_of_an_escalation_and_of_what_became_of_it(service: Deployed) -> None:
    name = unique("hook")[-20:]
    with receiving() as receiver:
        added = _ops("add", "webhook", name, url=receiver.url)
        assert added.exit_code == 0, added.output
        try:
            request = escalated(service)
            assert _until(receiver, request["requestId"], 1) == ["request.escalated"]
            assert act(service, request).status == 200
            assert _until(receiver, request["requestId"], 2) == ["request.escalated", "request.decided"]
            assert all("webhook-signature" in call.headers for call in receiver.calls)
        finally:
            assert _ops("remove", name).exit_code == 0


def test_people_hear_within_seconds_of_the_commit(
    service: Deployed, record_property: Callable[[str, object], None]
) -> None:
    """The bound is for a busy machine; what was measured stands in the report (--junitxml)."""
    name, offset_s = unique("hook")[-20:], time.time() - time.monotonic()
    with receiving() as receiver:
        assert _ops("add", "webhook", name, url=receiver.url).exit_code == 0
        try:
            requests = [escalated(service)["requestId"] for _ in range(20)]
            for request_id in requests:
                assert _until(receiver, request_id, 1)[:1] == ["request.escalated"]
        finally:
            assert _ops("remove", name).exit_code == 0

    waits = sorted(
        round((call.at_s + offset_s) * 1000) - call.json["data"]["at"]
        for call in receiver.calls
        if call.json["data"].get("requestId") in requests and call.json["data"]["event"] == "request.escalated"
    )
    record_property("p50_ms", waits[9])
    record_property("p95_ms", waits[18])
    assert waits[9] < 20_000
