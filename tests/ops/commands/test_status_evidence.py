"""`ops status` says how far the nightly verification of evidence has come, and what it found."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from handshake.requests.verification_progress import LANES, night_of
from handshake.requests.verify_nightly import verify_nightly
from ops.commands.status import Part, _show, _verification
from tests.conftest import Engine
from tests.support.service import InProcess, decided, now_ms

DAY_MS = 24 * 60 * 60 * 1000
MORNING = night_of(now_ms()) * DAY_MS + 2 * 60 * 60 * 1000


@pytest.fixture
def service(dynamodb_local: Engine) -> InProcess:
    """The service on a store of its own."""
    return InProcess(*dynamodb_local)


def _shown(service: InProcess, *, nights: int) -> Part:
    now = MORNING + nights * DAY_MS
    target: Any = SimpleNamespace(context=lambda: replace(service, now_ms=lambda: now).context)
    return _verification(target, now_ms=now)


def _verify(service: InProcess, *, nights: int) -> None:
    verify_nightly(replace(service, now_ms=lambda: MORNING + nights * DAY_MS).context, lambda _: None)


def test_a_stack_that_was_never_verified_says_so(service: InProcess) -> None:
    assert _shown(service, nights=0).attention


def test_a_night_that_is_done_is_well_and_one_that_is_missed_is_not(service: InProcess) -> None:
    _verify(service, nights=0)
    done, missed = _shown(service, nights=0), _shown(service, nights=2)

    assert (done.attention, done.facts["lanesLeft"], done.facts["nightsBehind"]) == (False, 0, 0)
    assert (missed.attention, missed.facts["lanesLeft"], missed.facts["nightsBehind"]) == (True, len(LANES), 1)
    assert "1 nights behind" in missed.text


def test_what_does_not_hold_is_named_for_thirty_nights(service: InProcess) -> None:
    request = decided(service, "allow")
    service.dynamodb.update_item(
        TableName=service.tables.workflow,
        Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET payload_ref = :another",
        ExpressionAttributeValues={":another": {"S": "another"}},
    )
    for night in (0, 1):
        _verify(service, nights=night)
    shown = _shown(service, nights=1)

    assert shown.attention
    assert shown.facts["findings"] >= 1
    assert request["requestId"] in shown.text
    assert _shown(service, nights=31).facts["findings"] == 0


def test_what_a_table_writer_named_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _show("handshake", {"verification": Part("BROKEN: \x1b[2J\x1b[1;32mall is well\u202e", {}, attention=True)})

    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "all is well" in shown
