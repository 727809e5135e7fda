"""An approval is of one action: no other, however little it differs, goes ahead by it."""

from itertools import islice

import pytest

from tests.hostile.bounds import EXAMPLES
from tests.hostile.mutated_actions import APPROVED, decided, is_accepted, is_another, mutations

# `make faults` makes a hundred thousand, in `python -m tests.hostile.mutated_actions`.
COUNT = 30 * EXAMPLES


def test_no_other_action_is_accepted_for_the_one_that_was_approved() -> None:
    record = decided()
    accepted = [text for text in islice(mutations(13), COUNT) if is_accepted(record, text)]

    assert [text for text in accepted if is_another(text)] == []
    # The mutations do come as close as the same action in other words, or nothing would be shown.
    assert accepted


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (APPROVED.replace("19.99", "1.999e1"), "the same"),
        (APPROVED.replace(": ", ":"), "the same"),
        (APPROVED.replace("ACME", "\\u0041CME"), "the same"),
        (APPROVED.replace("19.99", "19.990000000000000001"), "another"),
        (APPROVED.replace("false", "0"), "another"),
        (APPROVED.replace("ACME", "\\u0410CME"), "another"),
    ],
)
def test_what_is_another_is_told_by_value_and_not_by_spelling(written: str, told: str) -> None:
    assert is_another(written) == (told == "another")
    assert is_accepted(decided(), written) == (told == "the same")
