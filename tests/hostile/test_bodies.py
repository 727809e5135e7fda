"""Bodies made to break a parser, or to mean two things: each is refused, or read the one way that is written here."""

import base64
import json
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from handshake.api.http import MAX_BODY_BYTES
from handshake.core.jsonio import MAX_DEPTH
from handshake.core.reasons import SECURITY_DENIALS
from tests.hostile.bounds import fuzzed
from tests.hostile.calls import send
from tests.hostile.payloads import JSON_TEXTS, SPOILED_FIELDS, TEXTS, WELL_FORMED
from tests.support.clients import Counting
from tests.support.service import InProcess, Reply, human, submission, token
from tests.support.store import everything

ROUTES: Final = sorted(WELL_FORMED)
BAD_SHAPE: Final = (400, "trust_context_invalid_request_shape")
every_route: Final = pytest.mark.parametrize("path", ROUTES)


def post(service: InProcess, path: str, body: str | None, **event: Any) -> Reply:
    """A POST with all that any route asks for."""
    envelope = json.dumps(human("operator", scopes=["workflow:submit:any"]))
    headers = [("x-identity-envelope", envelope), ("x-internal-trust-context", token(service))]
    return send(service, "POST", path, headers=headers, body=body, **event)


def padded(size: int) -> str:
    """A well-formed submission of ``size`` bytes."""
    body = json.dumps(submission() | {"noise": ""})
    return body[:-2] + "x" * (size - len(body)) + body[-2:]


