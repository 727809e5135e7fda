"""Policy: which rules are understood, and what several scopes demand together."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.policy.rule_keys import (
    ALLOWED_CATEGORIES,
    ALLOWED_HOURS,
    DAILY_SPEND_LIMIT,
    DEFAULT_RULES,
    ESCALATIONS_PER_WINDOW,
    KEY_OF,
    MAX_AMOUNT,
    MAX_CATEGORIES,
    MAX_CATEGORY_LENGTH,
    MAX_TRANSACTION,
    NO_LIMITS,
    Limits,
    Window,
    effective,
    limits_in_context,
    limits_of,
)
from handshake.policy.rules import GLOBAL, MAX_RULES, Scope, parse_rules, parse_scope
from tests.support.refusals import answer, reason
from tests.support.workflow_requests import ANY_JSON, DAY_MINUTES, HOURS, MONEY, hours, minutes_of, rules

SHAPE = "trust_context_invalid_request_shape"
NO_VALUES: list[Any] = [None, {}, []]
INVALID = "policy_invalid_policy"


def _rule(key: Any, value: Any, **changes: Any) -> dict[str, Any]:
    return {"id": "r", "key": key, "value": value} | changes


def _allowed_minutes(policy: Limits) -> set[int]:
    windows = policy[ALLOWED_HOURS]
    return {minute for minute in range(DAY_MINUTES) if all(window.holds(minute) for window in windows)}


def _no_wider(one: Limits, other: Limits) -> bool:
    return (
        one[MAX_TRANSACTION] <= other[MAX_TRANSACTION]
        and one[DAILY_SPEND_LIMIT] <= other[DAILY_SPEND_LIMIT]
        and one[ALLOWED_CATEGORIES] <= other[ALLOWED_CATEGORIES]
        and _allowed_minutes(one) <= _allowed_minutes(other)
    )


# -- windows ----------------------------------------------------------------------------------------------------


@given(HOURS)
def test_a_window_holds_exactly_the_minutes_from_its_start_to_its_end_across_midnight_too(text: str) -> None:
    [window] = limits_of([_rule("allowed_hours", text)])[ALLOWED_HOURS]

    assert {minute for minute in range(DAY_MINUTES) if window.holds(minute)} == minutes_of(text)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", [22 * 60, 23 * 60 + 59, 0, 6 * 60], [22 * 60 - 1, 6 * 60 + 1, 12 * 60]),
        ("09:30-17:15", [9 * 60 + 30, 17 * 60 + 15], [9 * 60 + 29, 17 * 60 + 16]),
        ("12:00-12:00", [12 * 60], [12 * 60 - 1, 12 * 60 + 1]),
        ("00:00-23:59", [0, 23 * 60 + 59], []),
    ],
)
def test_windows_are_kept_to_the_minute(text: str, inside: list[int], outside: list[int]) -> None:
    [window] = limits_of([_rule("allowed_hours", text)])[ALLOWED_HOURS]

    assert all(map(window.holds, inside))
    assert not any(map(window.holds, outside))


# -- combining --------------------------------------------------------------------------------------------------


@given(rules(), rules())
def test_rules_combine_to_the_smaller_number_the_shared_categories_and_every_window(
    some: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    one, other = limits_of(some), limits_of(others)
    together = one.narrowed_by(other)

    for key in (MAX_TRANSACTION, DAILY_SPEND_LIMIT):
        demands = [demand for limits in (one, other) if (demand := limits.get(key)) is not None]
        assert together.get(key) == min(demands, default=None)
    sets = [names for limits in (one, other) if (names := limits.get(ALLOWED_CATEGORIES)) is not None]
    assert together.get(ALLOWED_CATEGORIES) == (frozenset.intersection(*sets) if sets else None)
    windows = [*(one.get(ALLOWED_HOURS) or ()), *(other.get(ALLOWED_HOURS) or ())]
    for minute in range(0, DAY_MINUTES, 7):
        assert all(window.holds(minute) for window in together.get(ALLOWED_HOURS) or ()) == all(
            window.holds(minute) for window in windows
        )


@given(rules(), rules(), rules())
def test_the_order_in_which_scopes_combine_does_not_matter(
    first: list[dict[str, Any]], second: list[dict[str, Any]], third: list[dict[str, Any]]
) -> None:
    one, two, three = map(limits_of, (first, second, third))

    def meaning(limits: Limits) -> Limits:
        return effective(NO_LIMITS, limits, NO_LIMITS)

    there, back = meaning(one.narrowed_by(two).narrowed_by(three)), meaning(three.narrowed_by(two.narrowed_by(one)))

    assert _no_wider(there, back)
    assert _no_wider(back, there)
    assert limits_of(first + second) == one.narrowed_by(two)


@given(rules(), rules(), rules(), rules(max_size=1))
def test_whatever_an_agent_or_a_caller_adds_only_narrows(
    stored: list[dict[str, Any]], agent: list[dict[str, Any]], caller: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    for_all, for_agent, own, added = map(limits_of, (stored, agent, caller, more))
    before = effective(for_all, for_agent, own)

    assert _no_wider(effective(for_all, for_agent.narrowed_by(added), own), before)
    assert _no_wider(effective(for_all, for_agent, own.narrowed_by(added)), before)
    assert _no_wider(before, effective(for_all, NO_LIMITS, NO_LIMITS))


@given(rules(), rules(max_size=1).filter(bool))
def test_a_second_global_rule_for_a_key_only_narrows(stored: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    named = {KEY_OF[rule["key"].lower()] for rule in stored}
    if KEY_OF[more[0]["key"].lower()] in named:
        before = effective(limits_of(stored), NO_LIMITS, NO_LIMITS)

        assert _no_wider(effective(limits_of(stored + more), NO_LIMITS, NO_LIMITS), before)


def test_with_no_stored_policy_the_contracts_defaults_hold() -> None:
    assert effective(NO_LIMITS, NO_LIMITS, NO_LIMITS) == Limits(
        {
            MAX_TRANSACTION: Decimal(100),
            DAILY_SPEND_LIMIT: Decimal(1000),
            ALLOWED_HOURS: (Window(0, DAY_MINUTES - 1),),
            ALLOWED_CATEGORIES: frozenset({"ops", "infra", "subscriptions", "food", "transport"}),
            ESCALATIONS_PER_WINDOW: 5,
        }
    )
    assert parse_rules(list(DEFAULT_RULES)) == list(DEFAULT_RULES)


def test_a_stored_global_value_replaces_its_default_and_no_other_and_an_agents_replaces_none() -> None:
    larger = limits_of([_rule("max_transaction", 5000)])
    policy = effective(larger, NO_LIMITS, NO_LIMITS)

    assert (policy[MAX_TRANSACTION], policy[DAILY_SPEND_LIMIT]) == (Decimal(5000), Decimal(1000))
    assert effective(NO_LIMITS, larger, NO_LIMITS)[MAX_TRANSACTION] == Decimal(100)


# -- what is understood -----------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(KEY_OF)), st.data())
def test_keys_are_known_without_case_or_surrounding_space(key: str, data: st.DataObject) -> None:
    written = "".join(data.draw(st.sampled_from([char.lower(), char.upper()])) for char in key)
    value: Any = {"allowed_hours": "08:00-09:00", "allowed_categories": "ops"}.get(KEY_OF[key].name, 70)

    assert limits_of([_rule(f" {written}\t", value)]) == limits_of([_rule(KEY_OF[key].name, value)])
    assert limits_of([_rule(written, value)]) != NO_LIMITS


@pytest.mark.parametrize("key", ["", "max", "max transaction", "allowed_hour", "daily-spend-limit", "\uff4dax_payment"])
def test_a_key_nobody_knows_is_refused(key: str) -> None:
    assert reason(lambda: parse_rules([_rule(key, 1)])) == INVALID


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[
            (key, value)
            for key in ("max_transaction", "daily_spend_limit")
            for value in (*NO_VALUES, -1, -0.01, "100", True, float("inf"), float(MAX_AMOUNT) * 2)
        ],
        *[
            ("allowed_hours", value)
            for value in (
                *("", "9:00-17:00", "24:00-01:00", "09:60-10:00", "09:00", "09:00-17:00-18:00", "09:00\u201317:00"),
                *("\u0660\u0669:00-17:00", "09:00 - 17:00", 9, None, ["09:00-17:00"], "09:00-17:00\x00"),
            )
        ],
        *[
            ("allowed_categories", value)
            for value in (*NO_VALUES[:2], "", " ", "ops,", ",", 5, ["ops", 1], [""], ["a\nb"], ["x" * 65])
        ],
        ("allowed_categories", [f"c{index}" for index in range(MAX_CATEGORIES + 1)]),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused(key: str, value: Any) -> None:
    assert reason(lambda: parse_rules([_rule(key, value)])) == INVALID


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_transaction", 0),
        ("max_transaction", 0.01),
        ("daily_spend_limit", int(MAX_AMOUNT)),
        ("allowed_hours", " 22:00-06:00 "),
        ("allowed_categories", []),
        ("allowed_categories", "Ops, travel"),
        ("allowed_categories", ["x" * MAX_CATEGORY_LENGTH]),
        ("allowed_categories", [f"c{index}" for index in range(MAX_CATEGORIES)]),
    ],
)
def test_values_up_to_their_bounds_are_kept_as_they_were_written(key: str, value: Any) -> None:
    assert parse_rules([_rule(key, value, note="dropped")]) == [{"id": "r", "key": key, "value": value}]


def test_categories_are_one_list_however_they_are_written() -> None:
    written = ["OPS ,travel", [" ops", "Travel"], ["travel", "ops", "ops"]]

    assert {limits_of([_rule("allowed_categories", value)])[ALLOWED_CATEGORIES] for value in written} == {
        frozenset({"ops", "travel"})
    }


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        "max_transaction",
        [None],
        [[]],
        [{}],
        [{"id": "r", "key": "max_transaction"}],
        [{"key": "max_transaction", "value": 1}],
        [_rule(7, 1)],
        [_rule("max_transaction", 1, id="")],
        [_rule("max_transaction", 1, id="a\x00b")],
        [_rule("max_transaction", 1, id="i" * 257)],
        [_rule("max_transaction", 1), _rule("max_transaction", 2)],
        [_rule("max_transaction", 1, id=f"r{index}") for index in range(MAX_RULES + 1)],
    ],
)
def test_what_is_no_array_of_well_formed_rules_is_a_matter_of_shape(value: Any) -> None:
    assert reason(lambda: parse_rules(value)) == SHAPE


def test_no_rules_and_as_many_as_are_taken_are_policies() -> None:
    assert parse_rules([]) == []
    assert len(parse_rules([_rule("max_transaction", 1, id=f"r{index}") for index in range(MAX_RULES)])) == MAX_RULES


@given(st.lists(st.fixed_dictionaries({"id": ANY_JSON, "key": st.sampled_from(sorted(KEY_OF)), "value": ANY_JSON})))
def test_rules_of_any_values_are_kept_or_refused(value: list[dict[str, Any]]) -> None:
    assert answer(lambda: parse_rules(value)) in (value, SHAPE, INVALID)


# -- scopes and a caller's own limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, SHAPE),
        ({"scope": "Global"}, SHAPE),
        ({"scope": ["agent"]}, SHAPE),
        ({"scope": "tenant", "scopeId": "t"}, SHAPE),
        ({"scope": "agent"}, "trust_context_missing_binding"),
        ({"scope": "agent", "scopeId": None}, "trust_context_missing_binding"),
        ({"scope": "agent", "scopeId": "  "}, "trust_context_missing_binding"),
        ({"scope": "agent", "scopeId": 7}, SHAPE),
        ({"scope": "agent", "scopeId": "a\x7fb"}, SHAPE),
        ({"scope": "agent", "scopeId": "a" * 257}, SHAPE),
    ],
)
def test_a_scope_must_be_one_of_two_and_an_agents_must_name_it(fields: dict[str, Any], code: str) -> None:
    assert reason(lambda: parse_scope(fields)) == code


def test_a_global_scope_needs_no_id() -> None:
    assert parse_scope({"scope": "global", "scopeId": 7}) == GLOBAL
    assert parse_scope({"scope": "agent", "scopeId": "a" * 256}) == Scope("agent", "a" * 256)


@given(MONEY, MONEY, st.tuples(st.integers(0, 1439), st.integers(0, 1439)))
def test_a_callers_limits_mean_what_rules_of_the_same_values_mean(one: float, two: float, ends: Any) -> None:
    context = {"maxTransaction": one, "dailySpendLimit": two, "allowedHours": hours(*ends), "allowedCategories": "food"}
    keys = ("max_transaction", "daily_spend_limit", "allowed_hours", "allowed_categories")
    written = [_rule(key, value) for key, value in zip(keys, context.values(), strict=True)]

    assert limits_in_context(context | {"hour": 3}) == limits_of(written)


@pytest.mark.parametrize("name", ["maxTransaction", "dailySpendLimit", "allowedHours", "allowedCategories"])
def test_a_callers_limit_that_cannot_be_understood_is_not_passed_over(name: str) -> None:
    assert limits_in_context({name: {"odd": True}}) is None
    assert limits_in_context({name: None}) == NO_LIMITS


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({"scope": "agent", "scopeId": "a", "tenantId": "t"}, Scope("agent", "a", "t")),
        ({"scope": "agent", "scopeId": "a", "tenantId": None}, Scope("agent", "a")),
        ({"scope": "agent", "scopeId": "a", "tenantId": ""}, Scope("agent", "a")),
        ({"scope": "global", "tenantId": ""}, GLOBAL),
    ],
    ids=str,
)
def test_an_agents_policy_may_be_that_of_one_tenant(fields: dict[str, Any], scope: Scope) -> None:
    assert parse_scope(fields) == scope


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "global", "tenantId": "t"},
        {"scope": "global", "scopeId": "a", "tenantId": "t"},
        {"scope": "agent", "scopeId": "a", "tenantId": 7},
        {"scope": "agent", "scopeId": "a", "tenantId": "t\x00"},
        {"scope": "agent", "scopeId": "a", "tenantId": "t" * 257},
    ],
    ids=str,
)
def test_a_tenant_that_is_none_or_stands_beside_global_scope_is_a_matter_of_shape(fields: dict[str, Any]) -> None:
    assert reason(lambda: parse_scope(fields)) == SHAPE
