"""Ids and names."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.text import folded, has_control_characters, is_absent, is_id


@given(st.text(max_size=10))
def test_an_id_is_non_blank_text_without_control_characters(value: str) -> None:
    controls = any(unicodedata.category(char) == "Cc" for char in value)

    assert has_control_characters(value) == controls
    assert is_id(value) == (bool(value.strip()) and not controls)


@pytest.mark.parametrize("value", ["a", "a" * 256, " a ", "\u00a0x", "日本", "a\u202eb"])
def test_ids_of_up_to_256_characters_are_taken(value: str) -> None:
    assert is_id(value)


@pytest.mark.parametrize(
    "value", ["", " ", "\u2003", "a" * 257, "a\x00", "a\x7f", "a\x85b", "a\tb", None, 7, True, ["a"]]
)
def test_nothing_else_is_an_id(value: Any) -> None:
    assert not is_id(value)


@pytest.mark.parametrize(
    ("value", "absent"), [(None, True), ("", True), (" \t", True), ("a", False), (0, False), ([], False)]
)
def test_absent_is_missing_null_or_blank(value: Any, absent: bool) -> None:  # noqa: FBT001 - a case, not a switch
    assert is_absent(value) is absent


@given(st.text(max_size=10))
def test_names_compare_without_case_and_surrounding_space(value: str) -> None:
    assert folded(f" {value.upper()}\n") == folded(value.upper())
    assert folded(folded(value)).casefold() == folded(folded(value))
