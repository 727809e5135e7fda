"""Ids and names."""

import re
import unicodedata
from typing import Any, Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from handshake.core.characters import UNICODE_VERSION
from handshake.core.text import folded, id_fault, id_faults, is_absent, is_label
from tests.support.ids import IDS

# By what is wrong with each: look-alikes of ids that every caller and log shows as if they were another.
FAULTS: Final[dict[str, list[Any]]] = {
    "is not a string": [None, 7, True, ["a"], {}],
    "is empty": [""],
    "has more than 256 characters": ["a" * 257],
    "begins or ends with white space": [" ", " a", "caged ", "a\u00a0", "\u3000a", "a\n", "\u2028a", "\u2003"],
    "holds U+0000, which is not a visible character": ["a\x00", "\x00"],
    "holds U+007F, which is not a visible character": ["a\x7f"],
    "holds U+0085, which is not a visible character": ["a\x85b"],
    "holds U+0009, which is not a visible character": ["a\tb"],
    "holds U+00AD, which is not a visible character": ["a\u00adb"],
    "holds U+034F, which is not a visible character": ["a\u034f"],
    "holds U+115F, which is not a visible character": ["\u115fa"],
    "holds U+200B, which is not a visible character": ["caged\u200b"],
    "holds U+200D, which is not a visible character": ["\U0001f9d1\u200d\U0001f680"],
    "holds U+202E, which is not a visible character": ["a\u202eb"],
    "holds U+2066, which is not a visible character": ["\u2066a\u2069"],
    "holds U+2800, which is not a visible character": ["a\u2800"],
    "holds U+3164, which is not a visible character": ["a\u3164"],
    "holds U+D800, which is not a visible character": ["a\ud800"],
    "holds U+E000, which is not a visible character": ["\ue000"],
    "holds U+FE0F, which is not a visible character": ["\u2764\ufe0f"],
    "holds U+FEFF, which is not a visible character": ["\ufeffa"],
    "holds U+FFA0, which is not a visible character": ["a\uffa0"],
    "holds U+FFFF, which is not a visible character": ["\uffff"],
    "holds U+0378, which is not a visible character": ["\u0378"],  # assigned to nothing
    "holds U+1FAE8, which is not a visible character": ["\U0001fae8"],  # to something, in Unicode 15
    "holds U+E0041, which is not a visible character": ["a\U000e0041"],  # a tag
    "holds U+E01EF, which is not a visible character": ["a\U000e01ef"],  # a variation selector
    "holds U+10FFFF, which is not a visible character": ["\U0010ffff"],
    "is not in Unicode's normal form NFC": ["e\u0301", "\u212b", "\u1100\u1161", "\u0340", "\U0002f800"],
}
# Ignorable by Unicode's word, beside what its general category already refuses.
IGNORABLE: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
ANY_TEXT: Final = st.text(st.characters(), max_size=12)
COMPOSED: Final = [char for char in map(chr, range(0x110000)) if unicodedata.normalize("NFD", char) != char]
INVISIBLE: Final = st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"]) | st.sampled_from(
    [*IGNORABLE, "\u2800"]
)


@pytest.mark.parametrize(
    "value", ["a", "a" * 256, "a b", "日本", "Zoë", "ליאור", "a\u2028b", "x\u0301", "\U0001f9d1" * 256]
)
def test_ids_in_any_script_of_up_to_256_characters_are_taken(value: str) -> None:
    assert id_fault(value) is None


@pytest.mark.parametrize(
    ("value", "fault"), [(value, fault) for fault, values in FAULTS.items() for value in values], ids=ascii
)
def test_nothing_else_is_an_id_and_its_fault_makes_a_sentence(value: Any, fault: str) -> None:
    assert id_fault(value) == fault
    assert re.fullmatch(r"(is|has|holds|begins) .*[^.]", fault)


