"""How events are put on the bus: entries that it refuses, and a bus that does not answer."""

import json
from typing import Final

import pytest
from botocore.exceptions import EndpointConnectionError

from handshake.notifications.bus import BusUnavailableError, EventBus
from handshake.notifications.event import Event, Kind
from tests.support.clients import answer_of
from tests.support.telling import Listener

EVENTS: Final = [Event(Kind.REQUEST_ESCALATED, f"id-{number}", 1_700_000_000_123, {"n": number}) for number in range(4)]


def _put(listener: Listener) -> list[Event]:
    return EventBus(listener, "bus", pause=lambda _: None).put(EVENTS)


def test_an_entry_says_bus_source_kind_time_and_all_of_the_event() -> None:
    listener = Listener()

    assert _put(listener) == []

    entry = listener.entries[1]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("bus", "handshake", "request.escalated")
    assert entry["Time"] == 1_700_000_000
    assert json.loads(entry["Detail"]) == EVENTS[1].detail()


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "some code of next year"])
def test_what_is_refused_for_now_is_put_again_and_nothing_else_is(code: str) -> None:
    listener = Listener(answers=["", code, "", code])

    assert _put(listener) == []

    assert [detail["n"] for detail in listener.told] == [0, 2, 1, 3]
    assert listener.calls == [4, 2]


def test_what_is_refused_however_often_it_is_put_makes_the_bus_unavailable() -> None:
    listener = Listener(answers=["", "ThrottlingException", "", "", "ThrottlingException", "ThrottlingException"])

    with pytest.raises(BusUnavailableError, match="ThrottlingException"):
        _put(listener)

    assert listener.calls == [4, 1, 1]


def test_an_entry_that_will_never_be_taken_is_named_and_stops_no_other() -> None:
    listener = Listener(answers=["MalformedDetail", "", "ThrottlingException"])

    assert _put(listener) == [EVENTS[0]]
    assert sorted(detail["n"] for detail in listener.told) == [1, 2, 3]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (answer_of("AccessDeniedException", 400), "Operation: AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="https://events"), "EndpointConnectionError"),
    ],
)
def test_a_bus_that_does_not_answer_is_named_without_its_words(failure: Exception, cause: str) -> None:
    with pytest.raises(BusUnavailableError) as raised:
        _put(Listener(failures=[failure]))

    assert str(raised.value) == cause
