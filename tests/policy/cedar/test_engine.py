"""What prepared sets say of calls: each scope's verdict, and what an error does (contract.md section 15)."""

from decimal import Decimal
from typing import Any

import pytest

from handshake.core.reasons import ReasonCode
from handshake.policy.cedar import engine
from handshake.policy.cedar.call import Call
from handshake.policy.cedar.engine import ScopeSet, UnfitTextError, judge, prepare_set
from handshake.policy.cedar.text import sha256_of
from handshake.policy.cedar.tools import NO_TOOLS, Tool, Tools
from handshake.policy.cedar.validate import Prepared, validate
from handshake.policy.verdict import Judgement, Named, Unmatched, join

MAIL = Tool(
    "send-mail",
    "external_call",
    {
        "properties": {"to": {"type": "string"}, "amount": {"type": "number"}, "n": {"type": "integer"}},
        "required": ["to", "n"],
    },
)
TOOLS = Tools(1, {MAIL.name: MAIL})


def scope(text: str, *, name: str = "global", unmatched: Unmatched = "allow") -> ScopeSet:
    prepared = validate(text, TOOLS, unmatched=unmatched)
    assert isinstance(prepared, Prepared), prepared
    return ScopeSet(name, "v1", prepare_set(prepared.sha256, text), unmatched)


def call(arguments: Any = None, **changes: Any) -> Call:
    given: dict[str, Any] = {
        "action_type": "external_call",
        "agent_id": "agent",
        "principal_id": "principal",
        "payload_ref": "ref\n1",
        "at_ms": 1_790_000_000_000,
        "environment": "staging",
        "tenant_id": "tenant",
        "tool": "send-mail",
        "arguments": {"to": "x", "n": 1} if arguments is None else arguments,
    }
    return Call(**(given | changes))


def verdict(text: str, asked: Call | None = None, **options: Any) -> tuple[str, str, int, list[str]]:
    judged = join(judge(asked or call(), [scope(text, **options)], TOOLS))
    return judged.outcome, judged.reason.value, judged.tier, [named.policy for named in judged.policies]


def forbid(name: str, condition: str = "true", *, notes: str = "", head: str = "principal, action, resource") -> str:
    return f'@id("{name}") {notes} forbid ({head}) when {{ {condition} }};\n'


def permit(name: str, condition: str = "true") -> str:
    return f'@id("{name}") permit (principal, action, resource) when {{ {condition} }};\n'


ESCALATE = '@decision("escalate")'


@pytest.mark.parametrize(
    ("text", "unmatched", "expected"),
    [
        (forbid("a"), "allow", ("deny", "policy_denied", 4, ["a"])),
        (forbid("a", notes=ESCALATE), "allow", ("escalate", "hitl_policy_escalated", 3, ["a"])),
        (
            forbid("a", notes=ESCALATE) + forbid("b", notes=f'{ESCALATE} @tier("4")'),
            "allow",
            ("escalate", "hitl_policy_escalated", 4, ["a", "b"]),
        ),
        (forbid("a", notes=ESCALATE) + forbid("b"), "allow", ("deny", "policy_denied", 4, ["b"])),
        (forbid("a", notes=ESCALATE) + permit("b"), "deny", ("escalate", "hitl_policy_escalated", 3, ["a"])),
        (permit("a") + permit("b", "false"), "deny", ("allow", "policy_allow", 1, ["a"])),
        (permit("a", "false"), "allow", ("allow", "policy_allow", 1, [])),
        (permit("a", "false"), "escalate", ("escalate", "hitl_policy_escalated", 3, ["unmatched"])),
        (permit("a", "false"), "deny", ("deny", "policy_unmatched_denied", 4, ["unmatched"])),
        (forbid("a", "false"), "deny", ("deny", "policy_unmatched_denied", 4, ["unmatched"])),
        # An evaluation that errs denies, whatever else matched.
        (
            forbid("a", "context.hour + 9223372036854775807 > 0") + permit("b"),
            "allow",
            ("deny", "policy_evaluation_failed", 4, [""]),
        ),
    ],
)
def test_the_verdict_of_a_scope(text: str, unmatched: Unmatched, expected: tuple[str, str, int, list[str]]) -> None:
    """An error denies; a forbid denies or escalates; a permit allows; else what the scope says of no match."""
    assert verdict(text, unmatched=unmatched) == expected


def test_a_message_and_what_may_be_shown_come_from_what_decided() -> None:
    """Of the deciding policies the first in the text gives the message, and all name arguments."""
    text = (
        forbid("a", notes=f'{ESCALATE} @notify("to, n")')
        + forbid("b", notes=f'{ESCALATE} @message("Ask first") @notify("to")')
        + forbid("c", "false", notes='@message("Not this")')
    )
    [judged] = judge(call(), [scope(text)], TOOLS)
    assert (judged.message, judged.notify) == ("Ask first", ("to", "n"))


def test_a_type_holds_of_its_tools_and_a_tenant_of_its_agents() -> None:
    """What is asked of a type is asked of each tool in it, and of a tenant of each agent in it."""
    by_type = forbid("a", head='principal, action in Action::"external_call", resource')
    assert verdict(by_type)[0] == "deny"
    assert verdict(by_type, call(tool=None))[0] == "deny"
    by_tenant = forbid("a", head='principal in Tenant::"tenant", action, resource')
    assert verdict(by_tenant)[0] == "deny"
    assert verdict(by_tenant, call(tenant_id="other"))[0] == "allow"
    assert verdict(by_tenant, call(tenant_id=None))[0] == "allow"


