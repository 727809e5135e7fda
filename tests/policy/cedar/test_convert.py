"""What a call becomes for Cedar, and why some cannot (contract.md section 15)."""

from decimal import Decimal
from typing import Any

import pytest

from handshake.policy.cedar.call import Call
from handshake.policy.cedar.convert import Misfit, Request, convert, ill_fitting
from handshake.policy.cedar.tools import NO_TOOLS, Tool, Tools

AT_MS = 1_790_000_123_456  # Monday 2026-09-21 14:15:23.456 UTC

SCHEMA = {
    "type": "object",
    "properties": {
        "to": {"type": "string"},
        "amount": {"type": "number"},
        "copies": {"type": "integer"},
        "urgent": {"type": "boolean"},
        "mode": {"enum": ["a", "b"]},
        "note": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "opts": {"type": "object", "properties": {"raw": {}, "n": {"type": "integer"}}, "required": ["n"]},
        "secret": {"type": "string", "x-policy": False},
    },
    "required": ["to"],
}
TOOL = Tool("send", "external_call", SCHEMA)
TOOLS = Tools(1, {"send": TOOL})


def call(arguments: Any = None, **changes: Any) -> Call:
    given: dict[str, Any] = {
        "action_type": "external_call",
        "agent_id": "agent",
        "principal_id": "principal",
        "payload_ref": "ref",
        "at_ms": AT_MS,
        "environment": "staging",
        "tool": "send",
        "arguments": arguments,
    }
    return Call(**(given | changes))


def converted(arguments: Any = None, **changes: Any) -> Request:
    request = convert(call(arguments, **changes), TOOLS)
    assert isinstance(request, Request), request
    return request


def test_a_call_of_a_tool_is_its_action_with_what_can_be_typed_of_its_input() -> None:
    """Input is built from the schema; what Cedar is not told is listed, what the call does not carry is not."""
    arguments = {
        "to": "x",
        "amount": 19.5,
        "copies": 2.0,
        "note": None,
        "tags": ["b", "a"],
        "opts": {"n": 1, "raw": [1]},
        "secret": "s",
    }
    request = converted(arguments)
    assert request.action == "send"
    assert request.context["unchecked"] == ["opts.raw", "secret"]
    assert request.context["input"] == {
        "to": "x",
        "amount": {"__extn": {"fn": "decimal", "arg": "19.5"}},
        "copies": 2,
        "tags": ["b", "a"],
        "opts": {"n": 1},
    }


def test_every_context_says_who_when_and_where() -> None:
    """Times are UTC, the week begins with Monday, and what was not given is not there."""
    context = convert(call(None, tool=None), NO_TOOLS)
    assert isinstance(context, Request)
    assert context.action == "external_call"
    assert dict(context.context) == {
        "principal": "principal",
        "time": {"__extn": {"fn": "datetime", "arg": "2026-09-21T14:15:23.456Z"}},
        "hour": 14,
        "minute": 15,
        "weekday": 1,
        "environment": "staging",
    }
    everything = converted(
        {"to": "http://a.example"}, operation="o", tool_version="2", currency="eur", sensitivity="low"
    ).context
    names = ("operation", "tool", "toolVersion", "currency", "sensitivity", "hosts")
    assert [everything[name] for name in names] == ["o", "send", "2", "eur", "low", ["a.example"]]


def test_a_payment_has_its_amount_and_category() -> None:
    """A payment without either cannot be told Cedar."""
    paid = convert(call(None, tool=None, action_type="payment", amount=Decimal("100.00"), category="ops"), NO_TOOLS)
    assert isinstance(paid, Request)
    assert paid.context["amount"] == {"__extn": {"fn": "decimal", "arg": "100.0"}}
    assert convert(call(None, tool=None, action_type="payment", category="ops"), NO_TOOLS) == Misfit(
        "amount", "is missing"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0.0"),
        (-0.0, "0.0"),
        (100, "100.0"),
        (1e2, "100.0"),
        (-1.5, "-1.5"),
        (0.0001, "0.0001"),
        (Decimal("922337203685477.5807"), "922337203685477.5807"),
        (Decimal("-922337203685477.5808"), "-922337203685477.5808"),
        (Decimal("100.00000"), "100.0"),
        (Decimal("0E-400"), "0.0"),
    ],
)
def test_a_number_is_the_same_number_to_cedar(number: Any, text: str) -> None:
    """What four decimals hold exactly is written so, whatever way it was sent."""
    assert converted({"to": "x", "amount": number}).context["input"]["amount"]["__extn"]["arg"] == text


