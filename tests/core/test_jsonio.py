"""JSON: read strictly, written in one way."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.core.jsonio import MAX_DEPTH, BadJsonError, canonical, digest, number, parse, plain
from tests.support.workflow_requests import ANY_JSON

KIB_64 = 64 * 1024
FINITE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
DUPLICATES = ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"b":{"a":null,"a":null}}]', '{"":1,"":1}']
LONE_SURROGATES = ['"\\ud800"', '"\\uDC00"', '{"\\udfff":1}', '["\\ud83d\\u0041"]', '"\\ude00\\ud83d"']
NOT_JSON = [
    *(
        "",
        " ",
        "{",
        "[1,]",
        '{"a":1,}',
        "{a:1}",
        "'a'",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "0x1",
        '"\t"',
        "1 2",
        "\ufeff{}",
    ),
    *("NaN", "Infinity", "-Infinity", "[NaN]", '{"a":-Infinity}', "// x\n1"),
]


def _refused(text: str, *, max_bytes: int = KIB_64) -> str:
    with pytest.raises(BadJsonError) as refused:
        parse(text, max_bytes=max_bytes)
    return str(refused.value)


def _as_documented(digits: str) -> float:
    return int(digits) if len(digits) <= 18 else float(digits)


def _typed(value: Any) -> Any:
    """``value`` so that equal means the same JSON: true is not 1, and 1.0 is written otherwise than 1."""
    if isinstance(value, dict):
        return {name: _typed(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_typed(child) for child in value]
    return (type(value).__name__, repr(value))


# -- reading ----------------------------------------------------------------------------------------------------


@given(FINITE)
def test_what_is_written_is_read_back(value: Any) -> None:
    read = parse(json.dumps(value), max_bytes=KIB_64)

    assert read == value


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_is_not_json_is_refused(text: str) -> None:
    _refused(text)


@pytest.mark.parametrize(
    "text", [*NOT_JSON, *DUPLICATES, *LONE_SURROGATES, "[" * 60_000, "[" * 33 + "]" * 33, "9" * 70_000]
)
def test_every_fault_makes_a_sentence_of_what_was_read(text: str) -> None:
    assert f"The body {_refused(text)}." in {
        "The body is not valid JSON.",
        "The body is longer than 65536 bytes.",
        "The body nests deeper than 32 levels.",
        "The body names a key of an object twice.",
        "The body holds a lone surrogate.",
        *(f"The body holds {name}, which is no JSON number." for name in ("NaN", "Infinity", "-Infinity")),
    }


@pytest.mark.parametrize("text", DUPLICATES)
def test_a_key_named_twice_is_refused_at_any_depth(text: str) -> None:
    assert _refused(text) == "names a key of an object twice"


@pytest.mark.parametrize("text", LONE_SURROGATES)
def test_half_a_character_is_refused(text: str) -> None:
    assert _refused(text) == "holds a lone surrogate"


def test_half_a_character_is_refused_unescaped_too() -> None:
    assert _refused('"\ud800"') == "holds a lone surrogate"


def test_characters_outside_the_basic_plane_and_nul_are_read() -> None:
    assert parse('["\\ud83d\\ude00", "\\u0000", "\\\\ud800"]', max_bytes=KIB_64) == ["\U0001f600", "\x00", "\\ud800"]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded_to_the_level(opening: str, closing: str) -> None:
    inner = "1" if opening != "[" else ""
    levels = MAX_DEPTH

    parse(opening * levels + inner + closing * levels, max_bytes=KIB_64)

    assert "deeper" in _refused(opening * (levels + 1) + inner + closing * (levels + 1))


@pytest.mark.parametrize("text", ["[" * 60_000, '{"a":' * 12_000, "[" * 30_000 + "]" * 30_000])
def test_bottomless_nesting_is_refused_like_any_other(text: str) -> None:
    _refused(text)


@given(st.text(max_size=20), st.integers(0, 60))
def test_the_bound_is_on_bytes_not_on_characters(text: str, max_bytes: int) -> None:
    written = json.dumps(text, ensure_ascii=False)
    too_long = len(written.encode()) > max_bytes

    assert (
        ("longer" in _refused(written, max_bytes=max_bytes))
        if too_long
        else parse(written, max_bytes=max_bytes) == text
    )


@pytest.mark.parametrize("digits", [19, 400, 5000, 60_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_too_long_to_be_exact_are_read_as_floats_at_no_cost(sign: str, digits: int) -> None:
    read = parse(sign + "9" * digits, max_bytes=KIB_64)

    assert isinstance(read, float)
    assert (number(read) is None) == (digits > 308)


def test_integers_of_up_to_18_digits_are_exact() -> None:
    assert parse("999999999999999999", max_bytes=99) == 999_999_999_999_999_999


@given(st.text(max_size=40) | FINITE.map(json.dumps).flatmap(lambda text: st.just(text[1:]) | st.just(text + text)))
@example('{"a":1}x')
def test_any_text_is_read_as_every_parser_reads_it_or_refused(text: str) -> None:
    try:
        read = parse(text, max_bytes=KIB_64)
    except BadJsonError:
        return
    assert read == json.loads(text, parse_int=_as_documented)


# -- numbers ----------------------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_is_the_decimal_that_its_shortest_text_names(value: float) -> None:
    assert number(value) == Decimal(repr(value))


@pytest.mark.parametrize("value", [True, False, None, "1", [], {}, float("nan"), float("inf"), -float("inf")])
def test_nothing_else_is_a_number(value: Any) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    ("value", "read"), [("100", 100), ("100.0", 100), ("1E+2", 100), ("0.5", 0.5), ("-0", 0), ("1e18", 10**18)]
)
def test_whole_numbers_are_shown_without_a_fraction(value: str, read: float) -> None:
    shown = plain(Decimal(value))

    assert (shown, type(shown)) == (read, type(read))


# -- writing ----------------------------------------------------------------------------------------------------


@given(FINITE, FINITE)
@example([1], [True])
@example(1, 1.0)
@example(0.0, -0.0)
@example("1", 1)
@example(None, "null")
@example({"a": 1}, ["a", 1])
@example("é", "e\u0301")
def test_two_values_are_written_alike_only_if_they_are_the_same(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (_typed(one) == _typed(other))


@given(FINITE)
def test_what_is_canonical_reads_back_as_the_same(value: Any) -> None:
    assert _typed(json.loads(canonical(value))) == _typed(value)


@given(st.dictionaries(st.text(max_size=8), FINITE, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_show(value: dict[str, Any], random: Any) -> None:
    shuffled = list(value.items())
    random.shuffle(shuffled)

    assert canonical({"outer": [dict(shuffled)]}) == canonical({"outer": [value]})


def test_canonical_json_has_no_white_space_and_no_escapes_beyond_jsons_own() -> None:
    assert canonical({"b": [1, 2.5, None], "a": 'é"\n'}) == '{"a":"é\\"\\n","b":[1,2.5,null]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


@given(ANY_JSON.filter(lambda value: "inf" not in repr(value)))
def test_a_digest_is_the_sha_256_of_the_canonical_text(value: Any) -> None:
    assert digest(value) == hashlib.sha256(canonical(value).encode()).hexdigest()