@every_route
@fuzzed(body=JSON_TEXTS | TEXTS | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_body_whatever_breaks_a_route(service: InProcess, path: str, body: str) -> None:
    post(service, path, body)


@every_route
@fuzzed(spoiled=SPOILED_FIELDS)
def test_no_field_whatever_breaks_a_route(service: InProcess, path: str, spoiled: dict[str, Any]) -> None:
    post(service, path, json.dumps(WELL_FORMED[path](service) | spoiled))


@every_route
@fuzzed(body=st.binary(max_size=64))
def test_a_body_declared_as_base64_is_read_as_such_or_refused(service: InProcess, path: str, body: bytes) -> None:
    for text in (base64.b64encode(body).decode(), body.decode("latin-1")):
        assert 400 <= post(service, path, text, isBase64Encoded=True).status < 500


UNREADABLE: Final[dict[str, str | None]] = {
    "no body": None,
    "an empty body": "",
    "white space": " \n",
    "not JSON": "approve",
    "cut short": '{"requestId":"r"',
    "two documents": "{}{}",
    "a trailing comma": '{"requestId":"r",}',
    "single quotes": "{'requestId':'r'}",
    "a comment": "{/**/}",
    "a byte order mark": "\ufeff{}",
    "NaN": '{"timestamp":NaN}',
    "Infinity": '{"timestamp":Infinity}',
    "minus Infinity": '{"timestamp":-Infinity}',
    "a key twice": '{"requestId":"r","requestId":"s"}',
    "a key twice, once escaped": '{"requestId":"r","request\\u0049d":"s"}',
    "a key twice, deep inside": '{"context":{"limits":[{"a":1,"a":2}]}}',
    "a lone surrogate": '{"payloadRef":"\\ud800"}',
    "a lone surrogate in a key": '{"\\udfff":1}',
    "surrogates in the wrong order": '{"payloadRef":"\\ude00\\ud83d"}',
    "a lone surrogate, unescaped": '{"payloadRef":"\ud800"}',
    "a control character, unescaped": '{"payloadRef":"a\x00b"}',
    "one level too many": '{"context":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}",
    "as many levels as fit": "[" * MAX_BODY_BYTES,
    "as many objects as fit": '{"a":' * (MAX_BODY_BYTES // 5),
    "one byte too many": padded(MAX_BODY_BYTES + 1),
    "one byte too many, not one character": padded(MAX_BODY_BYTES)[:-2] + 'é"}'[:-2] + '"}',
    "megabytes": "9" * (4 * 1024 * 1024),
    "an array": "[]",
    "a text": '"requestId"',
    "null": "null",
}


@every_route
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_body_that_cannot_be_read_one_way_is_refused(service: InProcess, path: str, body: str | None) -> None:
    reply = post(service, path, body)

    expected = (400, "invalid_metrics_event") if body in ("[]", '"requestId"', "null") else BAD_SHAPE
    assert reply.outcome == (expected if path == "/metrics/project" else BAD_SHAPE)


def test_the_longest_body_is_taken(service: InProcess) -> None:
    assert post(service, "/workflow/requests", padded(MAX_BODY_BYTES)).outcome == (200, "policy_allow")


def test_the_deepest_body_is_taken(service: InProcess) -> None:
    noise: Any = 0
    for _ in range(MAX_DEPTH - 2):
        noise = [noise]

    body = submission(context={"amount": 1, "noise": noise})

    assert post(service, "/workflow/requests", json.dumps(body)).outcome == (200, "policy_allow")


def test_thousands_of_keys_are_noise(service: InProcess) -> None:
    context = {"amount": 1} | {f"k{index}": 0 for index in range(5000)}

    assert post(service, "/workflow/requests", json.dumps(submission(context=context))).status == 200


# What is beyond every float is read as infinite, and so is not the finite amount or time that is asked for.
HUGE: Final = ("9" * 4000, "-" + "9" * 4000, "9" * 60_000, "1e999", "-1e999", "1" + "0" * 400)


@pytest.mark.parametrize("digits", HUGE, ids=lambda digits: digits[:8])
def test_a_huge_number_is_no_amount_and_no_time(service: InProcess, digits: str) -> None:
    amount = json.dumps(submission(context={"amount": 77.5})).replace("77.5", digits)
    timestamp = json.dumps(submission(timestamp=77.5)).replace("77.5", digits)

    assert post(service, "/workflow/requests", amount).outcome == (200, "policy_invalid_request")
    assert post(service, "/workflow/requests", timestamp).outcome == (400, "trust_context_invalid_timestamp")


LONG: Final = {
    "0." + "9" * 9000: "policy_allow",
    "1e-999": "policy_allow",
    "5e-324": "policy_allow",
    "-5e-324": "policy_invalid_request",
    "9" * 19: "policy_daily_limit_exceeded",
    "1e308": "policy_daily_limit_exceeded",
    "-0.0": "policy_allow",
}


@pytest.mark.parametrize(("digits", "reason"), LONG.items(), ids=lambda text: text[:8])
def test_a_number_of_any_length_is_the_nearest_float(service: InProcess, digits: str, reason: str) -> None:
    body = json.dumps(submission(context={"amount": 77.5})).replace("77.5", digits)

    assert post(service, "/workflow/requests", body).outcome == (200, reason)


@pytest.mark.parametrize("scope_id", [None, 7, "agent", "\x00"], ids=ascii)
def test_an_id_beside_global_scope_is_not_read(service: InProcess, scope_id: Any) -> None:
    body = {"scope": "global", "scopeId": scope_id, "rules": []}

    assert post(service, "/policy/simulate", json.dumps(body)).status == 200


def test_a_body_declared_as_base64_that_is_base64_is_read(service: InProcess) -> None:
    body = base64.b64encode(json.dumps(submission()).encode()).decode()

    assert post(service, "/workflow/requests", body, isBase64Encoded=True).outcome == (200, "policy_allow")


LYING: Final[dict[str, tuple[str, bool]]] = {
    "declared, but plain": (json.dumps({"requestId": "r"}), True),
    "base64, but not declared": (base64.b64encode(b'{"requestId":"r"}').decode(), False),
    "not UTF-8 inside": (base64.b64encode(b'{"requestId":"\xff"}').decode(), True),
    "a lone surrogate's bytes inside": (base64.b64encode(b'{"requestId":"\xed\xa0\x80"}').decode(), True),
    "without its padding": (base64.b64encode(b"{} ").decode() + "A", True),
    "with white space between": ("e30\n=", True),
    "too long inside": (base64.b64encode(padded(MAX_BODY_BYTES + 1).encode()).decode(), True),
    "far too long": ("A" * (8 * MAX_BODY_BYTES), True),
    "letters that are not ASCII": ("é" * 8, True),
}


@every_route
@pytest.mark.parametrize(("body", "declared"), LYING.values(), ids=LYING.keys())
def test_a_body_that_lies_about_its_encoding_is_refused(
    service: InProcess,
    path: str,
    body: str,
    declared: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    assert post(service, path, body, isBase64Encoded=declared).outcome == BAD_SHAPE


@every_route
def test_a_refused_body_changes_nothing(service: InProcess, path: str) -> None:
    spoiled = [{}, {"requestId": "\x00"}, {"scope": "nobody"}, {"timestampMs": "now"}, {"actionType": None}]
    bodies = [body for body in UNREADABLE.values() if body] + [json.dumps(fields) for fields in spoiled]
    before = everything(service)

    for body in bodies:
        assert post(service, path, body).status in {400, 403}

    assert everything(service) == before


@every_route
def test_a_refused_body_costs_no_more_than_the_event_of_its_denial(service: InProcess, path: str) -> None:
    for body in UNREADABLE.values():
        counting = Counting(service.dynamodb)
        reply = post(replace(service, dynamodb=counting), path, body)

        denied = str(reply.reason) in SECURITY_DENIALS or reply.body.get("decision") == "deny"
        assert len(counting.operations) == int(denied)
