"""The action of a submission, and the digest that binds a request to it."""

import json
from copy import deepcopy
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.jsonio import parse
from handshake.requests.action import MAX_BYTES, MAX_INTEGER, MAX_LEVELS, Action
from handshake.requests.submission import Submission, parse_submission
from ops.openapi.vectors import VECTORS, submission_of
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason
from tests.support.workflow_requests import a_body, a_submission, an_action

SHAPE = "trust_context_invalid_request_shape"
KNOWN = json.loads(VECTORS.read_text(encoding="utf-8"))

# What every reader of JSON keeps as it is written.
EXACT = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(-MAX_INTEGER, MAX_INTEGER)
ARGUMENTS = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        st.none() | st.booleans() | EXACT | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def _read(body: Any) -> Submission:
    """Read ``body`` as it arrives: written as JSON, and parsed."""
    return parse_submission(parse(json.dumps(body), max_bytes=64 * 1024), now_ms=NOW_MS)


def _with(action: Any, **changes: Any) -> dict[str, Any]:
    return a_body("external_call", action=action, **changes)


# -- vectors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", KNOWN["digests"], ids=lambda vector: vector["name"])
def test_a_body_has_the_digest_that_the_vectors_say(vector: dict[str, str]) -> None:
    submission = submission_of(vector["body"])

    assert submission.canonical_action == vector["canonical"]
    assert submission.action_digest == vector["actionDigest"]


@pytest.mark.parametrize("vector", KNOWN["refused"], ids=lambda vector: vector["name"])
def test_a_body_is_refused_that_the_vectors_say_is(vector: dict[str, str]) -> None:
    assert reason(lambda: submission_of(vector["body"])) == vector["reasonCode"] == SHAPE


# -- bounds ------------------------------------------------------------------------------------------------------


@given(ARGUMENTS)
def test_arguments_of_any_shape_are_kept_whole(arguments: dict[str, Any]) -> None:
    submission = _read(_with(an_action(arguments=arguments)))

    assert submission.action == Action("pay.transfer", "bank/transfers", "2.1", "account:7", arguments)
    assert json.loads(submission.canonical_action or "")["action"]["arguments"] == arguments


@given(st.lists(st.sampled_from("[{"), min_size=1, max_size=24))
def test_an_action_is_at_most_sixteen_levels_deep(containers: list[str]) -> None:
    value: Any = 1
    for container in containers:
        value = [value] if container == "[" else {"a": value}

    told = answer(lambda: _read(_with({"operation": "o", "arguments": {"deep": value}})))

    levels = len(containers) + 2
    assert isinstance(told, Submission) if levels <= MAX_LEVELS else told == SHAPE


@given(st.sampled_from(["x", "é", "\u2028", "\x01", "😀"]), st.integers(0, 1))
def test_an_action_has_at_most_32_kib_as_canonical_json(char: str, beyond: int) -> None:
    empty = rfc8785.dumps({"operation": "o", "arguments": {"t": ""}})
    each = len(rfc8785.dumps(char)) - 2
    count = (MAX_BYTES - len(empty)) // each + beyond

    told = answer(lambda: parse_submission(_with({"operation": "o", "arguments": {"t": char * count}}), now_ms=NOW_MS))

    assert isinstance(told, Submission) != bool(beyond)
    assert told == SHAPE or not beyond


@given(st.integers(MAX_INTEGER + 1, 10**40) | st.floats(MAX_INTEGER + 1, 1e308), st.sampled_from([1, -1]))
def test_an_integer_that_shares_its_double_is_refused(value: float, sign: int) -> None:
    assert reason(lambda: _read(_with(an_action(arguments={"n": [{"deep": sign * value}]})))) == SHAPE


@given(st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=20))
def test_a_number_passes_exactly_when_its_double_says_what_was_written(value: Any) -> None:
    text = f'{{"n":{value:f}}}'
    body = json.dumps(_with(an_action(arguments="ARGUMENTS"))).replace('"ARGUMENTS"', text)

    told = answer(lambda: parse_submission(parse(body, max_bytes=64 * 1024), now_ms=NOW_MS))

    kept = type(value)(repr(float(value))) == value
    assert isinstance(told, Submission) if kept else told == SHAPE


@pytest.mark.parametrize("name", ["operation", "tool"])
@given(st.text("azAZ09._:/-", min_size=1, max_size=128))
def test_names_are_of_one_alphabet(name: str, text: str) -> None:
    assert isinstance(_read(_with(an_action(**{name: text}))), Submission)


@pytest.mark.parametrize("name", ["operation", "tool"])
@given(st.text(max_size=3) | st.text(st.characters(max_codepoint=127), max_size=3))
def test_names_of_another_alphabet_are_refused(name: str, text: str) -> None:
    known = bool(text) and text.isascii() and all(char.isalnum() or char in "._:/-" for char in text)

    told = answer(lambda: _read(_with(an_action(**{name: text}))))

    assert isinstance(told, Submission) if known else told == SHAPE