@pytest.mark.parametrize(
    ("arguments", "path", "fault"),
    [
        ({}, "to", "is missing"),
        ({"to": None}, "to", "is not a string"),
        ({"to": 1}, "to", "is not a string"),
        ({"to": "x", "urgent": 1}, "urgent", "is not true or false"),
        ({"to": "x", "copies": True}, "copies", "is not a whole number"),
        ({"to": "x", "copies": 1.5}, "copies", "is not a whole number"),
        ({"to": "x", "copies": 2**63}, "copies", "is not a number of 64 bits"),
        ({"to": "x", "amount": "1"}, "amount", "is not a number"),
        ({"to": "x", "amount": 12.34567}, "amount", "has more than four decimals"),
        ({"to": "x", "amount": 1e-9}, "amount", "has more than four decimals"),
        (
            {"to": "x", "amount": Decimal("1.00000000000000000000000000000000001")},
            "amount",
            "has more than four decimals",
        ),
        ({"to": "x", "amount": 1e15}, "amount", "is too large for a decimal of Cedar"),
        ({"to": "x", "amount": Decimal("1E+999999")}, "amount", "is too large for a decimal of Cedar"),
        ({"to": "x", "amount": Decimal("922337203685477.5808")}, "amount", "is too large for a decimal of Cedar"),
        ({"to": "x", "mode": "c"}, "mode", "has a value that the tool's schema does not list"),
        ({"to": "x", "tags": "a"}, "tags", "is not an array"),
        ({"to": "x", "tags": ["a", None]}, "tags[]", "is not a string"),
        ({"to": "x", "opts": []}, "opts", "is not an object"),
        ({"to": "x", "opts": {}}, "opts.n", "is missing"),
        ({"to": "x", "colour": 1}, "", "has a member that the tool's schema does not name"),
        ({"to": "x", "opts": {"n": 1, "__entity": {}}}, "opts", "has a member that the tool's schema does not name"),
    ],
)
def test_what_is_not_what_the_tool_takes_is_a_misfit_that_names_no_value(arguments: Any, path: str, fault: str) -> None:
    """The path is the schema's own, so nothing of the caller's stands in what is shown."""
    assert convert(call(arguments), TOOLS) == Misfit(path, fault)


def test_a_registered_tool_under_another_type_is_a_misfit() -> None:
    """Or a call could choose the policies that judge it."""
    misfit = convert(call({"to": "x"}, action_type="other"), TOOLS)
    assert misfit == Misfit("actionType", "is not external_call, which the tool is registered under")


def test_a_tool_is_held_to_its_schema_where_no_cedar_applies_but_not_to_four_decimals() -> None:
    """Only Cedar cannot hold a finer number."""
    assert ill_fitting(call({"to": "x", "amount": 12.34567}), TOOLS) is None
    assert ill_fitting(call({"to": 1}), TOOLS) == Misfit("to", "is not a string")
    assert ill_fitting(call({"to": 1}, tool="Send"), TOOLS) is None


def test_more_members_are_taken_where_the_schema_says_so_and_listed() -> None:
    """``additionalProperties`` lets them through, and Cedar is told of no more than their paths."""
    tool = Tool("send", "external_call", {**SCHEMA, "additionalProperties": {"type": "string"}})
    request = convert(call({"to": "x", "colour": "red"}), Tools(1, {"send": tool}))
    assert isinstance(request, Request)
    assert request.context["unchecked"] == ["colour"]
    assert request.context["input"] == {"to": "x"}


KEPT_FROM_CEDAR = {
    "pin": {"type": "string", "x-policy": False},
    "opts": {"type": "object", "properties": {"k": {"type": "integer"}}, "required": ["k"], "x-policy": False},
    "headers": {"type": "object"},
    "none": {"type": "object", "properties": {}, "additionalProperties": False},
    "modes": {"type": "array", "items": {"enum": ["a", "b"]}},
    "gone": {"type": "null"},
    "mode": {"type": ["string", "null"], "enum": ["a", "b"]},
}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"pin": 5}, "pin"),
        ({"pin": None}, "pin"),
        ({"opts": {"nope": 1}}, "opts"),
        ({"opts": {}}, "opts.k"),
        ({"headers": 7}, "headers"),
        ({"none": {"zzz": 1}}, "none"),
        ({"modes": 7}, "modes"),
        ({"gone": "here"}, "gone"),
        ({"mode": None}, "mode"),
    ],
)
def test_what_cedar_is_not_told_is_held_to_its_type_all_the_same(arguments: Any, path: str) -> None:
    tools = Tools(1, {"send": Tool("send", "external_call", {"properties": KEPT_FROM_CEDAR})})

    misfit = ill_fitting(call(arguments), tools)

    assert misfit is not None
    assert misfit.path == path


def test_what_cedar_is_not_told_passes_where_it_fits() -> None:
    tools = Tools(1, {"send": Tool("send", "external_call", {"properties": KEPT_FROM_CEDAR})})
    fits = {"pin": "1", "opts": {"k": 1}, "headers": {"a": 1}, "none": {}, "modes": ["a"], "gone": None, "mode": "a"}

    request = convert(call(fits), tools)

    assert isinstance(request, Request)
    assert request.context["input"] == {"mode": "a"}
    assert request.context["unchecked"] == ["gone", "headers", "modes", "none", "opts", "pin"]
