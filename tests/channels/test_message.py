"""What people are told, and in which form; text captures of each kind stand in tests/channels/messages."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from handshake.agents.standing import AgentRecord, AgentState
from handshake.channels.message import Message, duration, write_message
from handshake.channels.render import MAX_SUBJECT, signed, slack_body, subject, topic_text, webhook_body
from handshake.core.reasons import ReasonCode
from handshake.notifications.event import Event, agent_events, reminder_event, request_events, unreported_event
from handshake.requests.action import Action
from handshake.requests.evidence import Chain
from handshake.requests.record import Claim, RequestRecord, State
from ops.local.settings import ROOT
from tests.channels.test_text import HOSTILE
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import TTL_MS, a_record, a_submission, an_action

CAPTURES: Final = ROOT / "tests" / "channels" / "messages"
ROOM: Final = "https://room.example/"
STACK: Final = "handshake-production"
SECRET: Final = "an argument that nobody marked"
ARGUMENTS: Final = {"payee": "ACME Ltd", "note": SECRET, "lines": [{"sku": "a-1"}], "to": {"iban": "DE02 1203"}}


def _record(**changes: Any) -> RequestRecord:
    action = an_action(arguments=ARGUMENTS)
    submission = a_submission(context={"amount": 150, "category": "ops"}, action=action)
    record = replace(
        a_record(), submission=submission, notify=("payee", "to.iban", "nothing"), message="ask finance first"
    )
    return replace(record, chain=Chain(2, "a" * 64), **changes)


def _hostile_record(text: str) -> RequestRecord:
    action = Action("pay.transfer", "bank/transfers", arguments={"note": text, text[:20] or "x": text})
    name = text.encode(errors="replace").decode()  # no id is half of a surrogate pair
    submission = replace(
        a_submission(context={"amount": 150, "category": "ops"}),
        action=action,
        kept_digest="sha256:0",
        request_id=name,
        agent_id=name,
        principal_id=name,
        tenant_id=name,
        facts={"amount": 150, "category": name},
    )
    return replace(_record(), submission=submission, message=text, notify=("note", text[:20], "none"), approved_by=name)


def _closed(record: RequestRecord, state: State, code: ReasonCode) -> RequestRecord:
    return replace(record.resolved(state, code, now_ms=NOW_MS + 60_000), approved_by="ana", chain=Chain(4, "b" * 64))


def _of_request(before: RequestRecord | None, after: RequestRecord) -> tuple[Event, RequestRecord]:
    [event] = request_events(before, after, committed_ms=NOW_MS + 1000)
    return event, after


def _kinds(record: RequestRecord) -> Mapping[str, tuple[Event, RequestRecord | None]]:
    """Give an event of each kind, beside the request then."""
    extended = record.extended(600, now_ms=NOW_MS)
    assert extended is not None
    approved = _closed(record, State.APPROVED, ReasonCode.HITL_APPROVED)
    claimed = replace(approved, claim=Claim("executor", None, NOW_MS, NOW_MS + 60_000))
    stopped = AgentRecord("buyer", "acme", AgentState.STOPPED, "a team", "why", NOW_MS + TTL_MS, NOW_MS, "ana", 2, "h")
    return {
        "escalated": _of_request(None, record),
        "reminded": (reminder_event(record, "half", now_ms=NOW_MS + TTL_MS // 2), record),
        "extended": _of_request(record, replace(extended, chain=Chain(4, "b" * 64))),
        "approved": _of_request(record, approved),
        "rejected": _of_request(record, _closed(record, State.REJECTED, ReasonCode.HITL_REJECTED)),
        "expired": _of_request(record, replace(record.expired(NOW_MS + TTL_MS), chain=Chain(4, "b" * 64))),
        "claimed": _of_request(approved, claimed),
        "unreported": (unreported_event(claimed, now_ms=NOW_MS + 900_000), claimed),
        "revoked": _of_request(approved, approved.revoked(now_ms=NOW_MS + 70_000)),
        "agent": (next(agent_events(replace(stopped, state=AgentState.ACTIVE, version=1), stopped)), None),
    }


def _message(event: Event, record: RequestRecord | None, arguments: Mapping[str, Any] = ARGUMENTS) -> Message:
    return write_message(event, record, arguments, now_ms=NOW_MS + 30_000, stack=STACK, room=ROOM)


@pytest.mark.parametrize("kind", _kinds(_record()))
def test_a_message_of_each_kind_reads_as_it_was_captured(kind: str) -> None:
    """Whoever changes a text writes the capture anew, and reads it."""
    event, record = _kinds(_record())[kind]

    assert _message(event, record).text + "\n" == (CAPTURES / f"{kind}.txt").read_text(encoding="utf-8")


def test_a_hostile_message_reads_as_it_was_captured() -> None:
    record = _hostile_record(" ".join(HOSTILE[name] for name in ("mention of all", "link", "bidi", "lines")))
    event, _ = _of_request(None, record)
    arguments = record.submission.action.arguments if record.submission.action else None

    text = _message(event, record, arguments or {}).text

    assert text + "\n" == (CAPTURES / "hostile.txt").read_text(encoding="utf-8")


def test_of_arguments_those_alone_are_shown_that_policy_or_schema_marks() -> None:
    event, record = _kinds(_record())["escalated"]
    shown = _message(event, record)

    assert "- ACME Ltd" in shown.lines
    assert "- DE02 1203" in shown.lines
    assert SECRET not in json.dumps(shown.text)
    for body in (slack_body(shown), webhook_body(event.detail(), shown), topic_text(shown).encode()):
        assert SECRET.encode() not in body


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ({"to": {"iban": "DE02"}}, ["- DE02"]),
        ({"to.iban": "DE02"}, ["- DE02"]),
        ({"to": {"iban": "DE02"}, "to.iban": "GOOD"}, ["- two of this name; look in the room"]),
        ({"to": {"iban": None}, "to.iban": "GOOD"}, ["- two of this name; look in the room"]),
        ({"to": {"bank": "x"}}, []),
        ({"to": "DE02"}, []),
    ],
)
def test_an_argument_that_a_path_names_twice_is_not_shown(arguments: Mapping[str, Any], lines: list[str]) -> None:
    """An agent could have its own word stand where a person reads whom it pays."""
    event, record = _of_request(None, replace(_record(), notify=("to.iban",)))
    shown = _message(event, record, arguments).lines

    assert [line for line in shown if line.startswith("- ")] == lines
    assert ("argument to(.)iban" in shown) is bool(lines)
    assert not any("GOOD" in line for line in shown)


def test_a_path_is_read_in_each_way_that_names_with_full_stops_allow() -> None:
    event, record = _of_request(None, replace(_record(), notify=("a.b.c.d",)))
    once: list[Any] = [{"a.b": {"c.d": 1}}, {"a": {"b.c": {"d": 1}}}, {"a": {"b": {"c": {"d": 1}}}}, {"a.b.c.d": 1}]
    twice: list[Any] = [{"a.b": {"c.d": 1}, "a": {"b": {"c.d": 2}}}, {"a": {"b": {"c.d": 2, "c": {"d": 1}}}}]

    assert all("- 1" in _message(event, record, arguments).lines for arguments in once)
    for arguments in twice:
        assert "- two of this name; look in the room" in _message(event, record, arguments).lines


def test_a_message_says_what_is_asked_by_whom_the_tier_what_was_crossed_the_deadline_and_where() -> None:
    event, record = _of_request(None, _record())
    shown = _message(event, record)

    for line in (
        "request: req-1",
        "for: alice",
        "asks for: pay(.)transfer",
        "amount: 150",
        "policy says: ask finance first",
    ):
        assert line in shown.lines
    assert any(line.startswith("risk: ") and line.endswith(f"tier {record.tier}") for line in shown.lines)
    assert any(line.startswith("crossed: ") for line in shown.lines)
    assert "deadline: in 4 min 30 s, 2026-03-05 14:30:00 UTC" in shown.lines
    assert shown.link == f"{ROOM}#/requests/req-1"


def _is_harmless(shown: Message) -> None:
    text = "\n".join([shown.title, *shown.lines])
    assert not set(text) & set("@<>[]&`*~#|\\")
    assert "://" not in text
    assert all(line.isprintable() for line in [shown.title, *shown.lines])
    assert len(subject(shown)) <= MAX_SUBJECT
    assert subject(shown).isascii()
    assert len(topic_text(shown)) <= 1500
    body = json.loads(slack_body(shown))
    assert all(block["text"]["type"] == "plain_text" for block in body["blocks"] if "text" in block)
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert len(body["blocks"][1]["text"]["text"]) <= 3000
    assert len(webhook_body({"event": "x", "at": 1}, shown)) < 64 * 1024


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_caller_wrote_does_nothing_in_any_message(name: str) -> None:
    for event, record in _kinds(_hostile_record(HOSTILE[name])).values():
        arguments = record.submission.action.arguments if record and record.submission.action else None
        _is_harmless(_message(event, record, arguments or {}))


@given(st.text(min_size=1, max_size=200))
def test_any_text_does_nothing_in_any_message(text: str) -> None:
    event, record = _of_request(None, _hostile_record(text))
    arguments = record.submission.action.arguments if record.submission.action else None

    _is_harmless(_message(event, record, arguments or {}))


def test_64_kilobytes_of_everything_make_no_longer_a_message() -> None:
    text = "A" * 65_536
    event, record = _of_request(None, _hostile_record(text))

    shown = _message(
        event, replace(record, notify=tuple(f"a{n}" for n in range(500))), {f"a{n}": text for n in range(500)}
    )

    _is_harmless(shown)
    assert len(shown.text) < 8_000
    assert any("more arguments" in line for line in shown.lines)


def test_each_line_ends_with_the_one_value_that_a_caller_chose() -> None:
    """Text from right to left turns what follows it; so nothing of ours does."""
    record = _hostile_record("שלום")
    event, _ = _of_request(None, record)
    shown = _message(event, record, {"note": "שלום"})

    for line in [shown.title, *shown.lines]:
        assert "שלום" not in line or line.endswith("שלום")
        assert line.count("שלום") <= 1


def test_a_webhook_is_signed_as_the_specification_says_and_nothing_else_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    event, record = _kinds(_record())["escalated"]
    body = webhook_body(event.detail(), _message(event, record))
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _, at: _stamp(at))
    headers = signed(key, message_id="evt_1", now_ms=NOW_MS, body=body)

    assert Webhook(key).verify(body, headers)["data"]["eventId"] == event.event_id
    for other in (headers | {"webhook-id": "evt_2"}, headers | {"webhook-timestamp": "1"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, other)
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body + b" ", headers)


def _stamp(text: str) -> Any:
    from datetime import UTC, datetime  # noqa: PLC0415 - of this double alone

    return datetime.fromtimestamp(float(text), tz=UTC)


@pytest.mark.parametrize(
    ("length_ms", "words"),
    [(0, "0 min 0 s"), (59_999, "0 min 59 s"), (3_600_000, "1 h 0 min"), (90_000_000, "1 d 1 h"), (-5, "0 min 0 s")],
)
def test_a_length_of_time_is_said_in_words(length_ms: int, words: str) -> None:
    assert duration(length_ms) == words
