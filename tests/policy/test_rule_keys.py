"""The rule keys: each row by the same laws, whatever its values are."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.tiers import STRICTNESS
from handshake.policy.rule_keys import (
    ALLOWED_CATEGORIES,
    ALLOWED_HOURS,
    CONTEXT_LIMITS,
    DAILY_SPEND_LIMIT,
    DEFAULT_LIMITS,
    DEFAULT_RULES,
    ESCALATION_TTL_SECONDS,
    ESCALATIONS_PER_WINDOW,
    KEY_OF,
    MAX_TRANSACTION,
    NO_LIMITS,
    RULE_KEYS,
    Limits,
    Payment,
    RuleKey,
    Verdict,
    limits_in_context,
    limits_of,
)
from tests.support.workflow_requests import CATEGORIES, CATEGORY_SETS, HOURS, MINUTES, MONEY

_VALUES: dict[RuleKey[Any], st.SearchStrategy[Any]] = {
    MAX_TRANSACTION: MONEY,
    DAILY_SPEND_LIMIT: MONEY,
    ALLOWED_HOURS: HOURS,
    ALLOWED_CATEGORIES: CATEGORY_SETS | st.just([]),
    ESCALATIONS_PER_WINDOW: st.integers(1, 1000),
    ESCALATION_TTL_SECONDS: st.integers(60, 604_800),
}
PAYMENTS = st.builds(
    Payment,
    MONEY.map(lambda amount: Decimal(str(amount))),
    st.sampled_from(CATEGORIES),
    MINUTES,
    MONEY.map(lambda amount: Decimal(str(amount))),
)
ABOUT_PAYMENTS = tuple(key for key in RULE_KEYS if key.judge)
every_payment_key = pytest.mark.parametrize("key", ABOUT_PAYMENTS, ids=lambda key: key.name)
every_key = pytest.mark.parametrize("key", RULE_KEYS, ids=lambda key: key.name)


def _demands(key: RuleKey[Any]) -> st.SearchStrategy[Any]:
    """Demands of ``key``, of one rule or of several."""
    one = _VALUES[key].map(key.parse)
    return one | st.lists(one, min_size=2, max_size=3).map(lambda many: _narrowed(key, many))


def _narrowed(key: RuleKey[Any], demands: list[Any]) -> Any:
    narrowed = demands[0]
    for demand in demands[1:]:
        narrowed = key.narrow(narrowed, demand)
    return narrowed


def _strictness(verdict: Verdict | None) -> tuple[int, int]:
    return (STRICTNESS[verdict.outcome], verdict.tier) if verdict else (-1, 0)


def _judge(key: RuleKey[Any], payment: Payment, demand: Any) -> Verdict | None:
    assert key.judge is not None
    return key.judge(payment, demand)


def test_every_key_is_tested_here() -> None:
    assert _VALUES.keys() == set(RULE_KEYS)


@every_key
def test_a_default_is_a_value_that_its_key_takes(key: RuleKey[Any]) -> None:
    if key.default is not None:
        assert key.parse(key.default) is not None
    assert DEFAULT_LIMITS.get(key) == key.parse(key.default)


def test_global_scope_shows_the_contracts_defaults() -> None:
    assert {rule["key"] for rule in DEFAULT_RULES} == {
        "max_transaction",
        "daily_spend_limit",
        "allowed_hours",
        "allowed_categories",
    }
    assert DEFAULT_LIMITS[ESCALATIONS_PER_WINDOW] == 5


@pytest.mark.parametrize("value", [0, -1, 1001, 1.5, True, None, "5", [5], 1e300])
def test_escalations_per_window_are_a_whole_number_up_to_a_thousand(value: Any) -> None:
    assert ESCALATIONS_PER_WINDOW.parse(value) is None
    assert ESCALATIONS_PER_WINDOW.parse(5.0) == 5


@pytest.mark.parametrize("value", [59, 604_801, 60.5, True, None, "300", [300], 1e300, -300])
def test_a_first_deadline_is_whole_seconds_from_a_minute_to_a_week(value: Any) -> None:
    assert ESCALATION_TTL_SECONDS.parse(value) is None
    assert [ESCALATION_TTL_SECONDS.parse(seconds) for seconds in (60, 300.0, 604_800)] == [60, 300, 604_800]
    assert DEFAULT_LIMITS.get(ESCALATION_TTL_SECONDS) is None


@pytest.mark.parametrize("value", ["Ops, FOOD ,\u00a0infra", ["Ops ", " food", "INFRA"], "ops,ops ,OPS,food,infra"])
def test_categories_are_compared_trimmed_and_without_case(value: Any) -> None:
    allowed = limits_of([{"id": "r", "key": "allowed_categories", "value": value}])

    assert allowed[ALLOWED_CATEGORIES] == {"ops", "food", "infra"}
    assert allowed == limits_in_context({"allowedCategories": value})


@every_key
@given(data=st.data())
def test_a_demand_that_is_made_twice_is_made_once(key: RuleKey[Any], data: st.DataObject) -> None:
    demand = data.draw(_demands(key))

    assert key.narrow(demand, demand) == demand


@every_payment_key
@given(data=st.data(), payment=PAYMENTS)
def test_the_order_of_two_demands_makes_no_difference_to_any_payment(
    key: RuleKey[Any], data: st.DataObject, payment: Payment
) -> None:
    one, other = data.draw(_demands(key)), data.draw(_demands(key))

    assert _judge(key, payment, key.narrow(one, other)) == _judge(key, payment, key.narrow(other, one))


@every_payment_key
@given(data=st.data(), payment=PAYMENTS)
def test_two_demands_together_are_as_strict_as_the_stricter_of_them(
    key: RuleKey[Any], data: st.DataObject, payment: Payment
) -> None:
    one, other = data.draw(_demands(key)), data.draw(_demands(key))

    together = _strictness(_judge(key, payment, key.narrow(one, other)))

    assert together == max(_strictness(_judge(key, payment, demand)) for demand in (one, other))


@given(data=st.data(), payment=PAYMENTS)
def test_of_several_demands_that_a_payment_crosses_the_strictest_judges_and_the_first_among_equals(
    data: st.DataObject, payment: Payment
) -> None:
    limits = NO_LIMITS
    for key in data.draw(st.lists(st.sampled_from(ABOUT_PAYMENTS), unique=True)):
        limits = limits.narrowed(key, data.draw(_demands(key)))
    crossed = {
        key: verdict for key in ABOUT_PAYMENTS if key in limits.demands and (verdict := _judged(limits, key, payment))
    }

    told = limits.judge(payment)

    if not crossed:
        assert told is None
        return
    strictest = max(STRICTNESS[verdict.outcome] for verdict in crossed.values())
    equals = [key for key, verdict in crossed.items() if STRICTNESS[verdict.outcome] == strictest]
    assert told == crossed[min(equals, key=lambda key: key.precedence)]


def _judged(limits: Limits, key: RuleKey[Any], payment: Payment) -> Verdict | None:
    return _judge(key, payment, limits[key])


def test_no_word_and_no_callers_limit_and_no_precedence_belongs_to_two_keys() -> None:
    words = [word for key in RULE_KEYS for word in (key.name, *key.aliases)]

    assert sorted(words) == sorted(KEY_OF)
    assert all(KEY_OF[word] is key for key in RULE_KEYS for word in (key.name, *key.aliases))
    assert all(word == word.strip().lower() for word in words)
    assert len(set(CONTEXT_LIMITS)) == len({key.precedence for key in ABOUT_PAYMENTS}) == len(ABOUT_PAYMENTS)