def test_a_payload_reference_may_be_1024_characters_long() -> None:
    assert not id_faults({"payloadRef": "p" * 1024}, ("payloadRef",)).wrong
    assert id_faults({"payloadRef": "p" * 1025}, ("payloadRef",)).wrong == {
        "payloadRef": "has more than 1024 characters"
    }


@given(ANY_TEXT)
def test_an_id_is_what_the_contract_says_of_it(value: str) -> None:
    """By the interpreter's own Unicode, which is the pinned one or a later: it assigns more, and takes nothing back."""
    by_the_words = (
        0 < len(value) <= 256
        and unicodedata.is_normalized("NFC", value)
        and value.strip() == value
        and not any(unicodedata.category(char)[0] == "C" or char in IGNORABLE + "\u2800" for char in value)
    )

    if id_fault(value) is None:
        assert by_the_words
    elif by_the_words:
        assert unicodedata.unidata_version != UNICODE_VERSION
        assert any(id_fault(f"a{char}a") for char in value)


@given(name=IDS, suffix=INVISIBLE, place=st.integers(0, 20))
@example(name="caged", suffix=" ", place=5)
@example(name="caged", suffix="\u200b", place=5)
@example(name="caged", suffix="\u202c", place=0)
def test_an_id_with_something_unseen_in_it_is_none(name: str, suffix: str, place: int) -> None:
    # White space between words is seen; at either end nobody sees it.
    assume(unicodedata.category(suffix)[0] != "Z" or place == 0 or place >= len(name))

    assert id_fault(name[:place] + suffix + name[place:]) is not None


@given(before=ANY_TEXT, composed=st.sampled_from(COMPOSED), after=ANY_TEXT)
@example(before="", composed="é", after="")
@example(before="", composed="\u1e9b", after="\u0323")
@example(before="", composed="\u2126", after="")
def test_of_canonically_equal_spellings_at_most_one_is_an_id(before: str, composed: str, after: str) -> None:
    name = before + composed + after
    spellings = {name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}

    assert len(spellings) > 1
    assert sum(id_fault(spelling) is None for spelling in spellings) <= 1


@pytest.mark.parametrize("value", ["a", "a" * 256, " a ", "caged\u200b", "a\u202eb", "e\u0301", "\u2800", "\U0001fae8"])
def test_what_an_earlier_version_took_for_an_id_can_be_looked_up(value: str) -> None:
    assert is_label(value)


@pytest.mark.parametrize(
    "value", ["", " ", "\u2003", "a" * 257, "a\x00", "a\x7f", "a\x85b", "a\tb", "a\ud800", None, 7, True, ["a"]]
)
def test_what_no_version_took_cannot(value: Any) -> None:
    assert not is_label(value)


@given(ANY_TEXT)
def test_every_id_can_be_looked_up(value: str) -> None:
    assert is_label(value) or id_fault(value) is not None


def test_an_optional_id_may_be_missing_null_or_empty_and_no_other_nothing() -> None:
    for nothing in ({}, {"tenantId": None}, {"tenantId": ""}):
        assert id_faults(nothing, (), optional=("tenantId",)) == ([], {})
    wrongs: list[Any] = [0, False, [], {}, " "]
    for wrong in wrongs:
        assert id_faults({"tenantId": wrong}, (), optional=("tenantId",)).wrong.keys() == {"tenantId"}


@pytest.mark.parametrize(
    ("value", "absent"), [(None, True), ("", True), (" \t", True), ("a", False), (0, False), ([], False)]
)
def test_absent_is_missing_null_or_blank(value: Any, absent: bool) -> None:  # noqa: FBT001 - a case, not a switch
    assert is_absent(value) is absent


@given(st.text(max_size=10))
def test_names_compare_without_case_and_surrounding_space(value: str) -> None:
    assert folded(f" {value.upper()}\n") == folded(value.upper())
    assert folded(folded(value)).casefold() == folded(folded(value))
