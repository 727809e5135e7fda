"""The bounds that a text is held to before the engine reads it, and the lines of its policies (contract.md 15)."""

import pytest

from handshake.policy.cedar.text import Fault, Policies, split


def when(condition: str) -> str:
    return f"forbid (principal, action, resource) when {{ {condition} }};"


def fault(text: str) -> str:
    found = split(text)
    return str(found) if isinstance(found, Fault) else ""


@pytest.mark.parametrize(
    ("within", "past", "reason"),
    [
        (when("(" * 31 + "true" + ")" * 31), when("(" * 32 + "true" + ")" * 32), "brackets nest deeper than 32"),
        (when("[" * 31 + "]" * 31 + " == []"), when("[" * 32 + "]" * 32 + " == []"), "brackets nest deeper than 32"),
        (when(" && ".join(["true"] * 65)), when(" && ".join(["true"] * 66)), "more than 64 of && stand in one chain"),
        (when(" + ".join(["1"] * 65) + " == 1"), when(" - ".join(["1"] * 66) + " == 1"), "stand in one chain"),
        (when("!" * 64 + "true"), when("!" * 65 + "true"), "more than 64 of ! stand in one chain"),
        (when("context" + ".a" * 64), when("context" + ".a" * 65), "stand in one chain"),
        (when("context" + '["a"]' * 64), when("context" + '["a"]' * 65), "stand in one chain"),
        (
            when("if true then 1 else " * 32 + "1 == 1"),
            when("if true then 1 else " * 33 + "1 == 1"),
            "more than 32 of if stand in one chain",
        ),
        (
            when(" && ".join(f"({' || '.join(['true'] * 40)})" for _ in range(5))),
            when(" && ".join(f"({' || '.join(['true'] * 41)})" for _ in range(5))),
            "more than 200 operators",
        ),
        (when(f"context.n in [{','.join('1' * 900)}]"), when(f"[{','.join('1' * 1000)}] == []"), "2000 tokens"),
        (when(f'"" like "{"a" * 128}"'), when(f'"" like "{"a" * 129}"'), "a pattern has more than 128 characters"),
        (when(f'"" like "{"a*" * 8}"'), when(f'"" like "{"a*" * 9}"'), "a pattern has more than 8 stars"),
        (when(rf'"" like "{chr(92)}*{"*" * 8}"'), when(rf'"" like "{chr(92) * 2}*{"*" * 8}"'), "more than 8 stars"),
        (
            "\n".join(when(f'"" like "{"a" * 128}"') for _ in range(32)),
            "\n".join(when(f'"" like "{"a" * 128}"') for _ in range(33)),
            "all patterns together have more than 4096 characters",
        ),
        ("\n".join([when("true")] * 200), "\n".join([when("true")] * 201), "there are more than 200 policies"),
        ("//" + "a" * (65536 - 2), "//" + "a" * (65536 - 1), "the text is longer than 65536 bytes"),
        ("//" + "é" * 32767, "//" + "é" * 32768, "the text is longer than 65536 bytes"),
    ],
)
def test_each_bound_lets_through_what_reaches_it_and_nothing_past_it(within: str, past: str, reason: str) -> None:
    """A text at a bound is split; one step past it is named by that bound."""
    assert not fault(within)
    assert reason in fault(past)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\n\nforbid (principal", 3, "the policy does not end"),
        ("forbid (principal, action, resource);\n}", 2, "} closes nothing"),
        ('@id("a")\nforbid (principal, action, resource)\nwhen { "abc };', 3, "a string has no end"),
        ("forbid (principal, action, resource) when { 1 # 2 };", 1, "a character that Cedar has no meaning for"),
        ("forbid (principal == ?principal, action, resource);", 1, "templates are not taken"),
        ('forbid (principal, action, resource) when { "\u200b" == "" };', 1, "U+200B"),
        ("forbid (principal, action,\u00a0resource);", 1, "a character that Cedar has no meaning for"),
        ("// \ud800\n", 1, "U+D800"),
    ],
)
def test_what_cannot_be_split_is_named_by_its_line(text: str, line: int, reason: str) -> None:
    """The scanner takes nothing that it has no token for, so nothing is read otherwise by the engine."""
    found = split(text)
    assert isinstance(found, Fault)
    assert found.line == line
    assert reason in found.reason


def test_policies_have_their_own_text_line_and_name() -> None:
    """Semicolons in strings, comments and brackets end nothing; what has no @id is called by its place."""
    first = '// first; of all\n@id("a;b")\nforbid (principal, action, resource)\nwhen { ";" == "}" }; // ;\n\n '
    text = f"{first}permit(principal, action, resource);"
    found = split(text)
    assert isinstance(found, Policies)
    assert [(policy.name, policy.line) for policy in found.texts] == [("a;b", 2), ("number 2", 6)]
    assert found.texts[0].text.startswith("@id")
    assert found.texts[1].text == "permit(principal, action, resource);"