def test_a_tool_that_is_not_registered_is_denied_where_a_policy_names_one_of_its_type() -> None:
    """Or a call could leave the tool's policies behind by another spelling of its name."""
    named = scope(forbid("a", "false", head='principal, action == Action::"send-mail", resource'))
    by_type = scope(forbid("a", "false", head='principal, action in Action::"external_call", resource'))
    for tool in ("Send-Mail", None, "another"):
        asked = call(tool=tool)
        judged = join(judge(asked, [named], TOOLS))
        assert (judged.reason, judged.policies) == (
            ReasonCode.POLICY_UNMATCHED_DENIED,
            (Named("global", "v1", "unmatchedTools"),),
        )
        assert join(judge(asked, [named], TOOLS, unmatched_tools="allow")).outcome == "allow"
        assert join(judge(asked, [by_type], TOOLS)).outcome == "allow"
        assert join(judge(call(tool=tool, action_type="other"), [named], TOOLS)).outcome == "allow"


def test_a_call_that_cedar_cannot_be_told_is_denied_before_any_policy_is_asked() -> None:
    """The first reason is that it is no call of its tool."""
    [judged] = judge(call({"to": "x"}), [scope(permit("a"))], TOOLS)
    assert judged == Judgement("deny", ReasonCode.POLICY_INVALID_REQUEST, 4, message="n is missing.")
    [judged] = judge(call({"to": "x", "n": 1, "amount": 0.00001}), [scope(permit("a"))], TOOLS)
    assert judged.reason == ReasonCode.POLICY_INVALID_REQUEST
    assert judge(call({"to": "x"}), [], TOOLS) == []


def test_names_that_the_engine_has_for_its_own_values_are_names_here() -> None:
    """A context is built from the schema, so no member of a call is taken for a value of the engine's."""
    schema = {
        "properties": {
            "rec": {"type": "object", "properties": {"fn": {"type": "string"}, "arg": {"type": "string"}}},
            "ent": {"type": "object", "properties": {"type": {"type": "string"}, "id": {"type": "string"}}},
            "esc": {"type": "object", "properties": {"__extn": {"type": "string"}, "__entity": {"type": "string"}}},
        }
    }
    tools = Tools(1, {"t": Tool("t", "other", schema)})
    text = permit(
        "a",
        'context has input && context.input has rec && context.input.rec has fn && context.input.rec.fn == "decimal"'
        ' && context.input has ent && context.input.ent has id && context.input.ent.id == "x"'
        ' && context.input has esc && context.input.esc has __extn && context.input.esc["__extn"] == "y"',
    )
    prepared = validate(text, tools, unmatched="deny")
    assert isinstance(prepared, Prepared), prepared
    asked = call(
        {"rec": {"fn": "decimal", "arg": "1.0"}, "ent": {"type": "Agent", "id": "x"}, "esc": {"__extn": "y"}},
        tool="t",
        action_type="other",
    )
    [judged] = judge(asked, [ScopeSet("global", "v1", prepare_set(prepared.sha256, text), "deny")], tools)
    assert judged.outcome == "allow"


def test_a_stored_text_that_is_not_what_was_applied_is_not_prepared() -> None:
    """Its digest, its bounds and its meaning are looked at again: nothing is judged by what nobody applied."""
    text = forbid("a")
    with pytest.raises(UnfitTextError, match="digest"):
        prepare_set(sha256_of(text), text + " ")
    for unfit in (
        "(" * 40 + ")" * 40,
        "forbid (principal, action, resource",
        "forbid (a, action, resource);",
        permit(""),
    ):
        with pytest.raises(UnfitTextError):
            prepare_set(sha256_of(unfit), unfit)
    [judged] = judge(call(), [ScopeSet("agent", "v7", None)], TOOLS)
    assert (judged.reason, judged.policies) == (ReasonCode.POLICY_EVALUATION_FAILED, (Named("agent", "v7", ""),))


def test_a_process_prepares_a_text_once_and_keeps_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The set that was asked for longest ago goes first."""
    monkeypatch.setattr(engine, "_SETS_KEPT", 2)
    texts = [forbid(f"kept-{number}") for number in range(3)]
    digests = [sha256_of(text) for text in texts]
    first = prepare_set(digests[0], texts[0])
    prepare_set(digests[1], texts[1])
    assert engine.kept_set(digests[0]) is first
    prepare_set(digests[2], texts[2])
    assert engine.kept_set(digests[0]) is first
    assert engine.kept_set(digests[1]) is None


def test_without_tools_each_type_is_judged_by_what_every_call_has() -> None:
    """The five action types need no registration."""
    text = forbid("a", 'context.environment == "staging" && context.weekday == 1')
    for kind in ("payment", "data_access", "credential_use", "external_call", "other"):
        prepared = validate(text, NO_TOOLS, unmatched=None)
        assert isinstance(prepared, Prepared)
        asked = call(None, action_type=kind, tool=None, amount=Decimal(1), category="ops")
        [judged] = judge(asked, [ScopeSet("global", "v1", prepare_set(prepared.sha256, text))], NO_TOOLS)
        assert judged.outcome == "deny"
