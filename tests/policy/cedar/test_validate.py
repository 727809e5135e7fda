"""What a Cedar text must be to be applied, and what is said of one that may not (contract.md section 15)."""

import pytest

from handshake.policy.cedar.tools import NO_TOOLS, Tool, Tools
from handshake.policy.cedar.validate import Faults, Prepared, disarmed, validate

MAIL = Tool(
    "send-mail",
    "external_call",
    {
        "type": "object",
        "properties": {
            "to": {"type": "string"},
            "copies": {"type": "integer"},
            "body": {"type": "object"},
            "secret": {"type": "string", "x-policy": False},
        },
        "required": ["to"],
    },
)
TOOLS = Tools(1, {MAIL.name: MAIL})


def forbid(condition: str, *, action: str = 'action == Action::"send-mail"', notes: str = '@id("one")') -> str:
    return f"{notes}\nforbid (principal, {action}, resource)\nwhen {{ {condition} }};\n"


def reasons(text: str, *, tools: Tools = TOOLS, unmatched: str | None = None) -> str:
    prepared = validate(text, tools, unmatched=unmatched)  # type: ignore[arg-type]  # as callers send it
    return prepared.message if isinstance(prepared, Faults) else ""


def test_a_text_in_order_is_prepared_with_what_decides_it() -> None:
    """What decides beside the engine's answer is read once: effect, escalation, tier, message and what it names."""
    notes = '@id("copies") @decision("escalate") @tier("4") @message("Many copies") @notify("to")'
    text = forbid('context.input.to == "all" || !(context.input has copies)', notes=notes)
    prepared = validate(text, TOOLS, unmatched=None)
    assert isinstance(prepared, Prepared)
    [policy] = prepared.policies
    assert (policy.id, policy.forbids, policy.escalates, policy.tier) == ("copies", True, True, 4)
    assert (policy.message, policy.notify) == ("Many copies", ("to",))
    assert prepared.named_tools(TOOLS) == {"send-mail"}
    assert set(policy.reads_input) == {("to",), ("copies",)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (forbid("context.input.copies > 3"), "policy one, line 1: unable to guarantee safety of access to optional"),
        (forbid("context.input.to > 3"), "unexpected type"),
        (forbid("true", action='action == Action::"send_mail"'), "unrecognized action"),
        (forbid("true", notes=""), "policy number 1, line 2: it has no @id"),
        (forbid("true", notes='@id("a") @severity("3")'), "@severity is no annotation"),
        (forbid("true", notes='@id("a") @decision("allow")'), '@decision is "escalate"'),
        (forbid("true", notes='@id("a") @tier("4")'), "@tier is"),
        (forbid("true", notes='@id("a") @decision("escalate") @tier("5")'), "@tier is"),
        ('@id("a") @decision("escalate") permit(principal, action, resource);', "@decision stands on a permit"),
        ('@id("a") permit(principal, action, resource);', "unmatched"),
        (forbid("true") + forbid("false"), "policy one, line 4: another policy has the same @id"),
        ('@id("a") forbid(principal == ?principal, action, resource);', "templates are not taken"),
        (forbid("context.input has speed"), "input.speed is nothing that a tool which it is for takes"),
        (forbid("context.input has body"), "input.body cannot be typed, or is kept from policy"),
        (forbid("context.input has secret"), "input.secret cannot be typed, or is kept from policy"),
        (forbid("context has colour"), "context.colour is nothing that an action which it is for has"),
        (
            forbid("true") + "\n\nforbid (principal, action, resource",
            "policy number 2, line 6: the policy does not end",
        ),
        (forbid('context.input.to == "a\u202eb"'), "line 3: it holds U+202E"),
    ],
)
def test_what_may_not_be_applied_is_named_by_policy_line_and_reason(text: str, reason: str) -> None:
    """Each thing that apply refuses names the policy by its @id, or its place, its line and what is wrong."""
    assert reason in reasons(text)


def test_a_permit_is_taken_where_the_scope_names_unmatched() -> None:
    """A set of permits alone would allow everything, so it must say what becomes of what none matches."""
    assert not reasons('@id("a") permit(principal, action, resource);', unmatched="deny")


def test_a_forbid_that_asks_has_in_when_is_warned_of() -> None:
    """Leaving an optional member out escapes such a policy, and a pattern for hosts matches more than hosts."""
    text = forbid('context.input has copies && context.input.copies > 3 && context.input.to like "*.example.org"')
    prepared = validate(text, TOOLS, unmatched=None)
    assert isinstance(prepared, Prepared)
    said = " ".join(map(str, prepared.warnings))
    assert "a call that leaves copies out escapes it" in said
    assert "ask context.hosts" in said


@pytest.mark.parametrize(
    "properties",
    [
        {"copies": {"type": "integer"}},  # `to` is gone
        {"to": {"type": "integer"}, "copies": {"type": "integer"}},  # retyped
        {"to": {"type": ["string", "null"]}, "copies": {"type": "integer"}},  # may be missing now
        {"to": {"type": "string"}},  # what is asked for with `has` is gone: as valid as before, and never true
        {"to": {"type": "string"}, "copies": {"type": "integer", "x-policy": False}},
    ],
)
def test_what_a_policy_reads_of_a_tool_may_not_go_or_change(properties: dict[str, object]) -> None:
    """A new schema that takes from a policy what it reads would disarm it, by an error or silently."""
    prepared = validate(forbid('context.input.to == "x" || context.input has copies'), TOOLS, unmatched=None)
    assert isinstance(prepared, Prepared)
    schema = {"type": "object", "properties": properties, "required": ["to"]}
    after = TOOLS.replaced("external_call", [Tool("send-mail", "external_call", schema)])
    assert disarmed(prepared, TOOLS, after)
    assert not disarmed(prepared, TOOLS, TOOLS.replaced("external_call", [MAIL]))


def test_a_tool_that_a_policy_names_may_not_go() -> None:
    """Removed from its list, its calls would be judged as their type, and the policy would never be asked."""
    prepared = validate(forbid("true"), TOOLS, unmatched=None)
    assert isinstance(prepared, Prepared)
    [fault] = disarmed(prepared, TOOLS, TOOLS.replaced("external_call", []))
    assert "names the tool send-mail" in str(fault)
    everywhere = validate(forbid("true", action="action"), TOOLS, unmatched=None)
    assert isinstance(everywhere, Prepared)
    assert not disarmed(everywhere, TOOLS, NO_TOOLS)