@given(
    st.one_of(st.integers(), st.text(), st.booleans(), st.lists(st.integers()), st.dictionaries(st.text(), st.none()))
)
def test_what_is_no_action_is_refused(value: Any) -> None:
    assert reason(lambda: _read(_with(value))) == SHAPE


def test_a_submission_without_an_action_has_a_digest_too() -> None:
    assert _read(a_body()).action is None
    assert _read(a_body(action=None)) == _read(a_body())
    assert _read(a_body()).action_digest.startswith("sha256:")


# -- what is bound -----------------------------------------------------------------------------------------------


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """Change one leaf, key or container somewhere in ``value``, or hang something new into it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**value, name: _changed(draw, value[name])}
        rest = {key: child for key, child in value.items() if key != name}
        return rest if draw(st.booleans()) else {**rest, draw(st.text(min_size=1, max_size=4)): value[name]}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _changed(draw, value[place]), *value[place + 1 :]]
    return draw(st.none() | st.booleans() | EXACT | st.text(max_size=4) | st.lists(EXACT, max_size=2))


@st.composite
def _mutations(draw: st.DrawFn) -> dict[str, Any]:
    action = an_action()
    name = draw(st.sampled_from(["operation", "tool", "toolVersion", "resource", "arguments"]))
    if name == "arguments":
        return an_action(arguments=_changed(draw, deepcopy(action["arguments"])))
    return an_action(**{name: draw(st.text(max_size=8) | st.none() | st.integers())})


def _same(value: Any, other: Any) -> bool:
    """Compare JSON: true is not 1, and 1.0 is 1."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_same(value[name], other[name]) for name in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_same, value, other))
    return bool(value == other)


@given(_mutations())
def test_a_changed_action_has_another_digest_or_is_none(changed: dict[str, Any]) -> None:
    told = answer(lambda: _read(_with(changed)))

    if isinstance(told, Submission):
        bound = told.action_digest == a_submission("external_call", action=an_action()).action_digest
        assert bound == _same(changed, an_action())
    else:
        assert told == SHAPE


@pytest.mark.parametrize(
    "changes",
    [{name: "other"} for name in ("principalId", "agentId", "tenantId", "payloadRef")]
    + [{"tenantId": None}, {"actionType": "other"}, {"context": {"amount": 11}}, {"action": an_action()}],
    ids=str,
)
def test_each_part_of_a_request_changes_its_digest(changes: dict[str, Any]) -> None:
    assert a_submission(**changes).action_digest != a_submission().action_digest
    assert a_submission(**changes).facts_digest != a_submission().facts_digest


def test_neither_id_nor_time_changes_the_digest() -> None:
    assert a_submission(requestId="other", timestamp=NOW_MS + 60_000).action_digest == a_submission().action_digest


def test_an_action_changes_what_the_request_is_decided_as() -> None:
    payee = an_action(arguments=an_action()["arguments"] | {"payee": "Mallory"})
    hashes = {
        a_submission("external_call", action=action).decision_context_hash for action in (None, an_action(), payee)
    }

    assert len(hashes) == 3


# -- a payment's facts ---------------------------------------------------------------------------------------------


@given(st.sampled_from(["context", "arguments", "both"]), st.sampled_from(["context", "arguments", "both", "neither"]))
def test_a_payments_facts_stand_in_either_place_or_alike_in_both(amount: str, category: str) -> None:
    places: dict[str, dict[str, Any]] = {"context": {}, "arguments": {}}
    for name, value, where in (("amount", 19.99, amount), ("category", " Infra", category)):
        for place, facts in places.items():
            if where in (place, "both"):
                facts[name] = value

    submission = _read(a_body(context=places["context"], action=an_action(arguments=places["arguments"])))

    assert submission.facts == {"amount": 19.99, "category": "ops" if category == "neither" else "infra"}


@pytest.mark.parametrize(
    ("context", "arguments"),
    [
        ({"amount": 5}, {"amount": 5.01}),
        ({"amount": 5}, {"amount": "5"}),
        ({"amount": 1}, {"amount": True}),
        ({"category": "ops"}, {"category": "food"}),
        ({"category": "ops"}, {"category": ["ops"]}),
    ],
)
def test_a_payment_that_says_two_things_is_refused(context: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert reason(lambda: _read(a_body(context=context, action=an_action(arguments=arguments)))) == SHAPE


def test_what_decides_a_data_access_is_not_looked_for_among_arguments() -> None:
    action = an_action(arguments={"sensitivity": "high", "amount": 5})

    assert _read(a_body("data_access", context={"sensitivity": "low"}, action=action)).facts == {"sensitivity": "low"}
