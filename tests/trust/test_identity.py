"""The identity envelope."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.trust.identity import FIELDS, MAX_ENVELOPE_BYTES, Envelope, parse_envelope
from tests.support.ids import IDS
from tests.support.refusals import answer, reason, refusal
from tests.support.workflow_requests import ANY_JSON

MISSING = "security_missing_identity_envelope"
INVALID = "security_invalid_identity_envelope"
PLAIN: dict[str, Any] = {"principalId": "alice"}
FULL: dict[str, Any] = {
    "principalId": "alice",
    "subjectType": "human",
    "roles": ["admin"],
    "scopes": ["workflow:resolve"],
    "issuer": "idp",
    "sessionId": "s-1",
    "tenantId": "tenant-a",
}
STRINGS = ("principalId", "issuer", "sessionId", "tenantId")
LISTS = ("roles", "scopes")
SPACE = st.sampled_from(["", " ", "\t", "\n ", "\u00a0"])


def _parse(fields: Any) -> Envelope:
    return parse_envelope(json.dumps(fields))


def _as_json(envelope: Envelope) -> dict[str, Any]:
    read = {name: getattr(envelope, field.attribute) for name, field in FIELDS.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in read.items()}


@pytest.mark.parametrize("header", [None, "", " ", "\t\n"])
def test_no_envelope_is_missing(header: str | None) -> None:
    assert reason(lambda: parse_envelope(header)) == MISSING


def test_everything_it_may_say_is_read() -> None:
    envelope = _parse(FULL)

    assert _as_json(envelope) == FULL


def test_what_is_left_out_grants_nothing() -> None:
    envelope = _parse(PLAIN)

    assert envelope.subject_type != "human"
    assert (envelope.roles, envelope.scopes, envelope.tenant_id) == ((), (), "")


@given(IDS, st.lists(st.tuples(SPACE, IDS, SPACE), max_size=6), st.sampled_from(STRINGS), st.sampled_from(LISTS))
def test_strings_are_trimmed_and_lists_are_sorted_sets_of_them(
    name: str, padded: list[tuple[str, str, str]], field: str, many: str
) -> None:
    envelope = _as_json(_parse(PLAIN | {field: f" {name}\n", many: ["".join(parts) for parts in padded]}))

    assert envelope[field] == name.strip()
    assert envelope[many] == sorted({middle.strip() for _, middle, _ in padded})


@pytest.mark.parametrize("field", STRINGS)
def test_a_string_has_at_most_256_characters_after_trimming(field: str) -> None:
    assert _parse(PLAIN | {field: f"  {'x' * 256}  "}).principal_id
    assert reason(lambda: _parse(PLAIN | {field: "x" * 257})) == INVALID


@pytest.mark.parametrize("field", STRINGS)
@pytest.mark.parametrize("value", ["", "  ", None, 7, True, [], ["alice"], {}, "a\x00b", "a\nb", "a\u200b", "e\u0301"])
def test_a_string_that_is_blank_or_none_is_refused(field: str, value: Any) -> None:
    assert reason(lambda: _parse(PLAIN | {field: value})) == INVALID


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize("value", [None, "admin", {"admin": 1}, [""], [" "], ["a", 7], [None], [["a"]], ["x" * 257], 1])
def test_a_list_of_anything_but_names_is_refused(field: str, value: Any) -> None:
    assert reason(lambda: _parse(PLAIN | {field: value})) == INVALID


@pytest.mark.parametrize("value", ["Human", "admin", "", None, 1, ["human"]])
def test_a_subject_is_a_human_a_service_or_an_agent(value: Any) -> None:
    assert reason(lambda: _parse(PLAIN | {"subjectType": value})) == INVALID
    assert [_parse(PLAIN | {"subjectType": kind}).subject_type for kind in ("human", "service", "agent")]


@pytest.mark.parametrize(
    "header",
    [
        "alice",
        "null",
        "[]",
        '["alice"]',
        '"alice"',
        "{}",
        "{",
        '{"principalId":"a","principalId":"b"}',
        '{"principalId":"a","\\u0070rincipalId":"a"}',
        '{"principalId":"a"}, {"principalId":"a"}',
        '{"principalId":"\\ud800"}',
        '{"principalId":NaN}',
    ],
)
def test_what_is_no_object_with_a_principal_is_refused(header: str) -> None:
    assert reason(lambda: parse_envelope(header)) == INVALID


@given(st.text(max_size=12), ANY_JSON)
def test_any_other_field_is_refused_and_not_repeated(name: str, value: Any) -> None:
    if name in FULL:
        return
    refused = refusal(lambda: _parse(PLAIN | {f"{name}-secret": value}))

    assert refused.reason.code == INVALID
    assert "secret" not in refused.message


def test_the_python_names_of_its_fields_are_not_its_fields() -> None:
    assert reason(lambda: _parse({"principal_id": "alice"})) == INVALID
    assert reason(lambda: _parse(PLAIN | {"tenant_id": "t"})) == INVALID


def test_its_size_is_bounded_in_bytes() -> None:
    def header(size: int) -> str:
        empty = json.dumps(PLAIN | {"roles": []})
        names, room = list[str](), size - len(empty.encode())
        while room > 0:
            # A name is written in two quotes, and after the first in a comma and a space more.
            written = min(room, 200)
            names.append("x" * (written - (4 if names else 2)))
            room -= written
        return json.dumps(PLAIN | {"roles": names})

    fits, too_long = header(MAX_ENVELOPE_BYTES), header(MAX_ENVELOPE_BYTES + 1)

    assert (len(fits), len(too_long)) == (MAX_ENVELOPE_BYTES, MAX_ENVELOPE_BYTES + 1)
    assert parse_envelope(fits).principal_id == "alice"
    assert reason(lambda: parse_envelope(too_long)) == INVALID


@given(st.text(max_size=60) | st.dictionaries(st.sampled_from(sorted(FULL)), ANY_JSON).map(json.dumps))
def test_any_header_is_an_envelope_or_refused(header: str) -> None:
    read = answer(lambda: parse_envelope(header))

    assert isinstance(read, Envelope) or read in {MISSING, INVALID}


@pytest.mark.parametrize(
    ("header", "message"),
    {
        "{": "The identity envelope is not valid JSON.",
        "[]": "The identity envelope is not an object.",
        "{}": "The identity envelope is refused: principalId is missing.",
        '{"principalId":" "}': "The identity envelope is refused: principalId is empty.",
        '{"principalId":"a","roles":1}': "The identity envelope is refused: roles is not a list.",
        '{"principalId":"a","subjectType":1}': (
            "The identity envelope is refused: subjectType is not human, service or agent."
        ),
        '{"principalId":"a","x":1,"tenantId":"t\\u200b"}': (
            "The identity envelope is refused: it has an unknown field; tenantId holds U+200B, which is not a visible"
            " character."
        ),
    }.items(),
    ids=ascii,
)
def test_what_is_wrong_is_said_in_a_sentence(header: str, message: str) -> None:
    assert refusal(lambda: parse_envelope(header)).message == message


def test_a_refusal_names_the_field_and_never_its_value() -> None:
    message = refusal(lambda: _parse(FULL | {"tenantId": "secret\x00", "roles": ["secret\x01"]})).message

    assert "tenantId" in message
    assert "roles" in message
    assert "secret" not in message
