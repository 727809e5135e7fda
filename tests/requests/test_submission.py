"""Submissions: their checks in the contract's order, and the hash of what decides them."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.jsonio import parse
from handshake.requests.submission import MAX_FACTS_LENGTH, Submission, parse_recorded, parse_submission, refused_hash
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason, refusal
from tests.support.workflow_requests import ANY_JSON, a_body, a_submission

SHAPE = "trust_context_invalid_request_shape"
BINDING = "trust_context_missing_binding"
TIMESTAMP = "trust_context_invalid_timestamp"
SKEW = "trust_context_timestamp_skew_fail_closed"
BYPASS = "security_handshake_required_bypass_denied"
SIDE_CHANNEL = "security_side_channel_denied"
FIVE_MINUTES_MS = 5 * 60 * 1000
MINUTE_MS = 60_000
IDS = ("requestId", "agentId", "principalId", "payloadRef", "tenantId")

# What can be wrong, in the order in which the contract looks for it.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"actionType": "transfer"}, SHAPE),
    ({"agentId": None}, BINDING),
    ({"payloadRef": None}, SHAPE),
    ({"timestamp": "soon"}, TIMESTAMP),
    ({"timestamp": NOW_MS - FIVE_MINUTES_MS - 1}, SKEW),
    ({"privilegedPath": False}, BYPASS),
    ({"context": {"amount": 1, "sideChannelAttempt": True}}, SIDE_CHANNEL),
]


def _parse(body: Any) -> Submission:
    return parse_submission(body, now_ms=NOW_MS)


def _hash(**changes: Any) -> str:
    return a_submission(**changes).decision_context_hash


def _as_sent(text: str) -> Any:
    return parse(text, max_bytes=64 * 1024)


# -- checks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), list(combinations(FAULTS, 2)))
def test_of_two_faults_the_one_the_contract_names_first_is_told(
    first: tuple[dict[str, Any], str], second: tuple[dict[str, Any], str]
) -> None:
    assert reason(lambda: _parse(a_body(**{**second[0], **first[0]}))) == first[1]


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_each_fault_has_its_code(fault: dict[str, Any], code: str) -> None:
    assert reason(lambda: _parse(a_body(**fault))) == code


@pytest.mark.parametrize("body", [None, [], "text", 7, True, [a_body()]])
def test_a_body_that_is_no_object_is_a_matter_of_shape(body: Any) -> None:
    assert reason(lambda: _parse(body)) == SHAPE


@pytest.mark.parametrize("value", [None, "", "Payment", "payment ", 1, ["payment"], {"payment": 1}])
def test_an_action_type_is_one_of_five(value: Any) -> None:
    assert reason(lambda: _parse(a_body(actionType=value))) == SHAPE


@pytest.mark.parametrize("name", ["requestId", "agentId", "principalId"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_id_that_is_not_there_is_a_missing_binding(name: str, value: Any) -> None:
    assert reason(lambda: _parse(a_body(**{name: value}))) == BINDING


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("value", [7, True, ["a"], {}, "a" * 1025, "a\x00b", "a\nb", "a\x9f", "a\u200b", "e\u0301"])
def test_an_id_that_is_no_id_is_a_matter_of_shape(name: str, value: Any) -> None:
    assert reason(lambda: _parse(a_body(**{name: value}))) == SHAPE


@pytest.mark.parametrize("name", IDS)
def test_ids_have_up_to_256_characters(name: str) -> None:
    _parse(a_body(**{name: "é" * 256}))


def test_a_tenant_may_be_left_out_but_not_blank() -> None:
    assert _parse(a_body(tenantId=None)).tenant_id is None
    assert reason(lambda: _parse(a_body(tenantId=" "))) == SHAPE


@pytest.mark.parametrize("value", [None, "", "1772720700000", True, [], {}, float("inf"), float("-inf"), float("nan")])
def test_a_timestamp_is_a_finite_number(value: Any) -> None:
    assert reason(lambda: _parse(a_body(timestamp=value))) == TIMESTAMP


@pytest.mark.parametrize(
    ("offset_ms", "told"),
    [
        (-FIVE_MINUTES_MS - 1, SKEW),
        (-FIVE_MINUTES_MS, None),
        (FIVE_MINUTES_MS, None),
        (FIVE_MINUTES_MS + 1, SKEW),
        (10**300, SKEW),
        (-(10**300), SKEW),
    ],
)
def test_a_timestamp_is_within_five_minutes_of_the_server(offset_ms: int, told: str | None) -> None:
    answered = answer(lambda: _parse(a_body(timestamp=NOW_MS + offset_ms)))

    assert (None if isinstance(answered, Submission) else answered) == told


@pytest.mark.parametrize("value", [0, 1, "false", [], {}])
def test_a_privileged_path_is_true_or_false(value: Any) -> None:
    assert reason(lambda: _parse(a_body(privilegedPath=value))) == SHAPE


@pytest.mark.parametrize("value", [None, True])
def test_a_path_is_privileged_unless_it_says_otherwise(value: Any) -> None:
    assert _parse(a_body(privilegedPath=value)) == _parse(a_body())


@pytest.mark.parametrize("name", ["sideChannelAttempt", "directAdapterCall"])
def test_either_declared_side_channel_is_denied(name: str) -> None:
    assert reason(lambda: _parse(a_body(context={name: True}))) == SIDE_CHANNEL
    assert answer(lambda: _parse(a_body(context={name: False, "amount": 1}))) == a_submission(context={"amount": 1})


@pytest.mark.parametrize("value", ["text", 7, [], True])
def test_a_context_is_an_object_or_left_out(value: Any) -> None:
    assert reason(lambda: _parse(a_body(context=value))) == SHAPE
    assert _parse(a_body("other", context=None)).facts == {}


def test_what_decides_is_bounded_and_what_does_not_is_not_kept() -> None:
    room = MAX_FACTS_LENGTH - len('{"amount":1,"category":""}')

    assert _parse(a_body(context={"amount": 1, "category": "c" * room, "note": "x" * 50_000})).facts.keys() == {
        "amount",
        "category",
    }
    assert reason(lambda: _parse(a_body(context={"amount": 1, "category": "c" * (room + 1)}))) == SHAPE


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_a_refusal_carries_the_contracts_fields(fault: dict[str, Any], code: str) -> None:
    fields = refusal(lambda: _parse(a_body(**fault))).fields

    assert fields.keys() == {"requestId", "decision", "tier", "decisionContextHash", "state"}
    assert (fields["requestId"], fields["decision"], fields["tier"]) == ("req-1", "deny", 4)
    known = code in {SKEW, BYPASS, SIDE_CHANNEL}
    assert re.fullmatch("ctx_[0-9a-f]{64}", fields["decisionContextHash"])
    assert (fields["decisionContextHash"] != refused_hash("req-1")) == known


def test_a_refusal_repeats_no_request_id_that_is_none() -> None:
    assert refusal(lambda: _parse(a_body(requestId="a\x00b", actionType="x"))).fields["requestId"] is None


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*a_body(), "privilegedPath"], ANY_JSON)))
def test_any_body_is_a_submission_or_refused(changes: dict[str, Any]) -> None:
    told = answer(lambda: _parse(a_body(**changes)))

    assert isinstance(told, Submission) or told in {SHAPE, BINDING, TIMESTAMP, SKEW, BYPASS, SIDE_CHANNEL}


@given(ANY_JSON, ANY_JSON)
def test_whatever_facts_are_sent_have_a_hash(amount: Any, category: Any) -> None:
    submission = a_submission(context={"amount": amount, "category": category, "allowedCategories": [amount]})

    assert submission.decision_context_hash.startswith("ctx_")
    assert len(submission.decision_context_hash) == 4 + 64
    assert json.loads(json.dumps(submission.facts, allow_nan=False)) == submission.facts


def test_a_recorded_request_is_read_whenever_it_was_made() -> None:
    assert parse_recorded(a_body(timestamp=1)).timestamp_ms == 1
    assert reason(lambda: parse_recorded(a_body(timestamp=1, privilegedPath=False))) == BYPASS
    assert reason(lambda: parse_recorded(a_body(agentId=None))) == BINDING
