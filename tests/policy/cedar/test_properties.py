"""What holds of every set, call and judgement, drawn at random (contract.md section 15)."""

import random
import string
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode
from handshake.core.tiers import STRICTNESS
from handshake.policy.cedar.text import Fault, split
from handshake.policy.verdict import ALLOWED, Judgement, Named, join
from ops.commands.policy_folder import Source, UnreadableError, formatted
from tests.hostile.cedar_sets import a_case, run

JUDGEMENTS = st.builds(
    Judgement,
    st.sampled_from(("allow", "escalate", "deny")),
    st.sampled_from((ReasonCode.POLICY_DENIED, ReasonCode.HITL_POLICY_ESCALATED, ReasonCode.POLICY_BUDGET_EXCEEDED)),
    st.integers(1, 4),
    st.lists(st.builds(Named, st.just("global"), st.just("v1"), st.sampled_from("abc")), max_size=2).map(tuple),
)
TOKENS = st.sampled_from(
    (
        *("permit", "forbid", "when", "unless", "if", "then", "else", "has", "like", "in", "is", "true", "context"),
        *(
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "!",
            "-",
            "+",
            "*",
            ".",
            ",",
            ";",
            "::",
            "==",
            "&&",
            "||",
            "@",
            "?",
            "//",
            "\n",
        ),
        *('"a"', '"*"', "1", "9223372036854775807", "principal", "action", "resource", 'decimal("1.0")', '"\\u{41}"'),
    )
)


def _strict(judgement: Judgement) -> tuple[int, int]:
    return STRICTNESS[judgement.outcome], judgement.tier


def test_a_thousand_sets_are_never_looser_for_what_is_wrong_in_a_call() -> None:
    """Members that are missing, null, wrong or unknown deny; further scopes narrow; a disarming tool is refused."""
    counts = run(1000, seed=20260302)
    assert not counts.broken
    assert min(counts.mutations[kind] for kind in ("missing", "null", "wrong", "unknown", "tool changed")) > 500


@given(st.lists(JUDGEMENTS, max_size=4), st.lists(JUDGEMENTS, max_size=4), st.lists(JUDGEMENTS, max_size=4))
def test_strictest_wins_is_a_lattice(first: list[Judgement], second: list[Judgement], third: list[Judgement]) -> None:
    """Joining is associative, in outcome and tier commutative and idempotent, and nothing added ever widens."""
    one, other = join(first), join(second)
    assert _strict(join([one, other])) == _strict(join([other, one]))
    assert _strict(join([one, one])) == _strict(one)
    assert join([join([*first, *second]), *third]) == join([*first, join([*second, *third])])
    assert _strict(join([*first, *second])) >= (STRICTNESS[one.outcome], 0)
    assert STRICTNESS[join([*first, *second]).outcome] == max(STRICTNESS[one.outcome], STRICTNESS[other.outcome])
    assert join([]) == ALLOWED


@given(st.lists(JUDGEMENTS, min_size=1, max_size=5))
def test_the_first_of_the_strictest_gives_the_code_and_all_of_them_are_named(judgements: list[Judgement]) -> None:
    """Among equals the order decides the code, the highest tier counts, and each is named."""
    joined = join(judgements)
    equals = [each for each in judgements if each.outcome == joined.outcome]
    strictest = max(STRICTNESS[each.outcome] for each in judgements)
    if strictest > 0:
        assert joined.reason == equals[0].reason
        assert joined.tier == max(each.tier for each in equals)
        assert joined.policies == tuple(named for each in equals for named in each.policies)


@given(st.integers(0, 10**6))
def test_formatting_a_formatted_text_changes_nothing(seed: int) -> None:
    """Twice is once, whatever the text looked like."""
    draw = random.Random(seed)  # noqa: S311 - texts, not secrets
    text = " ".join("\n// why\n".join(a_case(draw).texts).split(" "))
    once = formatted(Source(Path("a.cedar"), text))
    assert formatted(Source(Path("a.cedar"), once)) == once


@given(st.lists(TOKENS, max_size=120).map(" ".join) | st.text(string.printable + "é\u202e\ud800", max_size=200))
def test_whatever_is_written_is_split_refused_or_formatted_and_ends_nothing(text: str) -> None:
    """The scanner takes any text, and what it lets through the engine can read or refuse."""
    found = split(text)
    if isinstance(found, Fault):
        assert found.line >= 1
        return
    assert "".join(text.split()).count(";") >= len(found.texts)
    with suppress(UnreadableError):
        formatted(Source(Path("a.cedar"), text))
