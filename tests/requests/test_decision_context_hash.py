"""The hash of what decides a request: the same for the same facts, another for any other."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.core.jsonio import parse
from handshake.requests.submission import parse_recorded
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import ANY_JSON, a_body, a_submission

MINUTE_MS = 60_000


def _hash(**changes: Any) -> str:
    return a_submission(**changes).decision_context_hash


def _as_sent(text: str) -> Any:
    return parse(text, max_bytes=64 * 1024)


FACTS: dict[str, Any] = {
    "amount": 100,
    "category": "ops",
    "maxTransaction": 50,
    "dailySpendLimit": 70,
    "allowedHours": "08:00-18:00",
    "allowedCategories": ["ops", "food"],
}
OTHER: dict[str, Any] = {
    "amount": 100.01,
    "category": "infra",
    "maxTransaction": 51,
    "dailySpendLimit": 71,
    "allowedHours": "08:00-18:01",
    "allowedCategories": ["ops"],
}


@given(st.permutations(sorted(FACTS)), st.permutations(sorted(a_body())))
def test_the_order_of_keys_does_not_change_the_hash(facts: list[str], fields: list[str]) -> None:
    body = a_body(context={name: FACTS[name] for name in facts})

    assert parse_recorded({name: body[name] for name in fields}).decision_context_hash == _hash(context=FACTS)


@pytest.mark.parametrize("written", ["100", "100.0", "1e2", "1E+2", "1000e-1", "100.000000000000000000001"])
def test_equal_amounts_have_one_hash_however_they_are_written(written: str) -> None:
    assert _hash(context=_as_sent(f'{{"amount":{written},"category":"ops"}}')) == _hash(context={"amount": 100})


@given(st.floats(0, 1e12), st.integers(0, 10**12))
def test_amounts_have_one_hash_exactly_when_they_are_equal(one: float, other: int) -> None:
    assert (_hash(context={"amount": one}) == _hash(context={"amount": other})) == (one == other)
    assert _hash(context={"amount": float(other)}) == _hash(context={"amount": other})


@given(st.integers(0, 10**17), st.integers(1, 3))
@example(2**53, 1)
def test_amounts_too_large_for_a_float_are_still_told_apart(amount: int, more: int) -> None:
    assert _hash(context={"amount": amount}) != _hash(context={"amount": amount + more})


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name not in FACTS), ANY_JSON, max_size=5))
@example({"hour": 3, "userAgent": "sdk/1", "traceId": "t"})
def test_channel_noise_does_not_change_the_hash(noise: dict[str, Any]) -> None:
    assert _hash(context=noise | FACTS) == _hash(context=FACTS)


@given(st.integers(0, MINUTE_MS - 1))
def test_the_second_does_not_change_the_hash_and_the_minute_does(offset_ms: int) -> None:
    minute_ms = NOW_MS - NOW_MS % MINUTE_MS

    assert _hash(timestamp=minute_ms + offset_ms) == _hash(timestamp=minute_ms)
    assert _hash(timestamp=minute_ms - 1 - offset_ms) != _hash(timestamp=minute_ms)


def test_what_does_not_decide_does_not_change_the_hash() -> None:
    assert _hash(requestId="other", tenantId="other", privilegedPath=True) == _hash()
    assert _hash(context={"amount": 10, "category": " OPS "}) == _hash(context={"amount": 10})
    assert _hash(context={"amount": 10, "maxTransaction": None}) == _hash(context={"amount": 10})


@pytest.mark.parametrize("name", sorted(FACTS))
def test_each_fact_changes_the_hash(name: str) -> None:
    without = {key: value for key, value in FACTS.items() if key != name}

    assert _hash(context=FACTS | {name: OTHER[name]}) != _hash(context=FACTS)
    if FACTS[name] != "ops":
        assert _hash(context=without) != _hash(context=FACTS)


@pytest.mark.parametrize("name", ["sensitivity", "authorizedSensitiveScope"])
def test_each_fact_of_data_access_changes_the_hash(name: str) -> None:
    facts: dict[str, Any] = {"sensitivity": "low", "authorizedSensitiveScope": False}
    other = {"sensitivity": "high", "authorizedSensitiveScope": True}[name]

    hashes = {
        a_submission("data_access", context=context).decision_context_hash for context in (facts, facts | {name: other})
    }

    assert len(hashes) == 2


@pytest.mark.parametrize("name", ["principalId", "agentId", "payloadRef"])
def test_each_identity_changes_the_hash(name: str) -> None:
    assert _hash(**{name: "other"}) != _hash()


def test_the_action_type_changes_the_hash() -> None:
    assert len({a_submission(kind, context={}).decision_context_hash for kind in ("credential_use", "other")}) == 2


@given(st.lists(st.sampled_from(["a", "b", "ab", "ba", "a,b", '"', '","']), min_size=6, max_size=6))
def test_facts_never_run_into_each_other_in_the_hash(values: list[str]) -> None:
    names = ("principalId", "agentId", "payloadRef")
    one, other = (dict(zip(names, half, strict=True)) for half in (values[:3], values[3:]))

    assert (_hash(**one) == _hash(**other)) == (one == other)


@pytest.mark.parametrize("text", ["1e999", "-1e999"])
def test_a_number_too_large_to_be_one_is_not_the_text_that_names_it(text: str) -> None:
    huge = float(text)

    assert _hash(context={"amount": huge}) != _hash(context={"amount": str(huge)})


# -- the same request -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{name: "other"} for name in ("principalId", "agentId", "tenantId", "payloadRef")]
    + [{"tenantId": None}, {"context": {"amount": 11, "category": "ops"}}, {"actionType": "other"}],
)
def test_a_request_with_other_facts_is_another_request(changes: dict[str, Any]) -> None:
    assert a_submission(**changes).facts_digest != a_submission().facts_digest


def test_a_request_repeated_later_is_the_same_request() -> None:
    assert a_submission(timestamp=NOW_MS + 4 * MINUTE_MS).facts_digest == a_submission().facts_digest
