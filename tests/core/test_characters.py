"""The pinned table of characters is what its script makes of Unicode, and every interpreter agrees with it."""

import importlib.util
import sys
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from handshake.core import characters
from handshake.core.text import is_seen

SCRIPT: Final = Path(characters.__file__).parents[2] / "pin_unicode.py"
# By version of Unicode: how many characters an id could hold there and not here, those added but for format controls.
ADDED: Final = {"14.0.0": 0, "15.0.0": 4_482, "15.1.0": 5_109}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pin_unicode", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_written_as_the_script_writes_it(script: ModuleType) -> None:
    points = [ord(char) for char in characters.BOUNDARIES]

    assert Path(characters.__file__).read_text() == script.source(points)
    assert characters.UNICODE_VERSION == script.VERSION
    assert points == sorted(set(points))


def test_the_interpreters_unicode_agrees_but_for_what_later_versions_added(script: ModuleType) -> None:
    """A character never loses its assignment, so whatever is seen here is seen by every later version."""
    taken = _taken([ord(char) for char in characters.BOUNDARIES])
    by_interpreter = _taken(script.boundaries())

    assert taken <= by_interpreter
    added = len(by_interpreter - taken)
    assert added == ADDED.get(unicodedata.unidata_version, added)
    assert (added == 0) is (unicodedata.unidata_version == script.VERSION)


def test_the_runs_are_read_as_they_are_written() -> None:
    taken = _taken([ord(char) for char in characters.BOUNDARIES])

    assert {point for point in range(0x3100) if is_seen(chr(point))} == {point for point in taken if point < 0x3100}
    for boundary in characters.BOUNDARIES:
        for point in (ord(boundary) - 1, ord(boundary)):
            assert point < 0 or is_seen(chr(point)) is (point in taken)


def test_what_unicode_calls_ignorable_and_the_blank_of_braille_are_unseen(script: ModuleType) -> None:
    for first, last in script.IGNORABLE:
        assert not any(is_seen(chr(point)) for point in range(first, last + 1))
        # The neighbours of a range are in no other, so that none is written wider than Unicode has it.
        assert not any(
            first <= edge - 1 <= last or first <= edge <= last for edge, _ in script.IGNORABLE if edge > first
        )
    assert not is_seen("\u2800")
    assert is_seen("\u2801")
    assert is_seen(chr(0x27FF))


def _taken(points: list[int]) -> set[int]:
    """Walk the runs: refused from the first boundary on, taken from the second, and so in turn."""
    edges = [*points, sys.maxunicode + 1]
    return {point for start, end in zip(edges[1::2], edges[2::2], strict=False) for point in range(start, end)}
