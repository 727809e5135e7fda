"""Headers made to break a parser or to be read two ways: envelope, token, idempotency key and correlation id."""

import base64
import json
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from handshake.trust.token import MAX_TOKEN_BYTES
from ops.openapi.document import ENVELOPE, TOKEN
from tests.hostile.bounds import fuzzed
from tests.hostile.calls import DOCUMENT, SCHEMAS, send
from tests.hostile.payloads import JSON, JSON_TEXTS, TEXTS
from tests.support.service import InProcess, Reply, apply_policy, escalated, for_agent, human, own, token, unique
from tests.support.store import everything

ENVELOPE_NAME: Final = "x-identity-envelope"
TOKEN_NAME: Final = "x-internal-trust-context"
INVALID_ENVELOPE: Final = (401, "security_invalid_identity_envelope")
BAD_SHAPE: Final = (400, "trust_context_invalid_request_shape")
INVALID_TOKEN: Final = (401, "security_invalid_internal_trust_context")

SECURITY: Final = {
    (method.upper(), path.replace("{requestId}", "nobody")): operation["security"][0]
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
PROTECTED: Final = [route for route, schemes in SECURITY.items() if ENVELOPE in schemes]
SPOILED_ENVELOPES: Final = st.dictionaries(st.sampled_from(sorted(SCHEMAS["IdentityEnvelope"]["properties"])), JSON)
protected: Final = pytest.mark.parametrize(("method", "path"), PROTECTED)


def apply(service: InProcess, *headers: tuple[str, str]) -> Reply:
    """A policy apply of an agent's own, with just these headers."""
    return send(
        service, "POST", "/policy/apply", headers=headers, body=json.dumps(for_agent(unique("a"), max_transaction=1))
    )


@pytest.mark.parametrize(("method", "path"), SECURITY)
def test_a_route_asks_for_just_what_the_document_says(service: InProcess, method: str, path: str) -> None:
    envelope = [(ENVELOPE_NAME, json.dumps(human("operator")))]

    bare = send(service, method, path, body="{}").reason
    with_envelope = send(service, method, path, headers=envelope, body="{}").reason

    assert (bare == "security_missing_identity_envelope") == (ENVELOPE in SECURITY[method, path])
    assert (with_envelope == "security_missing_internal_trust_context") == (TOKEN in SECURITY[method, path])


@protected
@fuzzed(envelope=TEXTS | JSON_TEXTS | SPOILED_ENVELOPES.map(lambda fields: json.dumps(human("p") | fields)))
def test_no_envelope_whatever_breaks_a_route(service: InProcess, method: str, path: str, envelope: str) -> None:
    send(service, method, path, headers=[(ENVELOPE_NAME, envelope)], body="{}")


@fuzzed(
    shown=TEXTS
    | st.text("abcXYZ019-_=.", max_size=80)
    | st.tuples(JSON_TEXTS, JSON_TEXTS, st.binary(max_size=40)).map(
        lambda parts: ".".join(
            base64.urlsafe_b64encode(part if isinstance(part, bytes) else part.encode()).decode().rstrip("=")
            for part in parts
        )
    )
)
def test_no_token_whatever_breaks_an_apply_or_passes(service: InProcess, shown: str) -> None:
    reply = apply(service, (ENVELOPE_NAME, json.dumps(human("operator"))), (TOKEN_NAME, shown))

    assert reply.status == 401
    assert reply.reason in {INVALID_TOKEN[1], "security_missing_internal_trust_context"}


@fuzzed(key=TEXTS)
def test_no_idempotency_key_whatever_breaks_an_action(service: InProcess, key: str) -> None:
    act(service, escalated(service, principalId="operator"), key)


@fuzzed(correlation_id=TEXTS, name=st.sampled_from(["x-correlation-id", "X-Correlation-Id"]))
def test_a_correlation_id_is_echoed_as_it_is_or_not_at_all(service: InProcess, correlation_id: str, name: str) -> None:
    reply = send(service, "GET", "/metrics/summary", headers=[(name, correlation_id)])

    answered = reply.headers["x-correlation-id"]
    assert answered == correlation_id or correlation_id not in answered or not correlation_id


BAD_ENVELOPES: Final = {
    "deeply nested": '{"principalId":' + "[" * 4000,
    "as many keys as fit": json.dumps({"principalId": "p"} | {f"k{index}": 0 for index in range(300)}),
    "as many roles as fit": json.dumps({"principalId": "p", "roles": ["r"] * 1200}),
    "a number of thousands of digits": '{"principalId":' + "9" * 4000 + "}",
    "NaN": '{"principalId":NaN}',
    "a NUL": '{"principalId":"\\u0000"}',
    "a NUL in the middle": '{"principalId":"a\\u0000b"}',
    "a lone surrogate": '{"principalId":"\\ud800"}',
    "a lone surrogate, unescaped": '{"principalId":"\ud800"}',
    "a C1 control character": '{"principalId":"a\\u0085b"}',
    "one byte too long in UTF-8": json.dumps({"principalId": "é" * 200}, ensure_ascii=False).ljust(3897),
    "base64": base64.b64encode(b'{"principalId":"p"}').decode(),
    "megabytes": " " * (1024 * 1024) + '{"principalId":"p"}',
}


@protected
@pytest.mark.parametrize("envelope", BAD_ENVELOPES.values(), ids=BAD_ENVELOPES.keys())
def test_an_envelope_made_to_break_a_parser_is_invalid(
    service: InProcess, method: str, path: str, envelope: str
) -> None:
    assert send(service, method, path, headers=[(ENVELOPE_NAME, envelope)], body="{}").outcome == INVALID_ENVELOPE


def test_a_principal_may_have_a_name_in_any_script(service: InProcess) -> None:
    for name in ("Zoë", "ליאור", "李", "\U0001f9d1", "n" * 256, "\U0001f600" * 256):
        request = escalated(service, principalId=name)
        path = f"/workflow/requests/{request['requestId']}"

        assert send(service, "GET", path, headers=[(ENVELOPE_NAME, json.dumps(own(request)))]).status == 200


@pytest.mark.parametrize("spelled", ["X-Identity-Envelope", "X-IDENTITY-ENVELOPE", "x-Identity-envelope"])
def test_a_headers_name_is_read_in_any_case(service: InProcess, spelled: str) -> None:
    headers = ((spelled, json.dumps(human("operator"))), (TOKEN_NAME.upper(), token(service)))

    assert apply(service, *headers).status == 200


TWICE: Final = [(ENVELOPE_NAME, ENVELOPE_NAME), (ENVELOPE_NAME, ENVELOPE_NAME.title())]


@pytest.mark.parametrize("names", TWICE, ids=["spelled alike", "spelled in two ways"])
@pytest.mark.parametrize("second", [human("operator"), human("somebody-else")], ids=["the same", "another"])
@protected
def test_two_envelopes_are_no_envelope(
    service: InProcess, method: str, path: str, second: dict[str, Any], names: tuple[str, str]
) -> None:
    envelopes = [json.dumps(human("operator")), json.dumps(second)]

    for pair in (envelopes, envelopes[::-1]):
        reply = send(service, method, path, headers=list(zip(names, pair, strict=True)), body="{}")

        assert reply.outcome == INVALID_ENVELOPE


@pytest.mark.parametrize("names", [(TOKEN_NAME, TOKEN_NAME), (TOKEN_NAME, TOKEN_NAME.title())], ids=str)
def test_two_tokens_are_no_token(service: InProcess, names: tuple[str, str]) -> None:
    envelope = (ENVELOPE_NAME, json.dumps(human("operator")))
    tokens = [(name, token(service)) for name in names]

    assert apply(service, envelope, *tokens).outcome == INVALID_TOKEN


def test_a_token_of_any_length_over_the_bound_is_refused(service: InProcess) -> None:
    envelope = (ENVELOPE_NAME, json.dumps(human("operator")))

    for length in (MAX_TOKEN_BYTES + 1, 1024 * 1024):
        padding = "A" * length
        for shown in (padding, f"{padding}..", f"..{padding}", token(service) + padding, "." * length):
            assert apply(service, envelope, (TOKEN_NAME, shown)).outcome == INVALID_TOKEN


def act(service: InProcess, request: dict[str, Any], *keys: str, name: str = "x-idempotency-key") -> Reply:
    """An approval with these idempotency keys."""
    headers = [(ENVELOPE_NAME, json.dumps(own(request))), *((name, key) for key in keys)]
    body = json.dumps({"requestId": request["requestId"], "action": "approve"})
    return send(service, "POST", "/workflow/decision-room/action", headers=headers, body=body)


@pytest.mark.parametrize("key", ["k" * 256, "\U0001f600" * 256, "\x00", " ", "\ufeff", "k,k"], ids=ascii)
def test_an_idempotency_key_is_any_text_of_up_to_256_characters(service: InProcess, key: str) -> None:
    request = escalated(service)

    assert act(service, request, key).status == 200
    assert act(service, request, key).outcome == (409, "security_replay_detected")


@pytest.mark.parametrize("key", ["", "k" * 257, "k" * (1024 * 1024), "\ud800"], ids=["empty", "257", "1 MiB", "lone"])
def test_an_idempotency_key_that_is_no_such_text_is_refused(service: InProcess, key: str) -> None:
    reply = act(service, escalated(service), key)

    assert reply.outcome == (400, "trust_context_invalid_request_shape")


def test_two_idempotency_keys_are_none_and_use_up_neither(service: InProcess) -> None:
    request = escalated(service)

    for keys in (("one", "two"), ("one", "one")):
        assert act(service, request, *keys).outcome == BAD_SHAPE
    assert act(service, request, "one").status == 200


GIVEN_TWICE: Final = {
    ENVELOPE_NAME: INVALID_ENVELOPE,
    TOKEN_NAME: INVALID_TOKEN,
    "x-idempotency-key": BAD_SHAPE,
    "x-correlation-id": BAD_SHAPE,
}


@pytest.mark.parametrize("name", GIVEN_TWICE)
@pytest.mark.parametrize("second", ["value", "another", ""])
@pytest.mark.parametrize(("method", "path"), SECURITY)
def test_a_header_of_the_contract_given_twice_is_refused_at_every_door(
    service: InProcess, method: str, path: str, name: str, second: str
) -> None:
    """Holds where it is not needed, too: whoever stands between may take either of the two."""
    envelope = json.dumps(human("operator"))
    rest = [
        (other, value) for other, value in ((ENVELOPE_NAME, envelope), (TOKEN_NAME, token(service))) if other != name
    ]

    for spelled in (name, name.upper()):
        headers = [*rest, (name, "value"), (spelled, second)]
        reply = send(service, method, path, headers=headers, body="{}")

        assert reply.outcome == GIVEN_TWICE[name]
        assert "given more than once" in reply.body["message"]
        assert "value" not in reply.headers["x-correlation-id"]


def test_what_headers_refuse_changes_nothing(service: InProcess) -> None:
    before = everything(service)

    for envelope in BAD_ENVELOPES.values():
        for method, path in PROTECTED:
            send(service, method, path, headers=[(ENVELOPE_NAME, envelope)], body="{}")
    apply_policy(service, for_agent("a", max_transaction=1), token="a.b.c")

    assert everything(service) == before
